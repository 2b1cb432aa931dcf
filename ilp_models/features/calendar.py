"""What the calendar says of a period, known long before it begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.calendar_terms import TERM_WORDS, CalendarTerms
from ilp_models.domain.errors import InputError
from ilp_models.domain.features import Column
from ilp_models.domain.history import History
from ilp_models.stats.filters import exponential_means

Floats = npt.NDArray[np.float32]

_WEEK: Final = 7  # days


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
            for name in self.terms.for_events(history.events).names(history.calendar)
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Fill the columns; they do not depend on ``step``."""
        del step
        terms = self.terms.for_events(history.events)
        out[...] = terms.values(periods, history.calendar)[:, None, None, :]


@dataclass(frozen=True)
class SameSeason:
    """The mean of the same part of earlier years.

    Parameters
    ----------
    years : sequence of int
        How many years back, one column each.
    width : int, default 2
        Periods taken in before and after the same period.
    reach_cells : float, default 0
        Spatial smoothing in steps between neighbours.
    """

    years: Sequence[int] = (1,)
    width: int = 2
    reach_cells: float = 0.0

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column a year."""
        unit = history.calendar.period_unit
        place = "around here" if self.reach_cells else "here"
        prefix = f"around_{self.reach_cells:g}_" if self.reach_cells else ""
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
        seen = history.usable_periods(periods, step)
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
            out[..., column] = history.grid.smoothed(means, self.reach_cells)


@dataclass(frozen=True)
class SameWeekday:
    """Recursive means of the counts on the target's weekday: how the week of a cell differs from the city's.

    Parameters
    ----------
    half_lives : sequence of float
        Weeks after which a count weighs half.
    reach_cells : float, default 0
        Spatial smoothing in steps between neighbours (see ``Grid.smoothed``); 0 takes the cell alone.
    all_types : bool, default False
        Whether the crime types are added up.
    """

    half_lives: Sequence[float] = (8,)
    reach_cells: float = 0.0
    all_types: bool = False

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column a half-life."""
        if history.calendar.period_unit != "day":
            msg = (
                f"SameWeekday needs days, not {history.calendar.period_unit}s: set calendar.period_unit=day, or "
                "remove it from the features."
            )
            raise InputError(msg)
        what = "events of all types" if self.all_types else "events"
        place = "around here" if self.reach_cells else "here"
        prefix = ("all_types_" if self.all_types else "") + (
            f"around_{self.reach_cells:g}_" if self.reach_cells else ""
        )
        return tuple(
            Column(
                f"{prefix}weekday_mean_{half_life:g}",
                "same_weekday",
                f"{{value:.2f}} {what} {place} on this weekday lately (half-life {half_life:g} weeks)",
                "all" if self.all_types else "own",
            )
            for half_life in self.half_lives
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Fill the columns by one recursive pass a half-life and weekday; 0 where that weekday had not come yet."""
        counts = history.panel.by_period
        if self.all_types:
            counts = counts.sum(axis=1, keepdims=True)
        seen = history.usable_periods(periods, step)
        phase = (seen + step - 1) % _WEEK  # days since the panel's first day, in weeks of its own
        for weekday in np.unique(phase):
            targets = phase == weekday
            known = -((weekday - seen[targets]) // _WEEK)  # days of that phase among those seen
            for column, half_life in enumerate(self.half_lives):
                out[targets, ..., column] = exponential_means(counts[weekday::_WEEK], half_life, known)
        if self.reach_cells:
            for column in range(len(self.half_lives)):
                out[..., column] = history.grid.smoothed(np.ascontiguousarray(out[..., column]), self.reach_cells)


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
