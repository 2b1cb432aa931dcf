"""Ensembles: several methods put together by what they would have said of the latest past."""

from abc import abstractmethod
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.history import History
from ilp_models.model.ensembles.pool import Floats, Pool
from ilp_models.model.hindcast import deviance_by_type
from ilp_models.model.past_forecasts import PastForecasts, fit_member, past_forecasts
from ilp_models.stats.distributions import fit_dispersion


class Ensemble(Forecaster):
    """Members fitted twice: on an earlier past, to be judged on what came after it, and on all of it, to forecast.

    A subclass learns one weight a crime type and member from the past forecasts; members without weight are not
    fitted a second time. Dispersions are fitted around the combined past forecasts.
    """

    members: Mapping[str, Forecaster]
    past_periods: int
    refit_every: int

    members_: dict[str, Forecaster]
    weights_: Floats
    dispersion_: Floats

    @abstractmethod
    def _learn(self, past: PastForecasts) -> Floats:
        """Return weights, shape (crime types, members)."""

    @abstractmethod
    def _combine(self, expected: Floats, weights: Floats) -> Floats:
        """Return forecasts (periods, cells) of one crime type from those of its members (members, periods, cells)."""

    def _fit(self, history: History) -> None:
        past = past_forecasts(self.members, history, self.past_periods, self.refit_every)
        weights = self._learn(past)
        kinds = range(len(weights))
        self.dispersion_ = np.array(
            [fit_dispersion(past.observed[:, k], self._combine(past.expected[:, :, k], weights[k])) for k in kinds]
        )
        used = weights.max(axis=0) > 0
        self.members_ = {
            name: fit_member(name, clone(member), history)
            for (name, member), wanted in zip(self.members.items(), used, strict=True)
            if wanted
        }
        self.weights_ = weights

    def _update(self, history: History) -> None:
        for member in self.members_.values():
            member.update(history)

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, npt.NDArray[np.float64]]:
        del steps
        said = np.stack([member.predict(periods).expected.values for member in self.members_.values()])
        weights = self.weights_[:, self.weights_.max(axis=0) > 0]
        kinds = range(len(weights))
        pooled = [self._combine(np.moveaxis(said[:, kind], 2, 1), weights[kind]).T for kind in kinds]
        return np.stack(pooled), self.dispersion_


class Stacked(Ensemble):
    """A weighted mean of several methods, its weights learned on forecasts that had not seen the counts.

    Non-negative stacking (Breiman 1996, Machine Learning 24, 49-64) with a Poisson likelihood. Weights are learned on
    forecasts one period ahead and used for all leads.

    Parameters
    ----------
    members : mapping of str to Forecaster
        Methods by name.
    scale : {"count", "log"}, default "count"
        What is averaged: expected counts, or their logarithms (see :class:`ilp_models.model.ensembles.pool.Pool`).
    sum_to_one : bool, default True
        Whether weights add up to 1. If not, a type without events in the past may leave all members without weight;
        it then takes the mean weights of the other types.
    shrinkage : float, default 300
        How strongly a type's weights are pulled to those of all types together, in log-likelihood a squared weight;
        infinite: the same weights for all types.
    past_periods : int, default 26
        Latest periods on which weights are learned.
    refit_every : int, default 26
        Periods between two fits of the members over these periods.
    """

    def __init__(
        self,
        members: Mapping[str, Forecaster],
        scale: str = "count",
        sum_to_one: bool = True,  # noqa: FBT001, FBT002 - scikit-learn's get_params wants plain arguments
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

    def _learn(self, past: PastForecasts) -> Floats:
        weights = self._pool().learn_by_type(past.expected, past.observed, self.shrinkage)
        bare = ~weights.any(axis=1)
        if bare.all():
            msg = (
                f"No member kept any weight over the latest {self.past_periods} periods. Give more past_periods, other "
                "members or sum_to_one=true."
            )
            raise NotRunError(msg)
        weights[bare] = weights[~bare].mean(axis=0)
        return weights

    def _pool(self) -> Pool:
        if not self.shrinkage >= 0:
            msg = f"shrinkage={self.shrinkage} must be at least 0."
            raise InputError(msg)
        return Pool(self.scale, self.sum_to_one)

    def _combine(self, expected: Floats, weights: Floats) -> Floats:
        return self._pool().combine(expected, weights)


class BestPast(Ensemble):
    """The method with the least deviance over the latest past, for each crime type.

    Its regret says what such choices cost: following, period by period, whoever had been best until then, against
    the one that turned out best over all these periods.

    Parameters
    ----------
    members : mapping of str to Forecaster
        Methods by name; of equal ones the first is taken.
    by_type : bool, default True
        Whether each crime type chooses for itself, or all of them together.
    past_periods : int, default 26
        Latest periods on which methods are judged.
    refit_every : int, default 26
        Periods between two fits of the members over these periods.

    Attributes
    ----------
    weights_ : ndarray of float64
        1 for the member chosen and 0 for others, shape (crime types, members).
    regret_ : ndarray of float64
        Extra deviance as a part of that of the best in hindsight, one value a crime type.
    """

    regret_: Floats

    def __init__(
        self,
        members: Mapping[str, Forecaster],
        by_type: bool = True,  # noqa: FBT001, FBT002 - scikit-learn's get_params wants plain arguments
        past_periods: int = 26,
        refit_every: int = 26,
    ) -> None:
        self.members = members
        self.by_type = by_type
        self.past_periods = past_periods
        self.refit_every = refit_every

    @property
    def chosen_(self) -> tuple[str, ...]:
        """The name of the member chosen for each crime type."""
        names = tuple(self.members)
        return tuple(names[index] for index in self.weights_.argmax(axis=1))

    def _learn(self, past: PastForecasts) -> Floats:
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
    """Return what following the best so far lost against the best of all periods, relative to the latter.

    ``losses`` has the shape (members, periods, crime types); the first period is left to the first member.
    """
    total = losses.sum(axis=1).min(axis=0)
    so_far = np.cumsum(losses, axis=1) - losses
    leader = so_far.argmin(axis=0)
    followed = np.take_along_axis(losses, leader[None], axis=0)[0].sum(axis=0)
    return np.asarray((followed - total) / np.maximum(total, 1e-12))
