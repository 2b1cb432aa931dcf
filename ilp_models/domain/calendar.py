"""Periods: which stretches of local wall-clock time are counted together."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError

_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS: Final = {"week": 52, "day": 365, "month": 12}


@dataclass(frozen=True)
class Calendar:
    """Weeks, days or months in the local wall clock of the records.

    Parameters
    ----------
    period_unit : str, default "week"
        ``week``, ``day`` or ``month``.
    week_start : str, default "monday"
        First day of a week; only used when the unit is ``week``.

    Raises
    ------
    InputError
        If the unit or the day is not one of those named.
    """

    period_unit: str = "week"
    week_start: str = "monday"

    def __post_init__(self) -> None:
        """Refuse words that name no unit or day."""
        if self.period_unit not in _UNITS:
            msg = f"calendar.period_unit={self.period_unit!r} is unknown; choose one of {', '.join(_UNITS)}."
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
        """The number of periods in a year: 52 weeks, 365 days or 12 months."""
        return _UNITS[self.period_unit]

    def ordinals(self, times: pd.Series | pd.DatetimeIndex) -> npt.NDArray[np.int64]:
        """Return the period number of each time; consecutive periods have consecutive numbers.

        Parameters
        ----------
        times : Series or DatetimeIndex
            Wall-clock times without a zone.

        Returns
        -------
        ndarray of int64
            One period ordinal a time.
        """
        return np.asarray(pd.DatetimeIndex(times).to_period(self.freq).asi8, dtype=np.int64)

    def whole(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.PeriodIndex:
        """Return the periods that lie wholly inside a span of time.

        Parameters
        ----------
        start, end : Timestamp
            The half-open span [start, end).

        Returns
        -------
        PeriodIndex
            Whole periods in order; empty if the span holds none.

        Examples
        --------
        >>> weeks = Calendar().whole(pd.Timestamp("2014-01-01"), pd.Timestamp("2014-01-27"))
        >>> [str(week.start_time.date()) for week in weeks]
        ['2014-01-06', '2014-01-13', '2014-01-20']
        """
        first = pd.Period(start, freq=self.freq)
        if first.start_time < start:
            first += 1
        last = pd.Period(end, freq=self.freq) - 1
        return pd.period_range(first, last, freq=self.freq)

    def ahead(self, cutoff: pd.Timestamp, count: int) -> pd.PeriodIndex:
        """Return the first periods that start at or after a cutoff.

        Parameters
        ----------
        cutoff : Timestamp
            The moment of the forecast.
        count : int
            How many periods.

        Returns
        -------
        PeriodIndex
            ``count`` consecutive periods, leads 1 to ``count``.
        """
        first = pd.Period(cutoff, freq=self.freq)
        if first.start_time < cutoff:
            first += 1
        return pd.period_range(first, periods=count, freq=self.freq)

    def unsettled(self, cutoff: pd.Timestamp, wait: pd.Timedelta) -> int:
        """Return how many periods just before the first one ahead of a cutoff had not settled by then.

        Parameters
        ----------
        cutoff : Timestamp
            The moment of the forecast.
        wait : Timedelta
            How long after a period its counts are complete.

        Returns
        -------
        int
            0 where all were known.

        Examples
        --------
        >>> Calendar(period_unit="day").unsettled(pd.Timestamp("2021-03-01"), pd.Timedelta("7D"))
        7
        """
        return int(self.ahead(cutoff, 1)[0].ordinal - pd.Period(cutoff - wait, freq=self.freq).ordinal)
