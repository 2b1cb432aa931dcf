"""Empirical Bayes: a gamma-Poisson model of each cell whose prior comes from the places around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize
from scipy.sparse import csr_matrix

from ilp_models.domain.errors import InputError
from ilp_models.domain.features import OWN_PAST
from ilp_models.domain.forecaster import Cube, Steps
from ilp_models.domain.grid import parent_labels
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster, recent_periods
from ilp_models.stats.distributions import log_probability
from ilp_models.stats.filters import exponential_means

Floats = npt.NDArray[np.float64]

_STRENGTHS: Final = (1e-2, 1e4)
_TOLERANCE: Final = 0.05  # of the logarithm of the strength, which moves forecasts by far less
_CITY_EVENTS: Final = 0.5  # added to the city's count, so that no prior mean is 0


class EmpiricalBayes(HindcastForecaster):
    """Discounted gamma-Poisson rates, shrunk towards the neighbours and the parent area of each cell.

    A count that lies k periods before the period to forecast weighs 0.5 ** (k / half-life), and so does the time it
    was collected in. Given the weighted count S and the weighted time N, the rate of a cell has the posterior
    Gamma(a + S, a / m + N), where m is the prior mean and a the prior strength, and the count to come is negative
    binomial with mean (a + S) / (a / m + N) and dispersion 1 / (a + S). Half-life, weight of the neighbours and a
    of each crime type are those with the largest likelihood of one-step-ahead forecasts over the latest year.

    Clayton & Kaldor (1987), Biometrics 43, 671-681; West & Harrison (1997), Bayesian Forecasting and Dynamic
    Models, on discounting.

    Parameters
    ----------
    half_lives : sequence of float
        Half-lives to choose from, in periods.
    neighbours : sequence of float
        Weights of the neighbours in the prior mean to choose from, 0 to below 1; the rest is the parent area's.
    reach : float, default 1.0
        Extent of the neighbourhood, in steps between neighbours (see ``Grid.smoothed``).
    level : str, optional
        Level of parent areas; by default the first. Without parent areas the city takes their place.
    """

    share_column = OWN_PAST
    half_lives_: Floats
    neighbours_: Floats
    strengths_: Floats

    def __init__(
        self,
        half_lives: Sequence[float] = (16, 32, 64, 128, 256),
        neighbours: Sequence[float] = (0.0, 0.3, 0.6, 0.9),
        reach: float = 1.0,
        level: str | None = None,
    ) -> None:
        self.half_lives = half_lives
        self.neighbours = neighbours
        self.reach = reach
        self.level = level

    def _tune(self, history: History) -> None:
        self._check(history)
        targets = recent_periods(history)
        observed = history.panel.by_period[-len(targets) :]
        kinds = observed.shape[1]
        best = np.full(kinds, np.inf)
        self.half_lives_, self.neighbours_, self.strengths_ = np.zeros(kinds), np.zeros(kinds), np.zeros(kinds)
        for half_life in self.half_lives:
            past = self._past(history, targets, history.first_step, half_life)
            for weight in self.neighbours:
                for kind in range(kinds):
                    loss, strength = _strongest(observed[:, kind], past.of(kind), past.prior(weight, kind))
                    if loss < best[kind]:
                        best[kind] = loss
                        chosen = half_life, weight, strength
                        self.half_lives_[kind], self.neighbours_[kind], self.strengths_[kind] = chosen

    def _fit(self, history: History) -> None:
        self._tune(history)  # the predictive distribution is exact, there is no dispersion to fit

    def _check(self, history: History) -> None:
        if not (self.half_lives and self.neighbours):
            msg = f"half_lives={list(self.half_lives)} and neighbours={list(self.neighbours)} need at least one value."
            raise InputError(msg)
        if not all(0 <= weight < 1 for weight in self.neighbours):  # at 1 a quiet corner could never have an event
            msg = f"neighbours={list(self.neighbours)} must be at least 0 and below 1."
            raise InputError(msg)
        levels = list(history.grid.parents.columns)
        if self.level is not None and self.level not in levels:
            msg = f"level={self.level!r} is no level of parent areas of this grid; it has {levels or 'none'}."
            raise InputError(msg)

    def _past(self, history: History, periods: pd.PeriodIndex, step: int, half_life: float) -> "_Past":
        seen = history.usable_periods(periods, step)
        own = exponential_means(history.panel.by_period, half_life, seen)
        around = history.grid.smoothed(own, self.reach)
        decay = 0.5 ** (np.arange(len(history.panel.periods)) / half_life)
        time = np.append(0.0, np.cumsum(decay))[np.clip(seen, 0, None)]  # as of the last period seen
        areas = _area_means(history, own, time, self.level)
        return _Past(own, around, areas, time * 0.5 ** (step / half_life))

    def hindcast(self, history: History, periods: pd.PeriodIndex, step: int) -> Cube:
        """Return the posterior mean of each rate."""
        return self._posterior(history, periods, step)[0]

    def _posterior(self, history: History, periods: pd.PeriodIndex, step: int) -> tuple[Floats, Floats]:
        """Return posterior means and shapes, each (periods, crime types, cells)."""
        shape = len(periods), len(self.strengths_), len(history.grid)
        mean, size = np.empty(shape), np.empty(shape)
        for half_life in np.unique(self.half_lives_):
            past = self._past(history, periods, step, float(half_life))
            for kind in map(int, np.flatnonzero(self.half_lives_ == half_life)):
                prior = past.prior(self.neighbours_[kind], kind)
                strength = self.strengths_[kind]
                count, time = past.of(kind)
                size[:, kind] = strength + count
                mean[:, kind] = size[:, kind] / (strength / prior + time)
        return mean, size

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, Floats]:
        ahead = [self._posterior(self.history_, periods[[i]], int(step)) for i, step in enumerate(steps)]
        means, sizes = (np.concatenate(parts).transpose(1, 2, 0) for parts in zip(*ahead, strict=True))
        return means, 1.0 / sizes


@dataclass(frozen=True, eq=False)
class _Past:
    """Weighted means of the counts before each target: of cells, around them and of their areas; weighted times."""

    own: Cube
    around: Cube
    area: Floats
    time: Floats

    def of(self, kind: int) -> tuple[Floats, Floats]:
        """Return the weighted counts (periods, cells) and times (periods, 1) of a crime type."""
        time = self.time[:, None]
        return self.own[:, kind] * time, time

    def prior(self, weight: float, kind: int) -> Floats:
        """Return the prior means (periods, cells) of a crime type for a weight of the neighbours."""
        area = self.area[:, kind]
        return np.asarray(area + weight * (self.around[:, kind] - area))


def _area_means(history: History, own: Cube, time: Floats, level: str | None) -> Floats:
    """Return the mean of each cell's area, in which one more cell has the city's mean; the city's where it has none."""
    labels, place = np.unique(parent_labels(history.grid, level).astype(str), return_inverse=True)
    cells = len(place)
    belongs = csr_matrix((np.ones(cells), (np.arange(cells), place)), shape=(cells, len(labels)))
    sums = own.reshape(-1, cells).astype(np.float64) @ belongs
    extra = _CITY_EVENTS / np.maximum(time, 1.0)
    city = (sums.reshape(*own.shape[:2], -1).sum(axis=2, keepdims=True) + extra[:, None, None]) / cells
    size = np.bincount(place)
    means = (sums.reshape(*own.shape[:2], -1) + city) / (size + 1)
    means[..., labels == ""] = city
    return np.asarray(means[..., place])


def _strongest(observed: Cube, past: tuple[Floats, Floats], prior: Floats) -> tuple[float, float]:
    """Return the least negative log likelihood of forecasts (periods, cells) and the prior strength that gives it."""
    count, time = past
    hit = observed > 0
    counts, some, hit_prior = observed[hit], count[hit], prior[hit]
    hit_time = np.broadcast_to(time, prior.shape)[hit]
    empty, none, exposed = prior[~hit], count[~hit], (time * prior)[~hit]

    def loss(log_strength: float) -> float:
        strength = float(np.exp(log_strength))
        size = strength + some
        mean = size / (strength / hit_prior + hit_time)
        # Most units are empty, and need no gamma function.
        surprise = (strength + none) * np.log1p(empty / (strength + exposed))
        return float(surprise.sum() - log_probability(counts, mean, 1.0 / size).sum())

    found = optimize.minimize_scalar(loss, bounds=np.log(_STRENGTHS), method="bounded", options={"xatol": _TOLERANCE})
    return float(found.fun), float(np.exp(found.x))
