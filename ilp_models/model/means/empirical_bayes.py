"""Empirical Bayes: gamma-Poisson rates of each cell, shrunk towards its neighbours and its parent area."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize
from scipy.sparse import csr_matrix

from ilp_models.domain.errors import InputError
from ilp_models.domain.family_reasons import NEIGHBOURS
from ilp_models.domain.features import OWN_PAST
from ilp_models.domain.forecaster import Cube, Steps
from ilp_models.domain.grid import parent_labels
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster, recent_periods
from ilp_models.model.reason_parts import Parts, split_own_past
from ilp_models.stats.distributions import log_probability

Floats = npt.NDArray[np.float64]

_STRENGTHS: Final = (1e-2, 1e4)
_TOLERANCE: Final = 0.05  # of the log prior strength; it changes forecasts far less
_CITY_EVENTS: Final = 0.5  # added to the city count, so that no prior mean is 0


class EmpiricalBayes(HindcastForecaster):
    """Discounted gamma-Poisson rates, shrunk towards the neighbours and the parent area of each cell.

    A count of k periods before the target has the weight 0.5 ** (k / half-life), and so has its exposure time. The
    weighted sums are S and N, the prior mean is m and the prior strength a. The rate of a cell then has the posterior
    Gamma(a + S, a / m + N). The next count is negative binomial with mean (a + S) / (a / m + N) and
    dispersion 1 / (a + S). Half-life, weight of the neighbours and a of each crime type have the largest likelihood of
    one-step-ahead forecasts over the latest year.

    Clayton and Kaldor (1987), Biometrics 43, 671-681; West and Harrison (1997), Bayesian Forecasting and Dynamic
    Models, on discounting.

    Parameters
    ----------
    half_lives : sequence of float
        Candidate half-lives, periods.
    neighbours : sequence of float
        Candidate weights of the neighbours in the prior mean, from 0 to below 1. The parent area has the rest.
    reach_cells : float, default 1.0
        Width of the Gaussian neighbourhood, in steps between neighbouring cells (see ``Grid.smoothed``).
    area_level : str, optional
        Level of parent areas; by default the first. Without parent areas the city is used.

    Examples
    --------
    >>> model = EmpiricalBayes(half_lives=(32, 128)).fit(history)
    >>> model.strengths_.shape
    (2,)
    """

    share_column = OWN_PAST
    half_lives_: Floats
    neighbours_: Floats
    strengths_: Floats

    def __init__(
        self,
        half_lives: Sequence[float] = (16, 32, 64, 128, 256),
        neighbours: Sequence[float] = (0.0, 0.3, 0.6, 0.9),
        reach_cells: float = 1.0,
        area_level: str | None = None,
    ) -> None:
        self.half_lives = half_lives
        self.neighbours = neighbours
        self.reach_cells = reach_cells
        self.area_level = area_level

    def _tune(self, history: History) -> None:
        self._check(history)
        kinds = len(history.events.crime_types)
        best = np.full(kinds, np.inf)
        self.half_lives_, self.neighbours_, self.strengths_ = np.zeros(kinds), np.zeros(kinds), np.zeros(kinds)
        for place, own in self._losses(history):
            kind, half_life, weight = place[0], self.half_lives[place[1]], self.neighbours[place[2]]
            loss, strength = _best_strength(self._total_loss(own, place))
            if loss < best[kind]:
                best[kind] = loss
                self.half_lives_[kind], self.neighbours_[kind], self.strengths_[kind] = half_life, weight, strength

    def _losses(self, history: History) -> Iterator[tuple[tuple[int, int, int], Callable[[float], float]]]:
        """Yield the loss of each crime type, half-life and weight of the neighbours as a function of the strength."""
        targets = recent_periods(history)
        observed = history.panel.by_period[-len(targets) :]
        for first, half_life in enumerate(self.half_lives):
            means = self._discounted_means(history, targets, history.first_step, half_life)
            for second, weight in enumerate(self.neighbours):
                for kind in range(observed.shape[1]):
                    prior = means.prior_mean(weight, kind)
                    yield (kind, first, second), strength_loss(observed[:, kind], means.count_and_time(kind), prior)

    def _total_loss(self, own: Callable[[float], float], place: tuple[int, int, int]) -> Callable[[float], float]:
        """Return the loss that the settings minimise: that of these records."""
        del place
        return own

    def _fit(self, history: History) -> None:
        self._tune(history)  # the predictive distribution is exact: there is no dispersion to fit

    def _check(self, history: History) -> None:
        if not (self.half_lives and self.neighbours):
            msg = f"half_lives={list(self.half_lives)} and neighbours={list(self.neighbours)} need at least one value."
            raise InputError(msg)
        if not all(0 <= weight < 1 for weight in self.neighbours):  # with 1, a quiet corner gets a rate of 0
            msg = f"neighbours={list(self.neighbours)} must be at least 0 and below 1."
            raise InputError(msg)
        levels = list(history.grid.parents.columns)
        if self.area_level is not None and self.area_level not in levels:
            msg = f"area_level={self.area_level!r} is not a level of parent areas of this grid ({levels or 'none'})."
            raise InputError(msg)

    def _discounted_means(
        self, history: History, periods: pd.PeriodIndex, step: int, half_life: float
    ) -> "DiscountedMeans":
        usable = history.usable_periods(periods, step)
        cell = history.panel.past.exponential_means(half_life, usable)
        around = history.grid.smoothed(cell, self.reach_cells)
        decay = 0.5 ** (np.arange(len(history.panel.periods)) / half_life)
        time = np.append(0.0, np.cumsum(decay))[np.clip(usable, 0, None)]  # as of the last usable period
        areas = _area_means(history, cell, time, self.area_level)
        return DiscountedMeans(cell, around, areas, time * 0.5 ** (step / half_life))

    def hindcast(self, history: History, periods: pd.PeriodIndex, step: int) -> Cube:
        """Return the posterior mean of each rate."""
        return self._posterior(history, periods, step)[0]

    def split_hindcast(self, history: History, period: pd.PeriodIndex, step: int, expected: Cube) -> Parts:
        """Return the usual level, the last weeks and the neighbours: what the prior mean of the area around changes."""
        own = self._own_means(history, period, step)
        reference, parts = split_own_past(history, own, step, lambda step: self._own_means(history, period, step))
        return reference, parts | {NEIGHBOURS: expected - own}

    def _own_means(self, history: History, period: pd.PeriodIndex, step: int) -> Floats:
        """Return the discounted mean of each cell (types, cells), without the prior."""
        usable, past = history.usable_periods(period, step), history.panel.past
        kinds = range(len(self.half_lives_))
        each = [
            past.select_types(np.array([kind])).exponential_means(float(self.half_lives_[kind]), usable)
            for kind in kinds
        ]
        return np.asarray(np.concatenate(each, axis=1)[0], dtype=np.float64)

    def _posterior(self, history: History, periods: pd.PeriodIndex, step: int) -> tuple[Floats, Floats]:
        """Return posterior means and shapes, each (periods, crime types, cells)."""
        shape = len(periods), len(self.strengths_), len(history.grid)
        mean, size = np.empty(shape), np.empty(shape)
        for half_life in np.unique(self.half_lives_):
            means = self._discounted_means(history, periods, step, float(half_life))
            for kind in map(int, np.flatnonzero(self.half_lives_ == half_life)):
                prior = means.prior_mean(self.neighbours_[kind], kind)
                strength = self.strengths_[kind]
                count, time = means.count_and_time(kind)
                size[:, kind] = strength + count
                mean[:, kind] = size[:, kind] / (strength / prior + time)
        return mean, size

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, Floats]:
        posteriors = [self._posterior(self.history_, periods[[i]], int(step)) for i, step in enumerate(steps)]
        means, sizes = (np.concatenate(parts).transpose(1, 2, 0) for parts in zip(*posteriors, strict=True))
        return means, 1.0 / sizes


@dataclass(frozen=True, eq=False)
class DiscountedMeans:
    """Discounted means of the counts before each target, and the discounted exposure time."""

    cell: Cube  # (periods, crime types, cells)
    around: Cube  # of the neighbourhood of each cell
    area: Floats  # of the parent area of each cell
    time: Floats  # (periods,)

    def count_and_time(self, kind: int) -> tuple[Floats, Floats]:
        """Return the discounted counts (periods, cells) and times (periods, 1) of a crime type."""
        time = self.time[:, None]
        return self.cell[:, kind] * time, time

    def prior_mean(self, weight: float, kind: int) -> Floats:
        """Return the prior means (periods, cells) of a crime type for a weight of the neighbours."""
        area = self.area[:, kind]
        return np.asarray(area + weight * (self.around[:, kind] - area))


def _area_means(history: History, means: Cube, time: Floats, area_level: str | None) -> Floats:
    """Return the mean of each cell's area, which includes one more cell with the city mean; that mean without area."""
    labels, place = np.unique(parent_labels(history.grid, area_level).astype(str), return_inverse=True)
    cells = len(place)
    belongs = csr_matrix((np.ones(cells), (np.arange(cells), place)), shape=(cells, len(labels)))
    sums = means.reshape(-1, cells).astype(np.float64) @ belongs
    extra = _CITY_EVENTS / np.maximum(time, 1.0)
    city = (sums.reshape(*means.shape[:2], -1).sum(axis=2, keepdims=True) + extra[:, None, None]) / cells
    size = np.bincount(place)
    areas = (sums.reshape(*means.shape[:2], -1) + city) / (size + 1)
    areas[..., labels == ""] = city
    return np.asarray(areas[..., place])


