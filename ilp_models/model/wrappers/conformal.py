"""Conformal intervals: quantiles moved to where past counts have fallen in their forecast distributions."""

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.forecaster import Cube, Forecaster
from ilp_models.model.wrappers.past_performance import Floats, PastWeights
from ilp_models.model.wrappers.risk_groups import RiskGroups
from ilp_models.model.wrappers.uniform_mixture import UniformMixture
from ilp_models.model.wrappers.wrapper import IntervalWrapper
from ilp_models.stats.distributions import LEVELS, cumulative, quantiles

_NARROWEST: Final = 1e-9  # of a step in probability: a count that could not happen is as unlikely as that


class ConformalIntervals(IntervalWrapper):
    """A forecaster whose quantiles cover as they say, by where past counts fell in their forecast distributions.

    Distributional conformal prediction (Chernozhukov, Wuthrich and Zhu 2021) for counts: the score of a past unit is
    its probability integral transform without randomisation (Czado, Gneiting and Held 2009), and recent units weigh
    more (Barber, Candes, Ramdas and Tibshirani 2023), so that coverage follows a drift. With G the weighted mean of
    the transforms of a crime type's risk group, the quantile at level p is that of the forecaster at level t, G(t) = p.

    Expected counts and dispersions are those of the forecaster, and so are all scores but those of quantiles.

    Parameters
    ----------
    forecaster : Forecaster
        The method; copies of it are fitted.
    groups : int, default 10
        Groups of about equally many units by expected count; 1: all units of a crime type together.
    half_life : float, default 13
        Periods after which a past unit has half its weight.
    shrinkage : float, default 20
        Units that a group borrows from its whole crime type; the type itself borrows as many from a forecaster whose
        intervals are right.
    past_periods : int, default 26
        Latest periods that are looked at.
    refit_every : int, default 26
        Periods between two fits of the copy that forecasts these periods.

    Attributes
    ----------
    groups_ : RiskGroups
        Where one group ends and the next begins.
    levels_ : ndarray of float64
        Levels (t) at which the forecaster's quantiles are taken, shape (crime types, groups, quantiles).
    """

    groups_: RiskGroups
    levels_: Floats

    def __init__(
        self,
        forecaster: Forecaster,
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
        """Return the forecast of some periods after the cutoff, its quantiles moved."""
        said = super().predict(periods)
        spread = said.dispersion.broadcast_like(said.expected).transpose(*said.expected.dims).values
        values = np.empty(said.quantiles.shape)
        for kind, (mean, dispersion) in enumerate(zip(said.expected.values, spread, strict=True)):
            group = self.groups_.of(mean, kind)
            for one in np.unique(group):
                units = group == one
                values[:, kind, units] = quantiles(mean[units], dispersion[units], tuple(self.levels_[kind, one]))
        return replace(said, quantiles=said.quantiles.copy(data=values))

    def _change(self, expected: Cube, dispersion: Floats) -> tuple[Cube, Floats]:
        return expected, dispersion

    def _learn(self, past: PastWeights) -> None:
        if not self.shrinkage > 0:
            msg = f"shrinkage={self.shrinkage} must be above 0."
            raise InputError(msg)
        self.groups_ = RiskGroups.from_expected(past.expected, self.groups)
        most = cumulative(past.observed, past.expected, past.dispersion)
        fewer = np.minimum(cumulative(past.observed - 1, past.expected, past.dispersion), most - _NARROWEST)
        weight = np.broadcast_to(past.weights(self.half_life)[:, None], fewer[:, 0].shape)
        kinds = range(fewer.shape[1])
        self.levels_ = np.empty((len(kinds), self.groups_.most, len(LEVELS)))
        for kind in kinds:
            own = UniformMixture(fewer[:, kind].ravel(), most[:, kind].ravel(), weight.ravel())
            whole = own.joined(UniformMixture.uniform(self.shrinkage))
            self.levels_[kind] = whole.levels(LEVELS)  # of groups that hold no past unit
            group, lent = self.groups_.of(past.expected[:, kind], kind).ravel(), whole.condensed(self.shrinkage)
            for one in np.unique(group):
                self.levels_[kind, one] = own.part(group == one).joined(lent).levels(LEVELS)
