"""Lagged counts and recursive means of each cell, its surroundings, all types and the city."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.features import Column
from ilp_models.domain.history import History
from ilp_models.stats.filters import exponential_means

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Lags:
    """Counts of single past periods.

    Parameters
    ----------
    lags : sequence of int
        1 for the last usable period, 2 for the one before it, and so on.
    """

    lags: Sequence[int] = (1, 2)

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column a lag."""
        unit = history.calendar.period_unit
        return tuple(Column(f"lag_{k}", "lags", f"{{value:.0f}} events {k} {unit}(s) before") for k in self.lags)

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Fill the columns; 0 where the panel had not begun."""
        counts = history.panel.by_period
        seen = history.usable_periods(periods, step)
        for column, lag in enumerate(self.lags):
            usable = seen >= lag
            out[~usable, ..., column] = 0
            out[usable, ..., column] = counts[seen[usable] - lag]


@dataclass(frozen=True)
class RollingMeans:
    """Means of the latest periods of a cell, each period weighing the same.

    Parameters
    ----------
    windows : sequence of int
        Numbers of periods, one column each.
    """

    windows: Sequence[int]

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column a number of periods."""
        unit = history.calendar.period_unit
        return tuple(
            Column(
                f"rolling_mean_{count}",
                "own_past",
                f"{{value:.2f}} events a {unit} here over the last {count} {unit}(s)",
                "own",
            )
            for count in self.windows
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Fill the columns from running sums; over what there is where the panel is shorter, 0 before it began."""
        counts = history.panel.by_period
        sums = np.zeros((len(counts) + 1, *counts.shape[1:]))
        np.cumsum(counts, axis=0, out=sums[1:])
        last = np.maximum(history.usable_periods(periods, step), 0)
        for column, count in enumerate(self.windows):
            first = np.maximum(last - count, 0)
            out[..., column] = (sums[last] - sums[first]) / np.maximum(last - first, 1)[:, None, None]


@dataclass(frozen=True)
class ExponentialMeans:
    """Recursive means of a cell's own counts, optionally over its surroundings or over all crime types.

    Parameters
    ----------
    half_lives : sequence of float
        Periods after which a count weighs half.
    reach_cells : float, default 0
        Spatial smoothing in steps between neighbours (see ``Grid.smoothed``); 0 takes the cell alone.
    all_types : bool, default False
        Whether the crime types are added up.
    """

    half_lives: Sequence[float]
    reach_cells: float = 0.0
    all_types: bool = False

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column a half-life."""
        place = "around here" if self.reach_cells else "here"
        what = "events of all types" if self.all_types else "events"
        prefix = ("all_types_" if self.all_types else "") + (
            f"around_{self.reach_cells:g}_" if self.reach_cells else ""
        )
        family = "all_types" if self.all_types else "surroundings" if self.reach_cells else "own_past"
        kind = "all" if self.all_types else "own"
        return tuple(
            Column(
                f"{prefix}mean_{half_life:g}",
                family,
                f"{{value:.2f}} {what} a {history.calendar.period_unit} {place} lately "
                f"(half-life {_spoken(half_life, history.calendar)})",
                kind,
            )
            for half_life in self.half_lives
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Fill the columns by one recursive pass a half-life."""
        counts = history.panel.by_period
        if self.all_types:
            counts = counts.sum(axis=1, keepdims=True)
        seen = history.usable_periods(periods, step)
        for column, half_life in enumerate(self.half_lives):
            means = exponential_means(counts, half_life, seen, out=out[..., column])
            if self.reach_cells:
                means[...] = history.grid.smoothed(means, self.reach_cells)


@dataclass(frozen=True)
class CityLevel:
    """How the city's recent counts of a type compare with its own longer past: level and trend.

    Parameters
    ----------
    half_lives : sequence of float
        Recent half-lives, in periods.
    against : float
        Half-life of the longer past, in periods.
    """

    half_lives: Sequence[float] = (3, 13)
    against: float = 104

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column a half-life."""
        return tuple(
            Column(
                f"city_level_{half_life:g}",
                "city_level",
                f"the city at {{value:.2f}} times its longer past (half-life {_spoken(half_life, history.calendar)})",
            )
            for half_life in self.half_lives
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Fill the columns; 1 where there is no past to compare with."""
        totals = history.panel.by_period.sum(axis=2, keepdims=True)
        seen = history.usable_periods(periods, step)
        long = exponential_means(totals, self.against, seen)
        for column, half_life in enumerate(self.half_lives):
            recent = exponential_means(totals, half_life, seen)
            out[..., column] = np.divide(recent, long, out=np.ones_like(recent), where=long > 0)


def _spoken(half_life: float, calendar: Calendar) -> str:
    """Return a half-life as people say it."""
    return f"{half_life:g} {calendar.period_unit}{'s' if half_life != 1 else ''}"