def _best_strength(loss: Callable[[float], float]) -> tuple[float, float]:
    """Return the smallest loss, and the prior strength that has it."""
    found = optimize.minimize_scalar(
        lambda log_strength: loss(float(np.exp(log_strength))),
        bounds=np.log(_STRENGTHS),
        method="bounded",
        options={"xatol": _TOLERANCE},
    )
    return float(found.fun), float(np.exp(found.x))


def strength_loss(observed: Cube, count_and_time: tuple[Floats, Floats], prior: Floats) -> Callable[[float], float]:
    """Return the negative log likelihood of the counts (periods, cells) as a function of the prior strength."""
    count, time = count_and_time
    hit = observed > 0
    counts, hit_count, hit_prior = observed[hit], count[hit], prior[hit]
    hit_time = np.broadcast_to(time, prior.shape)[hit]
    empty_prior, empty_count, exposed = prior[~hit], count[~hit], (time * prior)[~hit]

    def loss(strength: float) -> float:
        size = strength + hit_count
        mean = size / (strength / hit_prior + hit_time)
        # Most units are empty and need no gamma function.
        surprise = (strength + empty_count) * np.log1p(empty_prior / (strength + exposed))
        return float(surprise.sum() - log_probability(counts, mean, 1.0 / size).sum())

    return loss
