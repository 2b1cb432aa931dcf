"""Exponentially weighted means: the strong simple baseline."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.features import OWN_PAST
from ilp_models.domain.forecaster import Cube
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster, deviance_by_type, recent_periods
from ilp_models.stats.filters import exponential_means


class EWMA(HindcastForecaster):
    """Exponentially weighted mean of each cell, partly replaced by the mean around it.

    Half-life and smoothing of each crime type are those with the least Poisson deviance of one-step-ahead
    forecasts over the latest year before the cutoff.

    Parameters
    ----------
    half_lives : sequence of float
        Half-lives to choose from, in periods.
    smoothing : sequence of float
        Weights of the surroundings to choose from, 0 to 1.
    reach : float, default 1.0
        Extent of the surroundings, in steps between neighbours (see ``Grid.smoothed``).
    """

    share_column = OWN_PAST
    half_lives_: npt.NDArray[np.float64]
    smoothing_: npt.NDArray[np.float64]

    def __init__(
        self,
        half_lives: Sequence[float] = (8, 16, 26, 40, 52, 80, 104, 156, 208),
        smoothing: Sequence[float] = (0.0, 0.05, 0.1, 0.2, 0.4),
        reach: float = 1.0,
    ) -> None:
        self.half_lives = half_lives
        self.smoothing = smoothing
        self.reach = reach

    def _tune(self, history: History) -> None:
        targets = recent_periods(history)
        seen = history.usable_periods(targets, history.first_step)
        observed = history.panel.by_period[-len(targets) :]
        best = np.full(observed.shape[1], np.inf)
        self.half_lives_, self.smoothing_ = np.zeros(len(best)), np.zeros(len(best))
        for half_life in self.half_lives:
            own = exponential_means(history.panel.by_period, half_life, seen)
            around = history.grid.smoothed(own, self.reach)
            for weight in self.smoothing:
                loss = deviance_by_type(observed, own + np.float32(weight) * (around - own))
                better = loss < best
                best[better] = loss[better]
                self.half_lives_[better], self.smoothing_[better] = half_life, weight

    def hindcast(self, history: History, periods: pd.PeriodIndex, step: int) -> Cube:
        """Return each type's weighted mean with the settings chosen for it."""
        counts = history.panel.by_period
        seen = history.usable_periods(periods, step)
        out = np.empty((len(periods), *counts.shape[1:]), dtype=np.float32)
        for half_life in np.unique(self.half_lives_):
            chosen = np.flatnonzero(self.half_lives_ == half_life)
            own = exponential_means(counts[:, chosen], float(half_life), seen)
            weight = self.smoothing_[chosen].astype(np.float32)[:, None]
            out[:, chosen] = own + weight * (history.grid.smoothed(own, self.reach) - own)
        return out
