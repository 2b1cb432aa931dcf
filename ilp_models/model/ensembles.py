"""Ensembles: combine several forecasters by their past performance (stacking, best past, opinion pools)."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from scipy import optimize, special
from sklearn.base import clone

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.composition import Composition, Member
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.family_reasons import combine_reasons
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.history import History
from ilp_models.model.hindcast import deviance_by_type
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.past_forecasts import Floats, MemberForecasts, fit_member, forecast_past, shortened_past
from ilp_models.model.regressions.glm import PoissonGLM
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.stats.distributions import fit_dispersion

_STACKED_MEMBERS: Final[Mapping[str, Forecaster]] = {
    "lightgbm": LightGBM(),
    "poisson_glm": PoissonGLM(),
    "level_share": LevelShare(),
}
_BEST_PAST_MEMBERS: Final[Mapping[str, Forecaster]] = {**_STACKED_MEMBERS, "ewma": EWMA()}


class Ensemble(Forecaster):
    """A combination of forecasters, which are fitted twice: on an earlier past, to learn weights, and on all of it.

    A subclass learns one weight per crime type and member from out-of-sample forecasts. Members without weight are not
    fitted again. Dispersions are fitted around the combined past forecasts.
    """

    members: Mapping[str, Forecaster]
    past_periods: int
    refit_every: int

    members_: dict[str, Forecaster]
    weights_: Floats
    dispersion_: Floats

    @abstractmethod
    def _learn_weights(self, past: MemberForecasts) -> Floats:
        """Return weights, shape (crime types, members)."""

    @abstractmethod
    def _combine(self, expected: Floats, weights: Floats) -> Floats:
        """Return forecasts (periods, cells) of one crime type from those of its members (members, periods, cells)."""

    def _fit(self, history: History) -> None:
        past = forecast_past(self.members, history, self.past_periods, self.refit_every)
        weights = self._learn_weights(past)
        kinds = range(len(weights))
        self.dispersion_ = np.array(
            [fit_dispersion(past.observed[:, k], self._combine(past.expected[:, :, k], weights[k])) for k in kinds]
        )
        used = weights.max(axis=0) > 0
        self.members_ = {
            name: fit_member(name, clone(member), history)
            for (name, member), with_weight in zip(self.members.items(), used, strict=True)
            if with_weight
        }
        self.weights_ = weights

    def shortened(self, known: int, calendar: Calendar) -> tuple[str, ...]:
        """Return the settings that few known periods reduce, also those of the members."""
        return shortened_past(self.members, self.past_periods, known, calendar)

    def _update(self, history: History) -> None:
        for member in self.members_.values():
            member.update(history)

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, npt.NDArray[np.float64]]:
        del steps
        forecasts = np.stack([member.predict(periods).expected.values for member in self.members_.values()])
        weights = self.weights_[:, self.weights_.max(axis=0) > 0]
        kinds = range(len(weights))
        pooled = [self._combine(np.moveaxis(forecasts[:, kind], 2, 1), weights[kind]).T for kind in kinds]
        return np.stack(pooled), self.dispersion_

    def _split_forecast(
        self, periods: pd.PeriodIndex, steps: Steps, expected: xr.DataArray
    ) -> tuple[Floats, Mapping[str, Cube]]:
        """Return the weighted parts of the members; the rest, such as that of a logarithmic pool, is the method's."""
        del steps
        members = [member.reasons(periods) for member in self.members_.values()]
        weights = self._linear_weights(self.weights_[:, self.weights_.max(axis=0) > 0])
        return combine_reasons(expected, members, weights)

    def _linear_weights(self, weights: Floats) -> Floats:
        """Return the weights of the members in a weighted sum of their forecasts."""
        return weights

    def composition(self) -> Composition:
        """Return all members; those without a weight are fitted now, so that their columns are known."""
        self._check_fitted()
        fitted = {
            name: self.members_[name] if name in self.members_ else fit_member(name, clone(member), self.history_)
            for name, member in self.members.items()
        }
        weights = zip(fitted.items(), self.weights_.T, strict=True)
        return Composition(tuple(Member(name, one, weight) for (name, one), weight in weights))


