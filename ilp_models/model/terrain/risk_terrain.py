"""Risk terrain modelling (Caplan, Kennedy & Miller 2011): risk from what stands around a place, not from its past."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from threadpoolctl import threadpool_limits

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.features import Column
from ilp_models.domain.forecaster import Cube
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster, recent_periods
from ilp_models.model.terrain.risk_factors import Factor, candidate_factors
from ilp_models.model.terrain.risk_selection import SIGNS, Z95, RiskData, RiskFit, choose_by_penalty, choose_stepwise
from ilp_models.stats.filters import exponential_means

_BLOCKS: Final = 36  # stretches of ground, about: wide enough that what varies smoothly is alike in each
_FEWEST: Final = 20  # events of a type under which no factor is looked for


class RiskTerrain(HindcastForecaster):
    """A surface of relative risks around features of the place, times the recent level of the city.

    For each crime type the procedure of RTMDx (Caplan & Kennedy 2013): candidate factors of every layer, kind and
    range; an elastic-net Poisson regression of the counts of each cell, its penalty chosen by cross-validation, keeps
    some; stepwise regression by the Bayesian information criterion keeps at most one a layer. A cell's share of the
    city is its ground times the product of the relative risks that apply to it. No past count of a single cell enters.
    Dispersions come from the latest periods, forecast with a surface that was learned before them.

    Parameters
    ----------
    layers : sequence of str, optional
        Names of the layers; by default all of the study.
    ranges_m : sequence of float, default (250, 500, 1000)
        Candidate ranges around the centroid of a cell, metres.
    kinds : sequence of str, default ("proximity", "density")
        Candidate kinds of influence.
    form : str, default "binary"
        ``binary`` factors apply to a cell or not; ``continuous`` ones fade with the distance or grow with density.
    sign : str, default "aggravating"
        ``aggravating``: factors only raise risk; ``protective``: only lower it; ``both``.
    l1_share : float, default 0.9
        Part of the penalty that is absolute; the rest is squared.
    folds : int, default 5
        Parts of the ground for cross-validation, in blocks of neighbouring cells.
    train_periods : int or None, default 104
        Latest periods to learn the surface from; None for all.
    half_life : float, default 26
        Half-life of the city's level, in periods.
    """

    share_column = Column(
        "cell_share", "context", "{value:.2%} of the city's events here, by what stands here and around"
    )
    factors_: tuple[Factor, ...]
    relative_risks_: pd.DataFrame
    shares_: npt.NDArray[np.float64]

    def __init__(
        self,
        layers: Sequence[str] | None = None,
        ranges_m: Sequence[float] = (250.0, 500.0, 1000.0),
        kinds: Sequence[str] = ("proximity", "density"),
        form: str = "binary",
        sign: str = "aggravating",
        l1_share: float = 0.9,
        folds: int = 5,
        train_periods: int | None = 104,
        half_life: float = 26.0,
    ) -> None:
        self.layers = layers
        self.ranges_m = ranges_m
        self.kinds = kinds
        self.form = form
        self.sign = sign
        self.l1_share = l1_share
        self.folds = folds
        self.train_periods = train_periods
        self.half_life = half_life

    def _check(self) -> None:
        if self.sign not in SIGNS or not 0 < self.l1_share <= 1:
            msg = f"sign={self.sign!r} must be one of {', '.join(SIGNS)}, and l1_share={self.l1_share} in (0, 1]."
            raise InputError(msg)
        if self.folds < 2 or (self.train_periods is not None and self.train_periods < 1):
            msg = f"folds={self.folds} must be at least 2, and train_periods={self.train_periods} at least 1, or null."
            raise InputError(msg)

    def _tune(self, history: History) -> None:
        """Learn the surface from before the periods that the dispersions are fitted on."""
        self._check()
        chosen = history.layers.select(self.layers)
        self.factors_ = candidate_factors(chosen, history.grid, self.ranges_m, self.kinds, self.form)
        before = len(history.panel.periods) - len(recent_periods(history)) - history.first_step + 1
        self._learn(history, max(before, 1))

    def _fit(self, history: History) -> None:
        super()._fit(history)
        self._learn(history, len(history.panel.periods))

    def _learn(self, history: History, seen: int) -> None:
        """Learn the surface of each crime type from the first ``seen`` periods, or the latest of them."""
        first = 0 if self.train_periods is None else max(seen - self.train_periods, 0)
        counts = history.panel.by_period[first:seen].sum(axis=0, dtype=np.float64)
        if not counts.any():
            unit = history.calendar.period_unit
            msg = f"The {seen - first} {unit}s to learn from hold no event at all. Give more data."
            raise NotRunError(msg)
        factors = np.column_stack([np.empty((len(history.grid), 0)), *(factor.values for factor in self.factors_)])
        exposure, blocks = history.grid.area_m2 / 1e6, _blocks(history.grid)
        surface = np.tile(exposure, (len(counts), 1))
        rows: list[tuple[object, ...]] = []
        for kind, name in enumerate(history.events.crime_types):
            fit = self._choose(RiskData(counts[kind], exposure, factors, blocks, self.folds))
            surface[kind] *= np.exp(factors[:, list(fit.chosen)] @ fit.log_risk)
            rows += self._rows(name, fit)
        self.shares_ = surface / surface.sum(axis=1, keepdims=True)
        columns = ["crime_type", "layer", "kind", "range_m", "relative_risk", "low", "high"]
        self.relative_risks_ = pd.DataFrame(rows, columns=columns)

    def _choose(self, data: RiskData) -> RiskFit:
        if data.counts.sum() < _FEWEST:
            return RiskFit((), np.zeros(0), np.zeros(0))
        with threadpool_limits(1):  # products too small to be shared: threads would mostly wait for each other
            offered = choose_by_penalty(data, self.l1_share, self.sign)
            return choose_stepwise(data, offered, [factor.layer for factor in self.factors_], self.sign)

    def _rows(self, crime_type: str, fit: RiskFit) -> Iterator[tuple[object, ...]]:
        for index, risk, error in zip(fit.chosen, fit.log_risk, fit.standard_error, strict=True):
            factor = self.factors_[index]
            risks = np.exp(risk + error * np.array([0.0, -Z95, Z95]))
            yield crime_type, factor.layer, factor.kind, factor.range_m, *risks.tolist()

    def hindcast(self, history: History, periods: pd.PeriodIndex, step: int) -> Cube:
        """Return the surface last learned times the level of the city seen from each period."""
        totals = history.panel.by_period.sum(axis=2, dtype=np.float64)
        level = exponential_means(totals, self.half_life, history.usable_periods(periods, step))
        return np.asarray(level[:, :, None] * self.shares_)


def _blocks(grid: Grid) -> npt.NDArray[np.int64]:
    """Return the square stretch of ground that the centroid of each cell lies in, numbered from south-west."""
    side = math.sqrt(math.fsum(grid.area_m2) / _BLOCKS)  # an exact sum: the order of cells must not matter
    places = np.floor(shapely.get_coordinates(shapely.centroid(grid.geometry)) / side)
    return np.asarray(np.unique(places, axis=0, return_inverse=True)[1].ravel(), dtype=np.int64)
