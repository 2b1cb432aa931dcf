"""Calendar terms: season, public holidays, month starts and the turn of the year as numbers per period."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Self

import holidays
import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events

AUTO: Final = "auto"

_DAYS_A_YEAR: Final = 365.2425
_YEAR_END: Final = (12, 24)

TERM_WORDS: Final = {
    "first_of_month": "the first day of a month falls in the period (records without a date often get it)",
    "holidays": "{value:.0f} public holiday(s) in the period",
    "year_end": "the days from Christmas to New Year",
}


@dataclass(frozen=True)
class CalendarTerms:
    """Season, public holidays, month starts and the turn of the year.

    Parameters
    ----------
    country : str or None, default "auto"
        ISO 3166 code of the country whose public holidays count, such as ``CA``. ``auto`` takes the country and the
        subdivision of the events. None leaves holidays out.
    subdivision : str, optional
        State or province, such as ``ON``.
    harmonics : int, default 1
        Pairs of sine and cosine waves over the year.

    Raises
    ------
    InputError
        If the ``holidays`` package does not know the country or the subdivision.
    """

    country: str | None = AUTO
    subdivision: str | None = None
    harmonics: int = 1

    def __post_init__(self) -> None:
        """Refuse a country without a known holiday calendar."""
        if self.country == AUTO and self.subdivision is not None:
            msg = f"subdivision={self.subdivision!r} needs a country; set country, such as CA."
            raise InputError(msg)
        if self.country is None or self.country == AUTO:
            return
        try:
            _holidays(self.country, self.subdivision, 2020, 2020)
        except NotImplementedError as error:
            msg = (
                f"No holidays are known for country={self.country!r}, subdivision={self.subdivision!r}: {error}. "
                "Use ISO 3166 codes such as CA and ON, or set country=null."
            )
            raise InputError(msg) from error

    def for_events(self, events: Events) -> Self:
        """Return the terms with the country of the events in place of ``auto``."""
        if self.country != AUTO:
            return self
        return replace(self, country=events.country, subdivision=events.subdivision)

    @property
    def _country(self) -> str | None:
        if self.country == AUTO:
            msg = "The country of the holidays is not known yet; call CalendarTerms.for_events(events) first."
            raise InputError(msg)
        return self.country

    def names(self, calendar: Calendar) -> tuple[str, ...]:
        """Return the names of the terms."""
        waves = tuple(f"{kind}_{k}" for k in range(1, self.harmonics + 1) for kind in ("sine", "cosine"))
        days = () if calendar.period_unit != "day" else tuple(f"weekday_{day}" for day in range(1, 7))
        first = ("first_of_month",) if calendar.period_unit != "month" else ()
        holiday = ("holidays",) if self._country else ()
        return (*first, *holiday, "year_end", *waves, *days)

    def values(self, periods: pd.PeriodIndex, calendar: Calendar) -> npt.NDArray[np.float64]:
        """Return the terms of some periods, shape (periods, terms)."""
        starts, ends = periods.start_time, periods.end_time.normalize()  # slow in pandas, so computed once
        lengths = (ends - starts).days.to_numpy() + 1
        days = pd.date_range(starts[0], ends[-1], freq="D")
        period_of_day = np.repeat(np.arange(len(periods)), lengths)

        def per_period(flag: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
            return np.bincount(period_of_day, weights=flag, minlength=len(periods)).astype(np.float64)

        turn = (days.month == _YEAR_END[0]) & (days.day >= _YEAR_END[1]) | (days.month == 1) & (days.day == 1)
        columns = {"first_of_month": per_period(days.day == 1), "year_end": per_period(turn) / lengths}
        if self._country:
            known = _holidays(self._country, self.subdivision, days[0].year, days[-1].year)
            columns["holidays"] = per_period(days.isin(known))
        middle = (starts - pd.Timestamp("2000-01-01")).days.to_numpy() + lengths / 2
        for k in range(1, self.harmonics + 1):
            angle = 2 * np.pi * k * middle / _DAYS_A_YEAR
            columns[f"sine_{k}"], columns[f"cosine_{k}"] = np.sin(angle), np.cos(angle)
        if calendar.period_unit == "day":
            weekday = starts.day_of_week
            columns |= {f"weekday_{day}": (weekday == day).astype(float) for day in range(1, 7)}
        return np.stack([np.asarray(columns[name]) for name in self.names(calendar)], axis=1)


@cache
def _holidays(country: str, subdivision: str | None, first: int, last: int) -> pd.DatetimeIndex:
    """Return the public holidays of some years, cached because computing them is slow."""
    known = holidays.country_holidays(country, subdiv=subdivision, years=range(first, last + 1))
    return pd.DatetimeIndex(sorted(known))
