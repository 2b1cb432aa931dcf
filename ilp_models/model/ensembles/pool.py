"""Pools of forecasts: weighted means on the scale of counts or of logarithms, their weights by Poisson likelihood."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from ilp_models.domain.errors import InputError, NotRunError

Floats = npt.NDArray[np.float64]

SCALES: Final = ("count", "log")
_FLOOR: Final = 1e-3  # forecasts below are raised to it before logarithms, events per cell and period
_TIE: Final = 1.0  # pull to equal weights: next to nothing against thousands of events, and it settles ties
_LEAST: Final = 1e-3  # a member with less weight is not worth its fit
_AT_ITS_LIMIT: Final = 8  # the solver's word for a step that no longer gains anything at this precision


@dataclass(frozen=True)
class Pool:
    """How forecasts of several methods are put together.

    On the count scale the pool is sum(w_j m_j). On the log scale it is proportional to exp(sum(w_j log m_j)) over the
    cells of a period, at the geometric mean of the methods' city totals, so that the weights move risk between cells
    only (the logarithmic pool: Genest & Zidek 1986, Statistical Science 1, 114-135).

    Parameters
    ----------
    scale : {"count", "log"}
        What is averaged.
    sum_to_one : bool
        Whether weights add up to 1. If not, they also learn the level (count) or how sharp the map is (log).

    Raises
    ------
    InputError
        If the scale is not one of those named.
    """

    scale: str
    sum_to_one: bool

    def __post_init__(self) -> None:
        """Refuse a scale that is not known."""
        if self.scale not in SCALES:
            msg = f"scale={self.scale!r} is unknown; choose one of {', '.join(SCALES)}."
            raise InputError(msg)

    def combine(self, expected: Floats, weights: Floats) -> Floats:
        """Return the pooled forecasts."""
        if self.scale == "count":
            return np.tensordot(weights, expected, 1)
        shares = special.softmax(np.tensordot(weights, np.log(np.maximum(expected, _FLOOR)), 1), axis=1)
        totals = np.log(np.maximum(expected.sum(axis=2), _FLOOR))
        return np.asarray(shares * np.exp(weights @ totals / max(weights.sum(), _FLOOR))[:, None])

    def learn(self, expected: Floats, observed: npt.NDArray[np.generic], towards: Floats, pull: float) -> Floats:
        """Return the weights with the largest penalised Poisson likelihood."""
        fit = _count_loss(expected, observed) if self.scale == "count" else _share_loss(expected, observed)
        size = max(float(np.sum(observed, dtype=np.float64)), 1.0)  # the solver wants numbers near 1

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
        if not found.success and found.status != _AT_ITS_LIMIT:
            msg = (
                f"The weights of the members did not settle ({found.message}). Set fewer members or a larger shrinkage."
            )
            raise NotRunError(msg)
        weights = np.where(found.x < _LEAST, 0.0, found.x)
        return np.asarray(weights / weights.sum() if self.sum_to_one else weights)

    def learn_by_type(self, expected: Floats, observed: npt.NDArray[np.generic], shrinkage: float) -> Floats:
        """Return weights of each crime type, shrunk to those of all types together."""
        members, cells = expected.shape[0], expected.shape[-1]
        equal = np.full(members, 1.0 / members)
        every = self.learn(expected.reshape(members, -1, cells), observed.reshape(-1, cells), equal, _TIE)
        kinds = range(observed.shape[1])
        if np.isinf(shrinkage):
            return np.stack([every for _ in kinds])
        pull = max(shrinkage, _TIE)
        return np.stack([self.learn(expected[:, :, kind], observed[:, kind], every, pull) for kind in kinds])


Loss = Callable[[Floats], tuple[float, Floats]]


def _count_loss(expected: Floats, observed: npt.NDArray[np.generic]) -> Loss:
    """Return minus the Poisson log-likelihood of the weighted sum, and its slope; empty units enter by their sum."""
    raised = np.maximum(expected, _FLOOR)
    hit = np.nonzero(np.ravel(observed))[0]
    counts, rates = np.asarray(np.ravel(observed)[hit], dtype=float), raised.reshape(len(raised), -1)[:, hit]
    totals = raised.sum(axis=(1, 2))

    def loss(weights: Floats) -> tuple[float, Floats]:
        mean = np.maximum(weights @ rates, _FLOOR**2)
        return float(weights @ totals - special.xlogy(counts, mean).sum()), totals - rates @ (counts / mean)

    return loss


def _share_loss(expected: Floats, observed: npt.NDArray[np.generic]) -> Loss:
    """Return minus the log-likelihood of where events happened, given how many did, and its slope."""
    logs = np.log(np.maximum(expected, _FLOOR))
    counts = np.asarray(observed, dtype=float)
    totals = counts.sum(axis=1)
    happened = np.tensordot(logs, counts, ([1, 2], [0, 1]))

    def loss(weights: Floats) -> tuple[float, Floats]:
        pooled = np.tensordot(weights, logs, 1)
        normal = special.logsumexp(pooled, axis=1)
        shares = np.exp(pooled - normal[:, None])
        slope = np.tensordot(logs, shares * totals[:, None], ([1, 2], [0, 1])) - happened
        return float(totals @ normal - weights @ happened), slope

    return loss
