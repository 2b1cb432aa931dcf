"""Intervals from a negative binomial distribution whose dispersion depends on the risk."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy import optimize

from ilp_models.domain.errors import InputError
from ilp_models.domain.forecaster import Cube, Forecaster
from ilp_models.model.past_forecasts import Floats, PastForecasts
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.model.wrappers.wrapper import IntervalWrapper
from ilp_models.stats.distributions import fit_dispersion, log_probability

_FORECASTER: Final = LightGBM()
_LEAST: Final = 1e-3  # such counts do not show whether a smaller dispersion is above 0
_DISPERSIONS: Final = (1e-4, 50.0)
_DIGITS: Final = 6  # of log expected counts, so that a rounding error moves no unit to another group
_SMALLEST: Final = 1e-12


@dataclass(frozen=True, eq=False)
class RiskGroups:
    """Groups of units with similar expected counts, within each crime type."""

    edges: tuple[npt.NDArray[np.float64], ...]  # increasing log expected counts between groups, by crime type

    @classmethod
    def from_expected(cls, expected: npt.NDArray[Any], groups: int) -> Self:
        """Return groups of about equal size from expected counts (periods, crime types, cells)."""
        if groups < 1:
            msg = f"groups={groups} must be at least 1."
            raise InputError(msg)
        parts = np.linspace(0, 1, groups + 1)[1:-1]
        logs = np.moveaxis(_logs(expected), 1, 0).reshape(expected.shape[1], -1)
        return cls(tuple(np.unique(np.quantile(one, parts, method="midpoint")) for one in logs))

    @property
    def most(self) -> int:
        """The largest number of groups of any crime type."""
        return 1 + max(len(one) for one in self.edges)

    def group_index(self, expected: npt.NDArray[Any], kind: int) -> npt.NDArray[np.int64]:
        """Return the group of each unit of one crime type, 0 for the smallest risk."""
        return np.asarray(np.searchsorted(self.edges[kind], _logs(expected), side="left"))


def _logs(expected: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return np.asarray(np.round(np.log(np.maximum(expected, _SMALLEST)), _DIGITS))


class NegativeBinomialIntervals(IntervalWrapper):
    """A forecaster with dispersions refitted out of sample, by crime type and risk. Expected counts do not change.

    Units of a crime type are grouped by their expected count. The dispersion of each group maximises the likelihood of
    the past counts minus a penalty: ``shrinkage / 2`` times the squared distance of its logarithm to that of the
    whole type.

    Parameters
    ----------
    forecaster : Forecaster, default LightGBM()
        The method; clones of it are fitted.
    groups : int, default 10
        Number of groups of about equal size; 1 is one dispersion per crime type.
    shrinkage : float, default 5
        Strength of the penalty; at 5 a factor of 1.6 is one standard deviation.
    past_periods : int, default 26
        Latest periods on whose counts the dispersions are fitted.
    refit_every : int, default 26
        Periods between two fits of the clone that forecasts these periods.

    Attributes
    ----------
    groups_ : RiskGroups
        Limits between the groups.
    dispersions_ : ndarray of float64
        Shape (crime types, groups).

    Examples
    --------
    >>> from ilp_models.model.means.moving_average import MovingAverage
    >>> model = NegativeBinomialIntervals(MovingAverage(), groups=2, past_periods=8).fit(history)
    >>> model.dispersions_.shape
    (2, 2)
    """

    groups_: RiskGroups
    dispersions_: Floats

    def __init__(
        self,
        forecaster: Forecaster = _FORECASTER,
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

    def _learn(self, past: PastForecasts) -> None:
        if not self.shrinkage >= 0:
            msg = f"shrinkage={self.shrinkage} must be at least 0."
            raise InputError(msg)
        self.groups_ = RiskGroups.from_expected(past.expected, self.groups)
        kinds = range(past.expected.shape[1])
        self.dispersions_ = np.empty((len(kinds), self.groups_.most))
        for kind in kinds:
            counts, means = past.observed[:, kind], past.expected[:, kind]
            common, group = fit_dispersion(counts, means), self.groups_.group_index(means, kind)
            self.dispersions_[kind] = common  # for groups without past units
            for one in np.unique(group):
                units = group == one
                self.dispersions_[kind, one] = shrunk_dispersion(counts[units], means[units], common, self.shrinkage)

    def _correct(self, expected: Cube, dispersion: Floats) -> tuple[Cube, Floats]:
        del dispersion
        rows = [self.dispersions_[kind][self.groups_.group_index(one, kind)] for kind, one in enumerate(expected)]
        return expected, np.stack(rows)


def shrunk_dispersion(count: Floats, mean: Floats, centre: float, shrinkage: float) -> float:
    """Return the dispersion of largest penalised likelihood, its logarithm shrunk to that of `centre`."""
    means, middle = np.maximum(mean, 1e-9), float(np.log(max(centre, _LEAST)))

    def loss(log_alpha: float) -> float:
        alpha = float(np.exp(log_alpha))
        return shrinkage / 2 * (log_alpha - middle) ** 2 - float(log_probability(count, means, alpha).sum())

    found = optimize.minimize_scalar(loss, bounds=np.log(_DISPERSIONS), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))
