"""Risk terrain modelling: risk from the features around a place, such as bars or stops, not from its past."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from threadpoolctl import threadpool_limits

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.family_reasons import CONTEXT, TREND, USUAL
from ilp_models.domain.features import Column
from ilp_models.domain.forecaster import Cube
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.domain.layer import Layer
from ilp_models.domain.proximity import check_near, densities, distances
from ilp_models.model.hindcast import HindcastForecaster, recent_periods
from ilp_models.model.reason_parts import Parts, city_levels, split_level_and_shares
from ilp_models.model.risk_selection import SIGNS, Z95, RiskData, RiskFit, choose_by_penalty, choose_stepwise
from ilp_models.stats.filters import exponential_means

Floats = npt.NDArray[np.float64]

PROXIMITY: Final = "proximity"
DENSITY: Final = "density"
KINDS: Final = (PROXIMITY, DENSITY)
FORMS: Final = ("binary", "continuous")

_BLOCKS: Final = 36  # approximate number of spatial blocks, wide enough that smooth variation is similar within each
_FEWEST: Final = 20  # events of a type below which no factor is selected
_DENSE: Final = 2.0  # standard deviations above the mean of all cells, as in RTMDx


@dataclass(frozen=True, eq=False)
class RiskFactor:
    """One candidate risk factor: the influence of a layer's features on the cells around them.

    Binary values are 1 within the range, or where the density is over two standard deviations above the mean of the
    cells. Continuous values fall from 1 at a feature to 0 at the range, or are the density in standard deviations.
    """

    layer: str
    kind: str  # proximity or density
    range_m: float
    values: Floats  # one per cell


class RiskTerrain(HindcastForecaster):
    """Relative risks around features of the place, times the recent level of the city (risk terrain modelling).

    The procedure of RTMDx for each crime type (Caplan, Kennedy and Miller 2011; Caplan and Kennedy 2013). Candidate
    factors are all layers, kinds and ranges. An elastic-net Poisson regression of the counts of each cell selects some
    of them, with a penalty chosen by cross-validation. A stepwise regression by the Bayesian information criterion
    then selects at most one factor per layer. The share of a cell in the city is its area times the product of its
    relative risks; it does not depend on past counts of the cell. Dispersions are fitted on the latest year, with a
    surface learned before it.

    Parameters
    ----------
    layers : sequence of str, optional
        Names of the context layers; by default all.
    ranges_m : sequence of float, default (250, 500, 1000)
        Candidate ranges around the centroid of a cell, metres.
    kinds : sequence of str, default ("proximity", "density")
        Candidate kinds of influence.
    form : str, default "binary"
        ``binary`` factors are 0 or 1; ``continuous`` factors fall with the distance or grow with the density.
    sign : str, default "aggravating"
        ``aggravating``: factors only raise risk; ``protective``: only lower it; ``both``.
    l1_share : float, default 0.9
        L1 share of the elastic-net penalty; the rest is L2.
    folds : int, default 5
        Folds of the cross-validation, made of blocks of neighbouring cells.
    train_periods : int or None, default 104
        Latest periods to learn the surface from; None for all.
    half_life : float, default 26
        Half-life of the city level, periods.

    Attributes
    ----------
    relative_risks_ : DataFrame
        ``crime_type, layer, kind, range_m, relative_risk, low, high``: selected factors with 95 % intervals.

    Examples
    --------
    >>> model = RiskTerrain(ranges_m=(300, 800), train_periods=60).fit(history)
    >>> model.relative_risks_.columns[:4].tolist()
    ['crime_type', 'layer', 'kind', 'range_m']
    """

    share_column = Column(
        "cell_share", "context", "{value:.2%} of the city's events here, by what stands here and around"
    )
    factors_: tuple[RiskFactor, ...]
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
        """Learn the surface from the periods before those on which the dispersions are fitted."""
        self._check()
        chosen = history.layers.select(self.layers)
        self.factors_ = candidate_factors(chosen, history.grid, self.ranges_m, self.kinds, self.form)
        before = len(history.panel.periods) - len(recent_periods(history)) - history.first_step + 1
        self._learn_surface(history, max(before, 1))

    def _fit(self, history: History) -> None:
        super()._fit(history)
        self._learn_surface(history, len(history.panel.periods))

    def _learn_surface(self, history: History, known: int) -> None:
        """Learn the surface of each crime type from the latest `train_periods` of the first `known` periods."""
        first = 0 if self.train_periods is None else max(known - self.train_periods, 0)
        counts = history.panel.by_period[first:known].sum(axis=0, dtype=np.float64)
        if not counts.any():
            msg = f"The {known - first} {history.calendar.period_unit}s to learn from contain no event. Give more data."
            raise NotRunError(msg)
        factors = np.column_stack([np.empty((len(history.grid), 0)), *(factor.values for factor in self.factors_)])
        exposure, blocks = history.grid.area_m2 / 1e6, _blocks(history.grid)
        surface = np.tile(exposure, (len(counts), 1))
        rows: list[tuple[object, ...]] = []
        for kind, name in enumerate(history.events.crime_types):
            fit = self._select(RiskData(counts[kind], exposure, factors, blocks, self.folds))
            surface[kind] *= np.exp(factors[:, list(fit.chosen)] @ fit.log_risk)
            rows += self._rows(name, fit)
        self.shares_ = surface / surface.sum(axis=1, keepdims=True)
        columns = ["crime_type", "layer", "kind", "range_m", "relative_risk", "low", "high"]
        self.relative_risks_ = pd.DataFrame(rows, columns=columns)

    def _select(self, data: RiskData) -> RiskFit:
        if data.counts.sum() < _FEWEST:
            return RiskFit((), np.zeros(0), np.zeros(0))
        with threadpool_limits(1):  # the matrices are small: threads would mostly wait for each other
            candidates = choose_by_penalty(data, self.l1_share, self.sign)
            return choose_stepwise(data, candidates, [factor.layer for factor in self.factors_], self.sign)

    def _rows(self, crime_type: str, fit: RiskFit) -> Iterator[tuple[object, ...]]:
        for index, risk, error in zip(fit.chosen, fit.log_risk, fit.standard_error, strict=True):
            factor = self.factors_[index]
            risks = np.exp(risk + error * np.array([0.0, -Z95, Z95]))
            yield crime_type, factor.layer, factor.kind, factor.range_m, *risks.tolist()

    def hindcast(self, history: History, periods: pd.PeriodIndex, step: int) -> Cube:
        """Return the learned surface times the level of the city before each period."""
        return np.asarray(self._level(history, periods, step)[:, :, None] * self.shares_)

    def _level(self, history: History, periods: pd.PeriodIndex, step: int) -> Floats:
        totals = history.panel.by_period.sum(axis=2, dtype=np.float64)
        return np.asarray(exponential_means(totals, self.half_life, history.usable_periods(periods, step)))

    def split_hindcast(self, history: History, period: pd.PeriodIndex, step: int, expected: Cube) -> Parts:
        """Return the trend of the level, the size of the cells as their usual level, and the context layers."""
        del expected
        level, area = self._level(history, period, step)[0], history.grid.area_m2 / history.grid.area_m2.sum()
        shares = {USUAL: np.broadcast_to(area - area.mean(), self.shares_.shape), CONTEXT: self.shares_ - area}
        return split_level_and_shares({TREND: (level, city_levels(history))}, shares)


def _blocks(grid: Grid) -> npt.NDArray[np.int64]:
    """Return the square block of each cell's centroid, numbered from the south-west."""
    side = math.sqrt(math.fsum(grid.area_m2) / _BLOCKS)  # an exact sum, for any order of the cells
    places = np.floor(shapely.get_coordinates(shapely.centroid(grid.geometry)) / side)
    return np.asarray(np.unique(places, axis=0, return_inverse=True)[1].ravel(), dtype=np.int64)


