"""Synthetic control: untreated units, weighted so that before the trial they equal the treated ones exactly."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from ilp_models.domain.errors import NotRunError
from ilp_models.domain.trial import Effect, TrialData
from ilp_models.evaluation.intention_to_treat import effect_of_ratio
from ilp_models.stats.minimum_norm import minimum_norm_weights

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class SyntheticControl:
    """Compare the treated total with that of untreated units under weights of smallest norm.

    Robbins, Saunders and Kilmer (2017), Journal of the American Statistical Association 112, 109-126. The weighted
    controls equal the treated units in their number, their covariates and the sums of the blocks of periods before the
    trial. The error is that of residuals from the weighted regression on what was matched. What is matched decides the
    answer: declare it before the trial.

    Parameters
    ----------
    match_periods : int, default 1
        Periods in each matched block. Longer blocks match less noise.
    """

    match_periods: int = 1
    name: ClassVar[str] = "synthetic control"

    def estimate(self, trial: TrialData, confidence: float = 0.95, covariates: Floats | None = None) -> Effect:
        """Return the effect; NotRunError if no non-negative weights match the treated units.

        ``covariates`` has the shape (units, covariates).
        """
        rows = self._matched(trial, covariates)
        weights = self.weights(trial, covariates)
        treated = trial.treated.any(axis=1)
        outcome = trial.during.sum(axis=1)
        controls = ~treated & (trial.blocks >= 0)
        seen, expected = float(outcome[treated].sum()), float(weights @ outcome[controls])
        error = _linearised_error(rows[:, controls], weights, outcome[controls], int(treated.sum()))
        width = float(norm.isf((1 - confidence) / 2)) * error
        p_value = float(2 * norm.sf(abs(seen - expected) / error)) if error > 0 else np.nan
        ends = [expected + width, expected - width]
        ratio, low, high = (seen / one if one > 0 else np.inf for one in (expected, *ends))
        found = effect_of_ratio(self.name, ratio, (low, high), p_value, seen)
        return Effect(self.name, ratio, low, high, seen - expected, seen - ends[0], seen - ends[1], found.p_value)

    def weights(self, trial: TrialData, covariates: Floats | None = None) -> Floats:
        """Return the weights of the untreated units, which add up to the number of treated units."""
        rows = self._matched(trial, covariates)
        treated = trial.treated.any(axis=1)
        controls = ~treated & (trial.blocks >= 0)
        weights = minimum_norm_weights(rows[:, controls], rows[:, treated].sum(axis=1))
        if weights is None:
            msg = (
                f"No non-negative weights of the {int(controls.sum())} untreated units match the {int(treated.sum())} "
                f"treated ones in {len(rows)} sums. Give more untreated units, or longer blocks in match_periods."
            )
            raise NotRunError(msg)
        return weights

    def _matched(self, trial: TrialData, covariates: Floats | None) -> Floats:
        """Return what is matched: the number of units, covariates and sums of past blocks, (sums, units)."""
        size = self.match_periods
        blocks = trial.before.shape[1] // size
        past = trial.before[:, trial.before.shape[1] - blocks * size :]
        sums = past.reshape(len(past), blocks, size).sum(axis=2).T
        extra = np.empty((0, len(past))) if covariates is None else np.asarray(covariates, dtype=float).T
        return np.vstack([np.ones((1, len(past))), extra, sums])


def _linearised_error(rows: Floats, weights: Floats, outcome: Floats, treated: int) -> float:
    """Return the standard error of the treated total less the weighted total of the controls.

    Residuals are those of the regression, weighted by the weights, on what was matched (Deville and Sarndal 1992). The
    treated units are taken to scatter as their weighted controls do.
    """
    root = np.sqrt(weights)
    coefficients = np.linalg.lstsq((rows * root).T, outcome * root, rcond=None)[0]
    squares = (outcome - coefficients @ rows) ** 2
    freedom = max(float(weights.sum() ** 2 / (weights @ weights)) - len(rows), 1.0)
    spread = float(weights @ squares) / float(weights.sum()) * (freedom + len(rows)) / freedom
    return float(np.sqrt((weights**2) @ squares + treated * spread))
