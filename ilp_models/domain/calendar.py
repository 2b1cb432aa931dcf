"""Calendar: weeks, days or months as the periods in which events are counted."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError

_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PERIODS_PER_YEAR: Final = {"week": 52, "day": 365, "month": 12}


@dataclass(frozen=True)
class Calendar:
    """Weeks, days or months in the local wall clock of the records.

    Parameters
    ----------
    period_unit : str, default "week"
        ``week``, ``day`` or ``month``.
    week_start : str, default "monday"
        First day of a week; only used with ``week``.

    Raises
    ------
    InputError
        If the unit or the day is unknown.

    Examples
    --------
    >>> weeks = Calendar().whole_periods(pd.Timestamp("2014-01-01"), pd.Timestamp("2014-01-27"))
    >>> [str(week.start_time.date()) for week in weeks]
    ['2014-01-06', '2014-01-13', '2014-01-20']
    """

    period_unit: str = "week"
    week_start: str = "monday"

    def __post_init__(self) -> None:
        """Refuse an unknown unit or day."""
        if self.period_unit not in _PERIODS_PER_YEAR:
            msg = f"calendar.period_unit={self.period_unit!r} is unknown; choose one of {', '.join(_PERIODS_PER_YEAR)}."
            raise InputError(msg)
        if self.week_start not in _WEEKDAYS:
            msg = f"calendar.week_start={self.week_start!r} is unknown; choose one of {', '.join(_WEEKDAYS)}."
            raise InputError(msg)

    @property
    def freq(self) -> str:
        """The pandas frequency of a period, such as ``W-SUN`` for weeks that start on Monday."""
        if self.period_unit == "week":
            last = _WEEKDAYS[(_WEEKDAYS.index(self.week_start) - 1) % 7]
            return f"W-{last[:3].upper()}"
        return {"day": "D", "month": "M"}[self.period_unit]

    @property
    def per_year(self) -> int:
        """Periods in a year: 52 weeks, 365 days or 12 months."""
        return _PERIODS_PER_YEAR[self.period_unit]

    def ordinals(self, times: pd.Series | pd.DatetimeIndex) -> npt.NDArray[np.int64]:
        """Return the period number of each wall-clock time; consecutive periods have consecutive numbers."""
        return np.asarray(pd.DatetimeIndex(times).to_period(self.freq).asi8, dtype=np.int64)

    def period_starts(self, ordinals: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return when the periods with these numbers start, in minutes since 1970, wall clock."""
        known, place = np.unique(ordinals, return_inverse=True)
        starts = [pd.Period(ordinal=int(one), freq=self.freq).start_time for one in known]
        return np.array(starts, dtype="datetime64[m]").astype(np.int64)[place]

    def whole_periods(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.PeriodIndex:
        """Return the periods that lie entirely in [start, end); empty if there is none."""
        first = pd.Period(start, freq=self.freq)
        if first.start_time < start:
            first += 1
        last = pd.Period(end, freq=self.freq) - 1
        return pd.period_range(first, last, freq=self.freq)

    def next_periods(self, cutoff: pd.Timestamp, count: int) -> pd.PeriodIndex:
        """Return the first ``count`` periods that start at or after a cutoff: leads 1 to ``count``."""
        first = pd.Period(cutoff, freq=self.freq)
        if first.start_time < cutoff:
            first += 1
        return pd.period_range(first, periods=count, freq=self.freq)

    def earlier(self, cutoff: pd.Timestamp, periods: int) -> pd.Timestamp:
        """Return the time some whole periods before a cutoff.

        >>> Calendar().earlier(pd.Timestamp("2021-03-01"), 2)
        Timestamp('2021-02-15 00:00:00')
        """
        period = pd.Period(cutoff, freq=self.freq)
        return cutoff - (period.start_time - (period - periods).start_time)

    def unsettled_periods(self, cutoff: pd.Timestamp, wait: pd.Timedelta) -> int:
        """Return how many periods before the next one have incomplete counts, given a reporting delay ``wait``.

        >>> Calendar(period_unit="day").unsettled_periods(pd.Timestamp("2021-03-01"), pd.Timedelta("7D"))
        7
        """
        return int(self.next_periods(cutoff, 1)[0].ordinal - pd.Period(cutoff - wait, freq=self.freq).ordinal)
