"""Conformal intervals: quantiles calibrated on where past counts fell in their forecast distributions."""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.forecaster import Cube, Forecaster
from ilp_models.model.past_forecasts import Floats, PastForecasts
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.model.wrappers.intervals import RiskGroups
from ilp_models.model.wrappers.wrapper import IntervalWrapper
from ilp_models.stats.distributions import LEVELS, cumulative, quantiles

_FORECASTER: Final = LightGBM()
_NARROWEST: Final = 1e-9  # smallest step in probability of a count
_PIECES: Final = 200  # of a condensed mixture
_NEAREST: Final = 1e-9  # distance of a level from 0 and 1


class ConformalIntervals(IntervalWrapper):
    """A forecaster whose quantiles are calibrated on where past counts fell in their forecast distributions.

    Distributional conformal prediction (Chernozhukov, Wuthrich and Zhu 2021) for counts. The score of a past unit is
    its probability integral transform without randomisation (Czado, Gneiting and Held 2009). Recent units have more
    weight (Barber, Candes, Ramdas and Tibshirani 2023), so that coverage follows a drift. With G the weighted mean of
    the transforms of a crime type's risk group, the quantile at level p is the forecaster's quantile at level t with
    G(t) = p. Expected counts and dispersions do not change.

    Parameters
    ----------
    forecaster : Forecaster, default LightGBM()
        The method; clones of it are fitted.
    groups : int, default 10
        Number of groups of about equal size by expected count; 1 is all units of a crime type together.
    half_life : float, default 13
        Half-life of the weight of a past unit, periods.
    shrinkage : float, default 20
        Units that a group borrows from its whole crime type. The type borrows as many from a calibrated forecaster.
    past_periods : int, default 26
        Latest periods on which the quantiles are calibrated.
    refit_every : int, default 26
        Periods between two fits of the clone that forecasts these periods.

    Attributes
    ----------
    groups_ : RiskGroups
        Limits between the groups.
    levels_ : ndarray of float64
        Levels (t) at which the forecaster's quantiles are taken, shape (crime types, groups, quantiles).

    Examples
    --------
    >>> from ilp_models.model.means.moving_average import MovingAverage
    >>> model = ConformalIntervals(MovingAverage(), groups=2, past_periods=8).fit(history)
    >>> model.levels_.shape
    (2, 2, 5)
    """

    groups_: RiskGroups
    levels_: Floats

    def __init__(
        self,
        forecaster: Forecaster = _FORECASTER,
        groups: int = 10,
        half_life: float = 13.0,
        shrinkage: float = 20.0,
        past_periods: int = 26,
        refit_every: int = 26,
    ) -> None:
        self.forecaster = forecaster
        self.groups = groups
        self.half_life = half_life
        self.shrinkage = shrinkage
        self.past_periods = past_periods
        self.refit_every = refit_every

    def predict(self, periods: pd.PeriodIndex) -> RiskForecast:
        """Return the forecast of some periods after the cutoff, with calibrated quantiles."""
        forecast = super().predict(periods)
        spread = forecast.dispersion.broadcast_like(forecast.expected).transpose(*forecast.expected.dims).values
        values = np.empty(forecast.quantiles.shape)
        for kind, (mean, dispersion) in enumerate(zip(forecast.expected.values, spread, strict=True)):
            group = self.groups_.group_index(mean, kind)
            for one in np.unique(group):
                units = group == one
                values[:, kind, units] = quantiles(mean[units], dispersion[units], tuple(self.levels_[kind, one]))
        return replace(forecast, quantiles=forecast.quantiles.copy(data=values))

    def _correct(self, expected: Cube, dispersion: Floats) -> tuple[Cube, Floats]:
        return expected, dispersion

    def _learn(self, past: PastForecasts) -> None:
        if not self.shrinkage > 0:
            msg = f"shrinkage={self.shrinkage} must be above 0."
            raise InputError(msg)
        self.groups_ = RiskGroups.from_expected(past.expected, self.groups)
        upper = cumulative(past.observed, past.expected, past.dispersion)
        lower = np.minimum(cumulative(past.observed - 1, past.expected, past.dispersion), upper - _NARROWEST)
        weight = np.broadcast_to(past.weights(self.half_life)[:, None], lower[:, 0].shape)
        kinds = range(lower.shape[1])
        self.levels_ = np.empty((len(kinds), self.groups_.most, len(LEVELS)))
        for kind in kinds:
            transforms = UniformMixture(lower[:, kind].ravel(), upper[:, kind].ravel(), weight.ravel())
            whole_type = transforms.joined(UniformMixture.calibrated(self.shrinkage))
            self.levels_[kind] = whole_type.levels(LEVELS)  # for groups without past units
            group = self.groups_.group_index(past.expected[:, kind], kind).ravel()
            borrowed = whole_type.condensed(self.shrinkage)
            for one in np.unique(group):
                self.levels_[kind, one] = transforms.select(group == one).joined(borrowed).levels(LEVELS)


class UniformMixture:
    """A weighted mean of uniform distributions within 0..1: the mean of transforms without randomisation."""

    def __init__(self, low: Floats, high: Floats, weight: Floats) -> None:
        self.low = low  # start of each distribution
        self.high = high  # end of each distribution
        self.weight = weight  # > 0

    @classmethod
    def calibrated(cls, weight: float) -> "UniformMixture":
        """Return the uniform distribution on 0..1, which calibrated forecasts have."""
        return cls(np.zeros(1), np.ones(1), np.full(1, weight))

    def select(self, chosen: npt.NDArray[np.bool_]) -> "UniformMixture":
        """Return some of the distributions."""
        return UniformMixture(self.low[chosen], self.high[chosen], self.weight[chosen])

    def joined(self, other: "UniformMixture") -> "UniformMixture":
        """Return the distributions of both mixtures."""
        pairs = ((self.low, other.low), (self.high, other.high), (self.weight, other.weight))
        return UniformMixture(*(np.concatenate(pair) for pair in pairs))

    def condensed(self, weight: float) -> "UniformMixture":
        """Return an approximation by few distributions, with a total weight."""
        ends = np.linspace(0, 1, _PIECES + 1)
        shares = np.diff(self._cumulative(ends))
        positive = shares > 0
        return UniformMixture(ends[:-1][positive], ends[1:][positive], weight * shares[positive])

    def levels(self, probabilities: tuple[float, ...]) -> Floats:
        """Return the quantiles of the mixture."""
        points, reached = self._curve()
        return np.clip(np.interp(probabilities, reached, points), _NEAREST, 1 - _NEAREST)

    def _cumulative(self, points: Floats) -> Floats:
        known, reached = self._curve()
        return np.interp(points, known, reached, left=0.0, right=1.0)

    def _curve(self) -> tuple[Floats, Floats]:
        """Return the points where the cumulative distribution changes its slope, and its values there."""
        slope = self.weight / (self.high - self.low)
        ends = np.concatenate((self.low, self.high))
        order = np.argsort(ends, kind="stable")
        steepness = np.cumsum(np.concatenate((slope, -slope))[order])
        points = ends[order]
        reached = np.concatenate(([0.0], np.cumsum(steepness[:-1] * np.diff(points)))) / self.weight.sum()
        return points, np.maximum.accumulate(np.clip(reached, 0.0, 1.0))
