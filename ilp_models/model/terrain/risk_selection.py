"""Which risk factors explain counts: a penalised Poisson regression chooses, a stepwise one decides."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import statsmodels.api as sm
from scipy import optimize

from ilp_models.stats.distributions import fit_dispersion

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

SIGNS: Final = {"aggravating": (0.0, np.inf), "protective": (-np.inf, 0.0), "both": (-np.inf, np.inf)}

Z95: Final = 1.959964

_PENALTIES: Final = 15
_WEAKEST: Final = 0.01
_SETTLED: Final = 1e-3
_ROUNDS: Final = 10
_LARGEST: Final = 10.0  # a log relative risk beyond it is a fit that ran away


@dataclass(frozen=True, eq=False)
class RiskData:
    """Counts of one crime type by cell, with what may explain them.

    Parameters
    ----------
    counts : ndarray of float64
        Events of each cell.
    exposure : ndarray of float64
        Ground of each cell; without factors, counts are expected in proportion to it.
    factors : ndarray of float64
        Shape (cells, candidates).
    blocks : ndarray of int64
        Which stretch of ground each cell belongs to; cells of one block are not taken as independent.
    folds : int
        Parts of the blocks for cross-validation.
    """

    counts: Floats
    exposure: Floats
    factors: Floats
    blocks: Places
    folds: int

    @cached_property
    def scaled(self) -> Floats:
        """The factors, each divided by its standard deviation, so that a penalty means the same for all."""
        return np.asarray(self.factors / self.factors.std(axis=0))

    def parts(self) -> Iterator[npt.NDArray[np.bool_]]:
        """Yield, for each fold, which cells are held back, where both sides have events."""
        for fold in range(self.folds):
            held = self.blocks % self.folds == fold
            if self.counts[held].any() and self.counts[~held].any():
                yield held


@dataclass(frozen=True, eq=False)
class RiskFit:
    """The final regression of one crime type.

    Parameters
    ----------
    chosen : tuple of int
        Which candidates.
    log_risk : ndarray of float64
        Their coefficients: logarithms of relative risks.
    standard_error : ndarray of float64
        Of the coefficients, robust to whatever the cells of one block share; knows nothing of the selection.
    """

    chosen: tuple[int, ...]
    log_risk: Floats
    standard_error: Floats

    @property
    def weakest(self) -> tuple[int, float]:
        """The candidate whose coefficient is the fewest standard errors from 0, and how many; there must be one."""
        distance = np.abs(self.log_risk) / self.standard_error
        return self.chosen[int(np.argmin(distance))], float(distance.min())


def penalised(data: RiskData, rows: npt.NDArray[np.bool_], penalty: float, l1_share: float, sign: str) -> Floats:
    """Return the elastic-net Poisson regression on the scaled factors (Zou & Hastie 2005), by L-BFGS-B.

    The coefficients are split into positive and negative parts, both >= 0, which makes the penalty smooth.
    """
    y, x = data.counts[rows], data.scaled[rows]
    total, log_exposure = y.sum(), np.log(data.exposure[rows])
    size, sides = x.shape[1], _sides(sign)
    columns = np.hstack([side * x for side in sides])
    mirrored = np.tile(np.eye(size), len(sides)) * np.repeat(sides, size)

    def loss(point: Floats) -> tuple[float, Floats]:
        eta = np.minimum(log_exposure + point[0] + columns @ point[1:], 700.0)
        mean = np.exp(eta)
        net = mirrored @ point[1:]
        value = (mean.sum() - y @ eta) / total
        value += penalty * (l1_share * point[1:].sum() + (1 - l1_share) / 2 * (net @ net))
        slope = columns.T @ (mean - y) / total + penalty * (l1_share + (1 - l1_share) * (mirrored.T @ net))
        return float(value), np.append((mean.sum() - total) / total, slope)

    start = np.append(np.log(total / data.exposure[rows].sum()), np.zeros(columns.shape[1]))
    bounds = [(None, None)] + [(0.0, None)] * columns.shape[1]
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-10})
    return np.append(found.x[0], mirrored @ found.x[1:])


def choose_by_penalty(data: RiskData, l1_share: float, sign: str) -> tuple[int, ...]:
    """Return the candidates that a penalised regression keeps, its penalty chosen by cross-validation over blocks."""
    everywhere, parts = np.ones(len(data.counts), dtype=bool), list(data.parts())
    if data.factors.shape[1] == 0 or not parts:
        return ()
    surprise = data.counts - data.exposure * data.counts.sum() / data.exposure.sum()
    pulls = data.scaled.T @ surprise / data.counts.sum()
    strongest = max(float((side * pulls).max()) for side in _sides(sign)) / l1_share
    if strongest <= 0:
        return ()
    penalties = strongest * np.geomspace(1.0, _WEAKEST, _PENALTIES)
    losses = [sum(_held_out_loss(data, held, one, l1_share, sign) for held in parts) for one in penalties]
    kept = penalised(data, everywhere, penalties[np.argmin(losses)], l1_share, sign)[1:]
    return tuple(int(index) for index in np.flatnonzero(np.abs(kept) > _SETTLED * np.abs(kept).max(initial=0.0)))


def _held_out_loss(data: RiskData, held: npt.NDArray[np.bool_], penalty: float, l1_share: float, sign: str) -> float:
    point = penalised(data, ~held, penalty, l1_share, sign)
    eta = np.log(data.exposure[held]) + point[0] + data.scaled[held] @ point[1:]
    return float((np.exp(eta) - data.counts[held] * eta).sum())


def choose_stepwise(data: RiskData, offered: Sequence[int], layers: Sequence[str], sign: str) -> RiskFit:
    """Return the regression with the least Bayesian information criterion, at most one factor of each layer in it.

    Factors are added, exchanged and dropped one at a time. The distribution is negative binomial, and Poisson where
    counts vary no more than that. What has no 95 % interval above or below no risk, once cells of one block are not
    taken as independent, is dropped at last: the criterion takes each cell as news of its own.
    """
    alpha = fit_dispersion(data.counts, _regress(data, offered, 0.0).fittedvalues if offered else _flat(data))
    fit = _remembered(data, alpha, sign)
    chosen: tuple[int, ...] = ()
    for _ in range(2 * len(set(layers)) + 1):
        taken = {layers[index] for index in chosen}
        wider = [(*chosen, index) for index in offered if layers[index] not in taken]
        narrower = [tuple(other for other in chosen if other != index) for index in chosen]
        swapped = [
            (*(other for other in chosen if layers[other] != layers[index]), index)
            for index in offered
            if layers[index] in taken and index not in chosen
        ]
        best = min([*wider, *narrower, *swapped], key=fit, default=chosen)
        if not fit(best) < fit(chosen):
            break
        chosen = best
    final = _final(data, tuple(sorted(chosen)), alpha)
    while len(final.chosen) and final.weakest[1] < Z95:
        final = _final(data, tuple(index for index in final.chosen if index != final.weakest[0]), alpha)
    return final


def _remembered(data: RiskData, alpha: float, sign: str) -> Callable[[tuple[int, ...]], float]:
    """Return a function that gives the criterion of a set of factors, infinite where a risk has the wrong sign."""
    known: dict[tuple[int, ...], float] = {}
    low, high = SIGNS[sign]

    def criterion(chosen: tuple[int, ...]) -> float:
        key = tuple(sorted(chosen))
        if key not in known:
            result = _regress(data, key, alpha)
            risks = result.params[1:]
            sound = result.converged and (np.abs(risks) < _LARGEST).all()
            allowed = (risks >= low).all() and (risks <= high).all()
            known[key] = float(result.bic_llf) if sound and allowed else np.inf
        return known[key]

    return criterion


def _final(data: RiskData, chosen: tuple[int, ...], alpha: float) -> RiskFit:
    if not chosen:
        return RiskFit((), np.zeros(0), np.zeros(0))
    for _ in range(_ROUNDS):
        newer = fit_dispersion(data.counts, _regress(data, chosen, alpha).fittedvalues)
        settled = abs(newer - alpha) <= _SETTLED * max(alpha, _SETTLED)
        alpha = newer
        if settled:
            break
    robust = len(np.unique(data.blocks)) > len(chosen) + 1
    groups = {"cov_type": "cluster", "cov_kwds": {"groups": data.blocks}} if robust else {}
    result = _regress(data, chosen, alpha, **groups)
    return RiskFit(chosen, np.asarray(result.params[1:]), np.asarray(result.bse[1:]))


def _regress(data: RiskData, chosen: Sequence[int], alpha: float, **covariance: Any) -> Any:
    """Return the fit of statsmodels; its warnings are told by coefficients that did not settle."""
    family = sm.families.NegativeBinomial(alpha=alpha) if alpha > 0 else sm.families.Poisson()
    design = np.column_stack([np.ones(len(data.counts)), data.factors[:, list(chosen)]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sm.GLM(data.counts, design, family=family, offset=np.log(data.exposure))
        return model.fit(start_params=_start(data, len(chosen)), **covariance)


def _start(data: RiskData, size: int) -> Floats:
    return np.append(np.log(data.counts.sum() / data.exposure.sum()), np.zeros(size))


def _flat(data: RiskData) -> Floats:
    return np.asarray(data.exposure * data.counts.sum() / data.exposure.sum())


def _sides(sign: str) -> Floats:
    """Return 1, -1 or both: the directions in which coefficients may go."""
    low, high = SIGNS[sign]
    return np.array([1.0] * (high > 0) + [-1.0] * (low < 0))
