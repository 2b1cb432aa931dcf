"""Exponentially weighted moving average (EWMA): the strong simple baseline."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.family_reasons import NEIGHBOURS
from ilp_models.domain.features import OWN_PAST
from ilp_models.domain.forecaster import Cube
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster, deviance_by_type, recent_periods
from ilp_models.model.reason_parts import Parts, split_own_past


class EWMA(HindcastForecaster):
    """Exponentially weighted mean of each cell, smoothed over its neighbours.

    Half-life and smoothing of each crime type have the smallest Poisson deviance of one-step-ahead forecasts over the
    latest year before the cutoff.

    Parameters
    ----------
    half_lives : sequence of float
        Candidate half-lives, periods.
    smoothing : sequence of float
        Candidate weights of the neighbourhood mean, 0 to 1.
    reach_cells : float, default 1.0
        Width of the Gaussian neighbourhood, in steps between neighbouring cells (see ``Grid.smoothed``).

    Examples
    --------
    >>> model = EWMA(half_lives=(8, 26, 52)).fit(history)
    >>> model.half_lives_.shape
    (2,)
    >>> model.predict(next_week).expected.shape
    (2, 12, 1)
    """

    share_column = OWN_PAST
    half_lives_: npt.NDArray[np.float64]
    smoothing_: npt.NDArray[np.float64]

    def __init__(
        self,
        half_lives: Sequence[float] = (8, 16, 26, 40, 52, 80, 104, 156, 208),
        smoothing: Sequence[float] = (0.0, 0.05, 0.1, 0.2, 0.4),
        reach_cells: float = 1.0,
    ) -> None:
        self.half_lives = half_lives
        self.smoothing = smoothing
        self.reach_cells = reach_cells

    def _tune(self, history: History) -> None:
        targets = recent_periods(history)
        usable = history.usable_periods(targets, history.first_step)
        observed = history.panel.by_period[-len(targets) :]
        best = np.full(observed.shape[1], np.inf)
        self.half_lives_, self.smoothing_ = np.zeros(len(best)), np.zeros(len(best))
        for half_life in self.half_lives:
            means = history.panel.past.exponential_means(half_life, usable)
            around = history.grid.smoothed(means, self.reach_cells)
            for weight in self.smoothing:
                loss = deviance_by_type(observed, means + np.float32(weight) * (around - means))
                better = loss < best
                best[better] = loss[better]
                self.half_lives_[better], self.smoothing_[better] = half_life, weight

    def hindcast(self, history: History, periods: pd.PeriodIndex, step: int) -> Cube:
        """Return the smoothed means of each crime type with its settings."""
        means = self._own_means(history, periods, step)
        weight = self.smoothing_.astype(np.float32)[:, None]
        return np.asarray(means + weight * (history.grid.smoothed(means, self.reach_cells) - means))

    def _own_means(self, history: History, periods: pd.PeriodIndex, step: int) -> npt.NDArray[np.float32]:
        """Return the means of the cells themselves, before they are smoothed."""
        past, usable = history.panel.past, history.usable_periods(periods, step)
        out = np.empty((len(periods), *past.counts.shape[1:]), dtype=np.float32)
        for half_life in np.unique(self.half_lives_):
            chosen = np.flatnonzero(self.half_lives_ == half_life)
            out[:, chosen] = past.select_types(chosen).exponential_means(float(half_life), usable)
        return out

    def split_hindcast(self, history: History, period: pd.PeriodIndex, step: int, expected: Cube) -> Parts:
        """Return the usual level, the last weeks and the neighbours, which are what the smoothing changes."""
        own = self._own_means(history, period, step)[0].astype(np.float64)
        reference, parts = split_own_past(history, own, step, lambda step: self._own_means(history, period, step)[0])
        return reference, parts | {NEIGHBOURS: expected - own}
