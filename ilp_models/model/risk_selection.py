"""Select risk factors: an elastic-net Poisson regression, then stepwise regression by BIC."""

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
_TOLERANCE: Final = 1e-3
_ROUNDS: Final = 10
_LARGEST: Final = 10.0  # a larger log relative risk means that the fit diverged


@dataclass(frozen=True, eq=False)
class RiskData:
    """Counts of one crime type by cell, with candidate factors."""

    counts: Floats  # (cells,)
    exposure: Floats  # (cells,): area; without factors, expected counts are proportional to it
    factors: Floats  # (cells, candidates)
    blocks: Places  # (cells,): spatial block; cells of one block are not independent
    folds: int  # of the cross-validation over blocks

    @cached_property
    def scaled(self) -> Floats:
        """The factors divided by their standard deviations, so that one penalty fits all."""
        return np.asarray(self.factors / self.factors.std(axis=0))

    def held_out_cells(self) -> Iterator[npt.NDArray[np.bool_]]:
        """Yield the held-out cells of each fold in which both parts have events."""
        for fold in range(self.folds):
            held_out = self.blocks % self.folds == fold
            if self.counts[held_out].any() and self.counts[~held_out].any():
                yield held_out


@dataclass(frozen=True, eq=False)
class RiskFit:
    """The final regression of one crime type; standard errors are clustered by block and ignore the selection."""

    chosen: tuple[int, ...]  # positions of the candidates
    log_risk: Floats  # coefficients: logarithms of relative risks
    standard_error: Floats

    @property
    def weakest(self) -> tuple[int, float]:
        """The candidate with the smallest z-score, and the score."""
        distance = np.abs(self.log_risk) / self.standard_error
        return self.chosen[int(np.argmin(distance))], float(distance.min())


def penalised(data: RiskData, rows: npt.NDArray[np.bool_], penalty: float, l1_share: float, sign: str) -> Floats:
    """Return intercept and coefficients of the elastic-net Poisson regression (Zou and Hastie 2005), by L-BFGS-B.

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
    """Return the candidates selected by the elastic net, with the penalty of least loss in held-out blocks."""
    everywhere, parts = np.ones(len(data.counts), dtype=bool), list(data.held_out_cells())
    if data.factors.shape[1] == 0 or not parts:
        return ()
    surprise = data.counts - data.exposure * data.counts.sum() / data.exposure.sum()
    pulls = data.scaled.T @ surprise / data.counts.sum()
    strongest = max(float((side * pulls).max()) for side in _sides(sign)) / l1_share
    if strongest <= 0:
        return ()
    penalties = strongest * np.geomspace(1.0, _WEAKEST, _PENALTIES)
    losses = [sum(_held_out_loss(data, held_out, one, l1_share, sign) for held_out in parts) for one in penalties]
    coefficients = penalised(data, everywhere, penalties[np.argmin(losses)], l1_share, sign)[1:]
    return tuple(
        int(index)
        for index in np.flatnonzero(np.abs(coefficients) > _TOLERANCE * np.abs(coefficients).max(initial=0.0))
    )


def _held_out_loss(
    data: RiskData, held_out: npt.NDArray[np.bool_], penalty: float, l1_share: float, sign: str
) -> float:
    point = penalised(data, ~held_out, penalty, l1_share, sign)
    eta = np.log(data.exposure[held_out]) + point[0] + data.scaled[held_out] @ point[1:]
    return float((np.exp(eta) - data.counts[held_out] * eta).sum())


def choose_stepwise(data: RiskData, candidates: Sequence[int], layers: Sequence[str], sign: str) -> RiskFit:
    """Return the regression with the smallest Bayesian information criterion and at most one factor per layer.

    Factors are added, exchanged and dropped one at a time. The distribution is negative binomial, or Poisson if counts
    are not overdispersed. The criterion takes all cells as independent. Factors whose 95 % interval includes no effect
    with standard errors clustered by block are therefore dropped at the end.
    """
    alpha = fit_dispersion(
        data.counts, _regress(data, candidates, 0.0).fittedvalues if candidates else _uniform_counts(data)
    )
    fit = _criterion(data, alpha, sign)
    chosen: tuple[int, ...] = ()
    for _ in range(2 * len(set(layers)) + 1):
        taken = {layers[index] for index in chosen}
        wider = [(*chosen, index) for index in candidates if layers[index] not in taken]
        narrower = [tuple(other for other in chosen if other != index) for index in chosen]
        swapped = [
            (*(other for other in chosen if layers[other] != layers[index]), index)
            for index in candidates
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


def _criterion(data: RiskData, alpha: float, sign: str) -> Callable[[tuple[int, ...]], float]:
    """Return the criterion as a cached function of a set of factors; infinite if a risk has the wrong sign."""
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
        converged = abs(newer - alpha) <= _TOLERANCE * max(alpha, _TOLERANCE)
        alpha = newer
        if converged:
            break
    robust = len(np.unique(data.blocks)) > len(chosen) + 1
    groups = {"cov_type": "cluster", "cov_kwds": {"groups": data.blocks}} if robust else {}
    result = _regress(data, chosen, alpha, **groups)
    return RiskFit(chosen, np.asarray(result.params[1:]), np.asarray(result.bse[1:]))


def _regress(data: RiskData, chosen: Sequence[int], alpha: float, **covariance: Any) -> Any:
    """Return the fit of statsmodels without its warnings; callers check convergence."""
    family = sm.families.NegativeBinomial(alpha=alpha) if alpha > 0 else sm.families.Poisson()
    design = np.column_stack([np.ones(len(data.counts)), data.factors[:, list(chosen)]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sm.GLM(data.counts, design, family=family, offset=np.log(data.exposure))
        return model.fit(start_params=_start_params(data, len(chosen)), **covariance)


def _start_params(data: RiskData, size: int) -> Floats:
    return np.append(np.log(data.counts.sum() / data.exposure.sum()), np.zeros(size))


def _uniform_counts(data: RiskData) -> Floats:
    return np.asarray(data.exposure * data.counts.sum() / data.exposure.sum())


def _sides(sign: str) -> Floats:
    """Return the allowed signs of coefficients: 1, -1 or both."""
    low, high = SIGNS[sign]
    return np.array([1.0] * (high > 0) + [-1.0] * (low < 0))
