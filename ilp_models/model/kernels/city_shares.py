"""Forecasters that multiply a map of cell shares by the level of the city."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ilp_models.domain.errors import InputError
from ilp_models.domain.family_reasons import NEIGHBOURS, RECENT, TREND, USUAL, recent_count
from ilp_models.domain.features import OWN_PAST
from ilp_models.domain.forecaster import Cube, Steps
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster, deviance_by_type, recent_periods
from ilp_models.model.reason_parts import Parts, city_levels, split_level_and_shares, split_shares, stack_periods
from ilp_models.stats.filters import exponential_means

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class CityShareForecaster(HindcastForecaster):
    """City level of each crime type times a map of cell shares.

    The map is a mixture of the method's map and a uniform map (shares by area), so that no cell has a forecast of 0:
    ``(1 - background) map + background uniform``. On cells of equal size the mixture keeps the order of the cells. The
    level is an exponentially weighted mean of the city count; its half-life has the smallest deviance over the latest
    year. Level and map are the same for all leads.

    A subclass stores the settings ``background`` and ``level_half_lives``, and writes ``_maps`` and ``_tune_maps``.
    """

    background: Sequence[float]
    level_half_lives: Sequence[float]
    share_column = OWN_PAST
    background_: Floats
    level_half_lives_: Floats

    @abstractmethod
    def _maps(self, history: History, usable: Ints) -> Cube:
        """Return maps (targets, crime types, cells) from the first `usable` periods of each target.

        Maps need not be normalised. A map of zeros means that nothing is known.
        """

    @abstractmethod
    def _tune_maps(self, history: History, likelihood: "ShareLikelihood") -> None:
        """Learn the settings of the maps and ``background_``."""

    def _tune(self, history: History) -> None:
        self._check()
        targets = recent_periods(history)
        totals = history.panel.by_period.sum(axis=2, dtype=np.float64)
        usable = history.usable_periods(targets, history.first_step)
        levels = [exponential_means(totals, half_life, usable) for half_life in self.level_half_lives]
        losses = [deviance_by_type(totals[-len(targets) :, :, None], level[..., None]) for level in levels]
        self.level_half_lives_ = np.asarray(self.level_half_lives, dtype=float)[np.argmin(losses, axis=0)]
        observed = history.panel.by_period[-len(targets) :]
        self._tune_maps(history, ShareLikelihood(observed, usable, uniform_shares(history.grid), self.background))

    def _check(self) -> None:
        require_positive(self, ("level_half_lives",))
        if len(self.background) == 0 or not all(0 < part <= 1 for part in self.background):
            msg = f"background={list(self.background)} must be shares above 0 and at most 1, such as [0.01, 0.1]."
            raise InputError(msg)

    def hindcast(self, history: History, periods: pd.PeriodIndex, step: int) -> Cube:
        """Return level times share with the learned settings."""
        usable, uniform = history.usable_periods(periods, step), uniform_shares(history.grid)
        shares = normalise_maps(self._maps(history, usable), uniform)
        level = self._level(history, usable)
        return np.asarray(level[:, :, None] * (shares + self.background_[:, None] * (uniform - shares)))

    def _level(self, history: History, usable: Ints) -> Floats:
        """Return the expected city counts (targets, crime types)."""
        totals = history.panel.by_period.sum(axis=2, dtype=np.float64)
        level = np.empty((len(usable), totals.shape[1]))
        for half_life in np.unique(self.level_half_lives_):
            chosen = self.level_half_lives_ == half_life
            level[:, chosen] = exponential_means(totals[:, chosen], float(half_life), usable)
        return level

    def split_hindcast(self, history: History, period: pd.PeriodIndex, step: int, expected: Cube) -> Parts:
        """Return the trend of the level, and older events, recent events and neighbours of the map.

        Older and recent events count in their own cells only, with the weights of the method. The neighbours are what
        the kernel changes. The uniform background is that of the mean cell.
        """
        usable, uniform = history.usable_periods(period, step), uniform_shares(history.grid)
        level = self._level(history, usable)[0]
        weights = self._ages(history, usable)
        older = weights.copy()
        older[:, max(int(usable[0]) - recent_count(history), 0) :] = 0
        counts = history.panel.by_period.astype(np.float64)
        every, before = (np.einsum("kt,tkc->kc", one, counts) for one in (weights, older))
        nowhere = np.full(len(uniform), 1.0 / len(uniform))
        every, before = normalise_maps(every, nowhere), normalise_maps(before, nowhere)
        part = (1 - self.background_)[:, None]
        share = expected / np.where(level > 0, level, 1.0)[:, None]
        usual, recent = part * before + (1 - part) * uniform, part * (every - before)
        shares = {USUAL: usual, RECENT: recent, NEIGHBOURS: share - usual - recent}
        levels = {TREND: (level, city_levels(history))}
        return split_level_and_shares(levels, {family: split_shares(one) for family, one in shares.items()})

    @abstractmethod
    def _ages(self, history: History, usable: Ints) -> Floats:
        """Return the weight of an event of each crime type and period (types, periods) for one target."""

    def _split_forecast(
        self, periods: pd.PeriodIndex, steps: Steps, expected: xr.DataArray
    ) -> tuple[Floats, Mapping[str, Cube]]:
        first = self.split_hindcast(self.history_, periods[:1], int(steps[0]), expected.values[..., 0])
        return stack_periods([first] * len(periods))

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, Floats]:
        first = self.hindcast(self.history_, periods[:1], int(steps[0]))[0]
        return np.repeat(first[:, :, None], len(periods), axis=2), self.dispersion_


class ShareLikelihood:
    """Log-likelihood of maps: of where the events of past periods fell, given their number."""

    def __init__(self, observed: Cube, usable: Ints, uniform: Floats, background: Sequence[float]) -> None:
        self.usable = usable  # number of periods that each target may use
        self.uniform = uniform  # share of each cell in the total area
        self.background = background  # candidate weights of the uniform map
        self._observed = observed  # (targets, crime types, cells)

    def best_background(self, maps: Cube, kind: int) -> tuple[float, float]:
        """Return the largest log-likelihood of the maps of one crime type, and its background."""
        hit = np.nonzero(self._observed[:, kind])
        count = self._observed[:, kind][hit]
        shares, uniform = normalise_maps(maps, self.uniform)[hit], self.uniform[hit[1]]
        likelihoods = [float(count @ np.log(shares + weight * (uniform - shares))) for weight in self.background]
        best = int(np.argmax(likelihoods))
        return likelihoods[best], float(self.background[best])


def uniform_shares(grid: Grid) -> Floats:
    """Return the share of each cell in the total area of a grid."""
    return np.asarray(grid.area_m2 / grid.area_m2.sum(), dtype=np.float64)


def normalise_maps(maps: Cube, uniform: Floats) -> Floats:
    """Return maps scaled to sum to 1; the uniform map if the sum is 0."""
    total = maps.sum(axis=-1, keepdims=True, dtype=np.float64)
    return np.asarray(np.divide(maps, total, out=np.broadcast_to(uniform, maps.shape).copy(), where=total > 0))


def require_positive(method: HindcastForecaster, names: Sequence[str]) -> None:
    """Raise InputError unless some settings are non-empty sequences of numbers above 0."""
    for name in names:
        values = getattr(method, name)
        if len(values) == 0 or not all(value > 0 for value in values):
            msg = f"{name}={list(values)} must be one or more numbers above 0."
            raise InputError(msg)
