"""Intervals from a negative binomial distribution whose dispersion depends on the risk."""

from typing import Final

import numpy as np
from scipy import optimize

from ilp_models.domain.errors import InputError
from ilp_models.domain.forecaster import Cube, Forecaster
from ilp_models.model.wrappers.past_performance import Floats, PastWeights
from ilp_models.model.wrappers.risk_groups import RiskGroups
from ilp_models.model.wrappers.wrapper import IntervalWrapper
from ilp_models.stats.distributions import fit_dispersion, log_probability

_LEAST: Final = 1e-3  # a smaller dispersion is not told from none by counts such as these
_DISPERSIONS: Final = (1e-4, 50.0)


class NegativeBinomialIntervals(IntervalWrapper):
    """A forecaster whose expected counts are kept and whose dispersions are fitted anew, out of sample, by risk.

    Units of a crime type are grouped by their expected count. Each group's dispersion has the largest likelihood of
    the past counts, from which ``shrinkage / 2`` times the squared distance of its logarithm to that of the whole type
    is taken off.

    Parameters
    ----------
    forecaster : Forecaster
        The method; copies of it are fitted.
    groups : int, default 10
        Groups of about equally many units; 1: one dispersion a crime type.
    shrinkage : float, default 5
        Pull of a group's log dispersion to that of its type; at 5 a factor of 1.6 is one standard deviation.
    past_periods : int, default 26
        Latest periods whose counts dispersions are fitted on.
    refit_every : int, default 26
        Periods between two fits of the copy that forecasts these periods.

    Attributes
    ----------
    groups_ : RiskGroups
        Where one group ends and the next begins.
    dispersions_ : ndarray of float64
        Shape (crime types, groups).
    """

    groups_: RiskGroups
    dispersions_: Floats

    def __init__(
        self,
        forecaster: Forecaster,
        groups: int = 10,
        shrinkage: float = 5.0,
        past_periods: int = 26,
        refit_every: int = 26,
    ) -> None:
        self.forecaster = forecaster
        self.groups = groups
        self.shrinkage = shrinkage
        self.past_periods = past_periods
        self.refit_every = refit_every

    def _learn(self, past: PastWeights) -> None:
        if not self.shrinkage >= 0:
            msg = f"shrinkage={self.shrinkage} must be at least 0."
            raise InputError(msg)
        self.groups_ = RiskGroups.from_expected(past.expected, self.groups)
        kinds = range(past.expected.shape[1])
        self.dispersions_ = np.empty((len(kinds), self.groups_.most))
        for kind in kinds:
            counts, means = past.observed[:, kind], past.expected[:, kind]
            common, group = fit_dispersion(counts, means), self.groups_.of(means, kind)
            self.dispersions_[kind] = common  # of groups that hold no past unit
            for one in np.unique(group):
                units = group == one
                self.dispersions_[kind, one] = pulled_dispersion(counts[units], means[units], common, self.shrinkage)

    def _change(self, expected: Cube, dispersion: Floats) -> tuple[Cube, Floats]:
        del dispersion
        rows = [self.dispersions_[kind][self.groups_.of(one, kind)] for kind, one in enumerate(expected)]
        return expected, np.stack(rows)


def pulled_dispersion(count: Floats, mean: Floats, centre: float, shrinkage: float) -> float:
    """Return the dispersion of largest likelihood, its logarithm pulled to that of another one."""
    means, middle = np.maximum(mean, 1e-9), float(np.log(max(centre, _LEAST)))

    def loss(log_alpha: float) -> float:
        alpha = float(np.exp(log_alpha))
        return shrinkage / 2 * (log_alpha - middle) ** 2 - float(log_probability(count, means, alpha).sum())

    found = optimize.minimize_scalar(loss, bounds=np.log(_DISPERSIONS), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))
