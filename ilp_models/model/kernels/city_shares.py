"""Methods that forecast a map of shares and multiply it by the level of the city."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.features import OWN_PAST
from ilp_models.domain.forecaster import Cube, Steps
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster, deviance_by_type, recent_periods
from ilp_models.stats.filters import exponential_means

Floats = npt.NDArray[np.float64]


class CityShares(HindcastForecaster):
    """City level of each crime type times a map that sums to 1.

    The map mixes the method's own with an even one (shares by area), so that no cell is ruled out:
    ``(1 - background) own + background even``. On cells of one size this keeps the order of the cells. The level is
    an exponentially weighted mean of the city's counts; its half-life is the one with the least deviance over the
    latest year. Level and map are the same for all leads.

    A subclass stores the settings ``background`` and ``level_half_lives``, and writes ``_maps`` and ``_tune_maps``.
    """

    background: Sequence[float]
    level_half_lives: Sequence[float]
    share_column = OWN_PAST
    background_: Floats
    level_half_lives_: Floats

    @abstractmethod
    def _maps(self, history: History, seen: npt.NDArray[np.int64]) -> Cube:
        """Return the method's own maps after some numbers of periods, shape (targets, crime types, cells).

        Any scale will do; a map of zeros says that nothing is known.
        """

    @abstractmethod
    def _tune_maps(self, history: History, judge: "Judge") -> None:
        """Learn the maps' settings and ``background_``."""

    def _tune(self, history: History) -> None:
        self._check()
        targets = recent_periods(history)
        totals = history.panel.by_period.sum(axis=2, dtype=np.float64)
        seen = history.usable_periods(targets, history.first_step)
        levels = [exponential_means(totals, half_life, seen) for half_life in self.level_half_lives]
        losses = [deviance_by_type(totals[-len(targets) :, :, None], level[..., None]) for level in levels]
        self.level_half_lives_ = np.asarray(self.level_half_lives, dtype=float)[np.argmin(losses, axis=0)]
        observed = history.panel.by_period[-len(targets) :]
        self._tune_maps(history, Judge(observed, seen, even_shares(history.grid), self.background))

    def _check(self) -> None:
        refuse_unless_above(self, ("level_half_lives",))
        if len(self.background) == 0 or not all(0 < part <= 1 for part in self.background):
            msg = f"background={list(self.background)} must be shares above 0 and at most 1, such as [0.01, 0.1]."
            raise InputError(msg)

    def hindcast(self, history: History, periods: pd.PeriodIndex, step: int) -> Cube:
        """Return level times share with the settings learned."""
        seen = history.usable_periods(periods, step)
        totals = history.panel.by_period.sum(axis=2, dtype=np.float64)
        level = np.empty((len(periods), totals.shape[1]))
        for half_life in np.unique(self.level_half_lives_):
            chosen = self.level_half_lives_ == half_life
            level[:, chosen] = exponential_means(totals[:, chosen], float(half_life), seen)
        even = even_shares(history.grid)
        own = as_shares(self._maps(history, seen), even)
        return np.asarray(level[:, :, None] * (own + self.background_[:, None] * (even - own)))

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, Floats]:
        first = self.hindcast(self.history_, periods[:1], int(steps[0]))[0]
        return np.repeat(first[:, :, None], len(periods), axis=2), self.dispersion_


class Judge:
    """The log-likelihood of maps: of where the events of past periods fell, given how many they were.

    Parameters
    ----------
    observed : ndarray
        Counts of the target periods, shape (targets, crime types, cells).
    seen : ndarray of int
        Number of periods each target may use.
    even : ndarray of float64
        Share of each cell in the land.
    background : sequence of float
        Weights of the even map to choose from.
    """

    def __init__(self, observed: Cube, seen: npt.NDArray[np.int64], even: Floats, background: Sequence[float]) -> None:
        self.seen = seen
        self.even = even
        self.background = background
        self._observed = observed

    def best(self, maps: Cube, kind: int) -> tuple[float, float]:
        """Return the largest log-likelihood of the maps of one crime type, and the background it takes."""
        hit = np.nonzero(self._observed[:, kind])
        count = self._observed[:, kind][hit]
        own, even = as_shares(maps, self.even)[hit], self.even[hit[1]]
        tried = [float(count @ np.log(own + weight * (even - own))) for weight in self.background]
        best = int(np.argmax(tried))
        return tried[best], float(self.background[best])


def even_shares(grid: Grid) -> Floats:
    """Return the share of each cell in the land of a grid."""
    return np.asarray(grid.area_m2 / grid.area_m2.sum(), dtype=np.float64)


def as_shares(maps: Cube, even: Floats) -> Floats:
    """Return maps scaled to sum to 1, the even map where there is nothing."""
    total = maps.sum(axis=-1, keepdims=True, dtype=np.float64)
    return np.asarray(np.divide(maps, total, out=np.broadcast_to(even, maps.shape).copy(), where=total > 0))


def refuse_unless_above(method: HindcastForecaster, names: Sequence[str]) -> None:
    """Return nothing if settings are non-empty sequences of numbers above 0."""
    for name in names:
        values = getattr(method, name)
        if len(values) == 0 or not all(value > 0 for value in values):
            msg = f"{name}={list(values)} must be one or more numbers above 0."
            raise InputError(msg)