def candidate_factors(
    layers: Sequence[Layer], grid: Grid, ranges_m: Sequence[float], kinds: Sequence[str], form: str
) -> tuple[RiskFactor, ...]:
    """Return the factors of all layers, kinds and ranges that differ between cells, without duplicates."""
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds or form not in FORMS or not ranges_m:
        msg = (
            f"kinds={list(kinds)} must be some of {', '.join(KINDS)}, form={form!r} one of {', '.join(FORMS)}, and "
            f"ranges_m={list(ranges_m)} at least one number of metres."
        )
        raise InputError(msg)
    found: dict[bytes, RiskFactor] = {}
    for layer in layers:
        check_near(layer, grid, max(ranges_m))
        for factor in _factors(layer, grid, sorted(ranges_m), kinds, form):
            if np.ptp(factor.values) > 0:
                found.setdefault(factor.values.tobytes(), factor)
    return tuple(found.values())


def _factors(
    layer: Layer, grid: Grid, ranges_m: Sequence[float], kinds: Sequence[str], form: str
) -> Iterator[RiskFactor]:
    for kind in kinds:
        for range_m in ranges_m:
            if kind == PROXIMITY:
                metres = distances(layer, grid, max(ranges_m))
                near = (metres < range_m).astype(float)
                values = near if form == "binary" else np.maximum(1.0 - metres / range_m, 0.0)
            else:
                amount = densities(layer, grid, range_m)
                spread = float(amount.std()) or 1.0
                dense = amount > amount.mean() + _DENSE * spread
                values = dense.astype(float) if form == "binary" else amount / spread
            yield RiskFactor(layer.name, kind, float(range_m), values)
