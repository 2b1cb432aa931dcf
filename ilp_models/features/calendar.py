"""What the calendar says of a period, known long before it begins."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.calendar_terms import TERM_WORDS, CalendarTerms
from ilp_models.domain.design import Column
from ilp_models.domain.history import History

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CalendarColumns:
    """Season, holidays and month starts of the target period.

    Parameters
    ----------
    terms : CalendarTerms
        Which holidays, how many harmonics of the year.
    """

    terms: CalendarTerms

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column a calendar term."""
        return tuple(
            Column(f"calendar_{name}", "calendar", TERM_WORDS.get(name, "the time of the year"))
            for name in self.terms.names(history.calendar)
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Fill the columns; they do not depend on ``step``."""
        del step
        out[...] = self.terms.values(periods, history.calendar)[:, None, None, :]


@dataclass(frozen=True)
class SameSeason:
    """The mean of the same part of earlier years.

    Parameters
    ----------
    years : sequence of int
        How many years back, one column each.
    width : int, default 2
        Periods taken in before and after the same period.
    reach : float, default 0
        Spatial smoothing in steps between neighbours.
    """

    years: Sequence[int] = (1,)
    width: int = 2
    reach: float = 0.0

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column a year."""
        unit = history.calendar.unit
        place = "around here" if self.reach else "here"
        prefix = f"around_{self.reach:g}_" if self.reach else ""
        return tuple(
            Column(
                f"{prefix}season_{year}",
                "same_season",
                f"{{value:.2f}} events a {unit} {place} at this time of the year, {year} year(s) ago",
                "own",
            )
            for year in self.years
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Fill the columns from cumulative sums; 0 where the panel had not begun."""
        totals = np.cumsum(history.panel.by_period, axis=0, dtype=np.float32)
        seen = history.seen(periods, step)
        centre = seen + step - 1
        for column, year in enumerate(self.years):
            middle = centre - year * history.calendar.per_year
            first = np.clip(middle - self.width, 0, None)
            last = np.minimum(middle + self.width + 1, seen)
            usable = last > first
            means = np.zeros((len(periods), *totals.shape[1:]), dtype=np.float32)
            upper = totals[last[usable] - 1]
            lower = np.where((first[usable] > 0)[:, None, None], totals[np.maximum(first[usable] - 1, 0)], 0)
            means[usable] = (upper - lower) / (last - first)[usable][:, None, None]
            out[..., column] = history.grid.smoothed(means, self.reach)


@dataclass(frozen=True)
class TypeIndicators:
    """Which crime type a row is about, one 0/1 column a type."""

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column a crime type."""
        return tuple(
            Column(f"type_{name}", "crime_type", f"the crime type ({name})") for name in history.events.crime_types
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Fill the columns; they depend on the row's crime type alone."""
        del periods, step
        out[...] = np.eye(len(history.events.crime_types), dtype=np.float32)[None, :, None, :]
