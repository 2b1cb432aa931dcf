"""Calendar features: season, holidays, weekday and crime-type indicators."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.calendar_terms import TERM_WORDS, CalendarTerms
from ilp_models.domain.errors import InputError
from ilp_models.domain.features import Column
from ilp_models.domain.history import History

Floats = npt.NDArray[np.float32]

_WEEK: Final = 7  # days


@dataclass(frozen=True)
class CalendarColumns:
    """Season, public holidays and month starts of the target period.

    Parameters
    ----------
    terms : CalendarTerms, optional
        Country of the holidays and number of harmonics of the year; by default the country of the events and one.
    """

    terms: CalendarTerms = field(default_factory=CalendarTerms)

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column per calendar term."""
        return tuple(
            Column(f"calendar_{name}", "calendar", TERM_WORDS.get(name, "the time of the year"))
            for name in self.terms.for_events(history.events).names(history.calendar)
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Write the columns; they do not depend on ``step``."""
        del step
        terms = self.terms.for_events(history.events)
        out[...] = terms.values(periods, history.calendar)[:, None, None, :]


@dataclass(frozen=True)
class SameSeason:
    """Mean counts around the same period in earlier years.

    Parameters
    ----------
    years : sequence of int
        Numbers of years back, one column each.
    width : int, default 2
        Periods included before and after the same period.
    reach_cells : float, default 0
        Standard deviation of the spatial smoothing, in steps between neighbours; 0 uses the cell alone.
    """

    years: Sequence[int] = (1,)
    width: int = 2
    reach_cells: float = 0.0

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column per year."""
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
        """Write the columns from cumulative sums; 0 before the first period of the panel."""
        usable = history.usable_periods(periods, step)
        same = [year * history.calendar.per_year - step + 1 for year in self.years]  # the lag of the same period
        windows = [(max(lag - self.width, 1), max(lag + self.width, 0)) for lag in same]
        for column, total in enumerate(history.panel.past.window_sums(usable, windows)):
            first, last = windows[column]
            length = np.clip(usable - first + 1, 0, None) - np.clip(usable - last, 0, None)
            means = (total / np.maximum(length, 1)[:, None, None]).astype(np.float32)
            out[..., column] = history.grid.smoothed(means, self.reach_cells)


@dataclass(frozen=True)
class SameWeekday:
    """Exponentially weighted means of the counts on the weekday of the target; only for days.

    Parameters
    ----------
    half_lives : sequence of float
        Weeks after which a count has half the weight, one column each.
    reach_cells : float, default 0
        Standard deviation of the spatial smoothing, in steps between neighbours; 0 uses the cell alone.
    all_types : bool, default False
        Whether to sum over crime types.
    """

    half_lives: Sequence[float] = (8,)
    reach_cells: float = 0.0
    all_types: bool = False

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column per half-life."""
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
        """Write the columns by one recursive pass per half-life and weekday; 0 before that weekday first occurs."""
        past = history.panel.past.all_types() if self.all_types else history.panel.past
        usable = history.usable_periods(periods, step)
        phase = (usable + step - 1) % _WEEK  # weekday, counted from the first day of the panel
        for weekday in np.unique(phase):
            targets = phase == weekday
            known = -((weekday - usable[targets]) // _WEEK)  # usable days with that weekday
            same = past.every(_WEEK, int(weekday), step)
            for column, half_life in enumerate(self.half_lives):
                out[targets, ..., column] = same.exponential_means(half_life, known)
        if self.reach_cells:
            for column in range(len(self.half_lives)):
                out[..., column] = history.grid.smoothed(np.ascontiguousarray(out[..., column]), self.reach_cells)


@dataclass(frozen=True)
class TypeIndicators:
    """0/1 indicators of the crime type, one column per type."""

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column per crime type."""
        return tuple(
            Column(f"type_{name}", "crime_type", f"the crime type ({name})") for name in history.events.crime_types
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Write the columns; they depend only on the crime type of the row."""
        del periods, step
        out[...] = np.eye(len(history.events.crime_types), dtype=np.float32)[None, :, None, :]