class Stacked(Ensemble):
    """Weighted mean of several forecasters, with weights learned on out-of-sample forecasts (stacking).

    Non-negative stacking (Breiman 1996, Machine Learning 24, 49-64) with a Poisson likelihood. Weights are learned at
    lead 1 and used for all leads.

    Parameters
    ----------
    members : mapping of str to Forecaster
        Forecasters by name. By default ``lightgbm``, ``poisson_glm`` and ``level_share``.
    scale : {"count", "log"}, default "count"
        Scale of the mean: expected counts, or their logarithms (see :class:`OpinionPool`).
    sum_to_one : bool, default True
        Whether the weights add up to 1. If not, a type without past events may give all members a weight of 0. It then
        takes the mean weights of the other types.
    shrinkage : float, default 300
        Strength of the pull of a type's weights to those of all types together, log-likelihood per squared weight.
        Infinity gives the same weights to all types.
    past_periods : int, default 26
        Latest periods on which weights are learned.
    refit_every : int, default 26
        Periods between two fits of the members over these periods.

    Examples
    --------
    >>> from ilp_models.model.means.moving_average import MovingAverage
    >>> members = {"mean": MovingAverage(), "ewma": EWMA()}
    >>> model = Stacked(members, past_periods=8).fit(history)
    >>> model.weights_.sum(axis=1).round(6).tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        members: Mapping[str, Forecaster] = _STACKED_MEMBERS,
        scale: str = "count",
        *,
        sum_to_one: bool = True,
        shrinkage: float = 300.0,
        past_periods: int = 26,
        refit_every: int = 26,
    ) -> None:
        self.members = members
        self.scale = scale
        self.sum_to_one = sum_to_one
        self.shrinkage = shrinkage
        self.past_periods = past_periods
        self.refit_every = refit_every

    def _learn_weights(self, past: MemberForecasts) -> Floats:
        weights = self._pool().learn_by_type(past.expected, past.observed, self.shrinkage)
        without = ~weights.any(axis=1)
        if without.all():
            msg = (
                f"All members have a weight of 0 over the latest {self.past_periods} periods. Set more past_periods, "
                "other members or sum_to_one=true."
            )
            raise NotRunError(msg)
        weights[without] = weights[~without].mean(axis=0)
        return weights

    def _pool(self) -> "OpinionPool":
        if not self.shrinkage >= 0:
            msg = f"shrinkage={self.shrinkage} must be at least 0."
            raise InputError(msg)
        return OpinionPool(self.scale, self.sum_to_one)

    def _combine(self, expected: Floats, weights: Floats) -> Floats:
        return self._pool().combine(expected, weights)

    def _linear_weights(self, weights: Floats) -> Floats:
        # weights on the logarithmic scale change the sharpness of the map, not its level
        return weights if self.scale == "count" else weights / weights.sum(axis=1, keepdims=True)

    def composition(self) -> Composition:
        """Return all members; a logarithmic pool adds up their logarithms."""
        return replace(super().composition(), logarithmic=self.scale == "log")


class BestPast(Ensemble):
    """The forecaster with the smallest deviance over the latest past, for each crime type.

    Parameters
    ----------
    members : mapping of str to Forecaster
        Forecasters by name. By default ``lightgbm``, ``poisson_glm``, ``level_share`` and ``ewma``. A tie goes to the
        first.
    by_type : bool, default True
        Whether each crime type has its own choice, or all types share one.
    past_periods : int, default 26
        Latest periods over which the deviance is summed.
    refit_every : int, default 26
        Periods between two fits of the members over these periods.

    Attributes
    ----------
    weights_ : ndarray of float64
        1 for the chosen member and 0 for the others, shape (crime types, members).
    regret_ : ndarray of float64
        Relative extra deviance of choosing, period by period, the member that was best until then, compared with the
        best member in hindsight. One value per crime type.

    Examples
    --------
    >>> from ilp_models.model.means.moving_average import MovingAverage
    >>> model = BestPast({"mean": MovingAverage(), "last": MovingAverage(1)}, past_periods=8).fit(history)
    >>> model.chosen_
    ('mean', 'mean')
    """

    regret_: Floats

    def __init__(
        self,
        members: Mapping[str, Forecaster] = _BEST_PAST_MEMBERS,
        *,
        by_type: bool = True,
        past_periods: int = 26,
        refit_every: int = 26,
    ) -> None:
        self.members = members
        self.by_type = by_type
        self.past_periods = past_periods
        self.refit_every = refit_every

    @property
    def chosen_(self) -> tuple[str, ...]:
        """The name of the chosen member of each crime type."""
        names = tuple(self.members)
        return tuple(names[index] for index in self.weights_.argmax(axis=1))

    def _learn_weights(self, past: MemberForecasts) -> Floats:
        losses = np.stack(
            [
                [deviance_by_type(past.observed[[t]], member[[t]]) for t in range(len(past.observed))]
                for member in past.expected
            ]
        )
        if not self.by_type:
            losses = np.broadcast_to(losses.sum(axis=2, keepdims=True), losses.shape)
        self.regret_ = _regret(losses)
        best = losses.sum(axis=1).argmin(axis=0)
        return np.asarray(np.eye(len(losses))[best])

    def _combine(self, expected: Floats, weights: Floats) -> Floats:
        return np.tensordot(weights, expected, 1)


def _regret(losses: Floats) -> Floats:
    """Return the relative extra loss of following the best member so far, from (members, periods, crime types).

    The first period follows the first member.
    """
    total = losses.sum(axis=1).min(axis=0)
    so_far = np.cumsum(losses, axis=1) - losses
    leader = so_far.argmin(axis=0)
    followed = np.take_along_axis(losses, leader[None], axis=0)[0].sum(axis=0)
    return np.asarray((followed - total) / np.maximum(total, 1e-12))


SCALES: Final = ("count", "log")
_FLOOR: Final = 1e-3  # smallest forecast under a logarithm, events per cell and period
_TIE: Final = 1.0  # pull to equal weights: negligible against thousands of events, but it breaks ties
_LEAST: Final = 1e-3  # smallest weight that is worth a fit of the member
_PRECISION_REACHED: Final = 8  # status of SLSQP: a step gains nothing at this precision


@dataclass(frozen=True)
class OpinionPool:
    """Linear or logarithmic opinion pool of forecasts, with weights of largest Poisson likelihood.

    The linear pool (``count``) is sum(w_j m_j). The logarithmic pool (``log``) is proportional to
    exp(sum(w_j log m_j)) over the cells of a period. Its total is the geometric mean of the members' city totals. The
    weights then only move risk between cells (Genest and Zidek 1986, Statistical Science 1, 114-135). Without
    ``sum_to_one`` the weights also learn the level (count) or the sharpness of the map (log).
    """

    scale: str
    sum_to_one: bool

    def __post_init__(self) -> None:
        """Refuse an unknown scale."""
        if self.scale not in SCALES:
            msg = f"scale={self.scale!r} is unknown; choose one of {', '.join(SCALES)}."
            raise InputError(msg)

    def combine(self, expected: Floats, weights: Floats) -> Floats:
        """Return the pooled forecasts (periods, cells) of members (members, periods, cells)."""
        if self.scale == "count":
            return np.tensordot(weights, expected, 1)
        shares = special.softmax(np.tensordot(weights, np.log(np.maximum(expected, _FLOOR)), 1), axis=1)
        totals = np.log(np.maximum(expected.sum(axis=2), _FLOOR))
        return np.asarray(shares * np.exp(weights @ totals / max(weights.sum(), _FLOOR))[:, None])

    def learn(self, expected: Floats, observed: npt.NDArray[np.generic], towards: Floats, pull: float) -> Floats:
        """Return the weights with the largest Poisson likelihood, penalised by their distance from `towards`."""
        fit = _count_loss(expected, observed) if self.scale == "count" else _share_loss(expected, observed)
        size = max(float(np.sum(observed, dtype=np.float64)), 1.0)  # scales the loss for the solver

        def loss(weights: Floats) -> tuple[float, Floats]:
            value, slope = fit(weights)
            away = weights - towards
            return (value + pull * float(away @ away) / 2) / size, (slope + pull * away) / size

        one = {"type": "eq", "fun": lambda weights: weights.sum() - 1.0, "jac": np.ones_like}
        found = optimize.minimize(
            loss,
            towards,
            jac=True,
            method="SLSQP",
            bounds=[(0.0, None)] * len(towards),
            constraints=[one] if self.sum_to_one else [],
            options={"ftol": 1e-10, "maxiter": 500},
        )
        if not found.success and found.status != _PRECISION_REACHED:
            msg = (
                f"The weights of the members did not converge ({found.message}). Set fewer members or a larger "
                "shrinkage."
            )
            raise NotRunError(msg)
        weights = np.where(found.x < _LEAST, 0.0, found.x)
        return np.asarray(weights / weights.sum() if self.sum_to_one else weights)

    def learn_by_type(self, expected: Floats, observed: npt.NDArray[np.generic], shrinkage: float) -> Floats:
        """Return weights (crime types, members), shrunk to those of all types together."""
        members, cells = expected.shape[0], expected.shape[-1]
        equal = np.full(members, 1.0 / members)
        common = self.learn(expected.reshape(members, -1, cells), observed.reshape(-1, cells), equal, _TIE)
        kinds = range(observed.shape[1])
        if np.isinf(shrinkage):
            return np.stack([common for _ in kinds])
        pull = max(shrinkage, _TIE)
        return np.stack([self.learn(expected[:, :, kind], observed[:, kind], common, pull) for kind in kinds])


Loss = Callable[[Floats], tuple[float, Floats]]


def _count_loss(expected: Floats, observed: npt.NDArray[np.generic]) -> Loss:
    """Return minus the Poisson log-likelihood of the weighted sum and its slope; empty units enter by their sum."""
    raised = np.maximum(expected, _FLOOR)
    hit = np.nonzero(np.ravel(observed))[0]
    counts, rates = np.asarray(np.ravel(observed)[hit], dtype=float), raised.reshape(len(raised), -1)[:, hit]
    totals = raised.sum(axis=(1, 2))

    def loss(weights: Floats) -> tuple[float, Floats]:
        mean = np.maximum(weights @ rates, _FLOOR**2)
        return float(weights @ totals - special.xlogy(counts, mean).sum()), totals - rates @ (counts / mean)

    return loss


def _share_loss(expected: Floats, observed: npt.NDArray[np.generic]) -> Loss:
    """Return minus the log-likelihood of the locations of events, given their number, and its slope."""
    logs = np.log(np.maximum(expected, _FLOOR))
    counts = np.asarray(observed, dtype=float)
    totals = counts.sum(axis=1)
    at_events = np.tensordot(logs, counts, ([1, 2], [0, 1]))

    def loss(weights: Floats) -> tuple[float, Floats]:
        pooled = np.tensordot(weights, logs, 1)
        normal = special.logsumexp(pooled, axis=1)
        shares = np.exp(pooled - normal[:, None])
        slope = np.tensordot(logs, shares * totals[:, None], ([1, 2], [0, 1])) - at_events
        return float(totals @ normal - weights @ at_events), slope

    return loss
