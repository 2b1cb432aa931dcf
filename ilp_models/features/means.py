"""Lags, rolling means and exponentially weighted means of past counts: cell, neighbourhood, all types and city."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.features import Column
from ilp_models.domain.history import History

Floats = npt.NDArray[np.float32]

_PERIODS_AT_ONCE: Final = 52  # smoothed together, so that smoothing needs little memory


@dataclass(frozen=True)
class Lags:
    """Counts of single past periods (lags).

    Parameters
    ----------
    lags : sequence of int
        1 for the last usable period, 2 for the period before it, and so on.
    """

    lags: Sequence[int] = (1, 2)

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column per lag."""
        unit = history.calendar.period_unit
        return tuple(Column(f"lag_{k}", "lags", f"{{value:.4g}} events {k} {unit}(s) before") for k in self.lags)

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Write the columns; 0 before the first period of the panel."""
        usable = history.usable_periods(periods, step)
        single = history.panel.past.window_sums(usable, [(lag, lag) for lag in self.lags])
        for column, counts in enumerate(single):
            out[..., column] = counts


@dataclass(frozen=True)
class RollingMeans:
    """Means of the latest periods of a cell, with equal weights.

    Parameters
    ----------
    windows : sequence of int
        Numbers of periods, one column each.
    """

    windows: Sequence[int]

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column per number of periods."""
        unit = history.calendar.period_unit
        return tuple(
            Column(
                f"rolling_mean_{count}",
                "own_past",
                f"{{value:.2f}} events a {unit} here over the last {count} {unit}(s)",
                "own",
                count / 2 / history.calendar.per_year,
            )
            for count in self.windows
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Write the columns from running sums; shorter windows at the start of the panel, 0 before it."""
        usable = np.maximum(history.usable_periods(periods, step), 0)
        sums = history.panel.past.window_sums(usable, [(1, count) for count in self.windows])
        for column, (count, total) in enumerate(zip(self.windows, sums, strict=True)):
            out[..., column] = total / np.clip(usable, 1, count)[:, None, None]


@dataclass(frozen=True)
class ExponentialMeans:
    """Exponentially weighted means of the counts of a cell, its neighbourhood or all crime types.

    Parameters
    ----------
    half_lives : sequence of float
        Periods after which a count has half the weight, one column each.
    reach_cells : float, default 0
        Standard deviation of the spatial smoothing, in steps between neighbours; 0 uses the cell alone.
    all_types : bool, default False
        Whether to sum over crime types.
    """

    half_lives: Sequence[float]
    reach_cells: float = 0.0
    all_types: bool = False

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column per half-life."""
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
                f"(half-life {_as_text(half_life, history.calendar)})",
                kind,
                half_life / math.log(2) / history.calendar.per_year,
            )
            for half_life in self.half_lives
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Write the columns by one recursive pass per half-life."""
        past = history.panel.past.all_types() if self.all_types else history.panel.past
        usable = history.usable_periods(periods, step)
        means = np.empty((len(periods), *past.counts.shape[1:]), dtype=np.float32) if self.all_types else None
        for column, half_life in enumerate(self.half_lives):
            own = past.exponential_means(half_life, usable, out=out[..., column] if means is None else means)
            if self.reach_cells:
                for first in range(0, len(own), _PERIODS_AT_ONCE):
                    part = slice(first, first + _PERIODS_AT_ONCE)
                    own[part] = history.grid.smoothed(own[part], self.reach_cells)
            if means is not None:
                out[..., column] = means  # the same for all crime types


@dataclass(frozen=True)
class CityLevel:
    """Ratio of the recent to the longer-term mean of the city's counts of a type: level and trend.

    Parameters
    ----------
    half_lives : sequence of float
        Recent half-lives, in periods, one column each.
    against : float, default 104
        Half-life of the longer-term mean, in periods.
    """

    half_lives: Sequence[float] = (3, 13)
    against: float = 104

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column per half-life."""
        return tuple(
            Column(
                f"city_level_{half_life:g}",
                "city_level",
                f"the city at {{value:.2f}} times its longer past (half-life {_as_text(half_life, history.calendar)})",
            )
            for half_life in self.half_lives
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Write the columns; 1 where there are no past counts."""
        totals = history.panel.past.all_cells()
        usable = history.usable_periods(periods, step)
        long = totals.exponential_means(self.against, usable)
        for column, half_life in enumerate(self.half_lives):
            recent = totals.exponential_means(half_life, usable)
            out[..., column] = np.divide(recent, long, out=np.ones_like(recent), where=long > 0)


def _as_text(half_life: float, calendar: Calendar) -> str:
    """Return a half-life with its unit, such as 8 weeks."""
    return f"{half_life:g} {calendar.period_unit}{'s' if half_life != 1 else ''}"
