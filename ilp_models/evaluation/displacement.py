"""The weighted displacement difference of treated places, controls and the zones around them."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from ilp_models.domain.trial import Effect, TrialData
from ilp_models.stats.displacement_difference import displacement_difference

Floats = npt.NDArray[np.floating[Any]]

_BLOCK: Final = 4  # periods whose sums are compared, so that serial correlation counts
_LEAST_UNITS: Final = 10  # in each arm, for a dispersion between units
_LEAST_PAIRS: Final = 12  # of neighbouring blocks; with fewer, single periods are compared


@dataclass(frozen=True)
class DisplacementDifference:
    """The change of the treated total less that of the control total, and the same in the zones around them.

    Wheeler and Ratcliffe (2018), Crime Science 7:11, for units treated throughout the trial. Periods are scaled to
    equal length and controls to the treated total before the trial. Published use takes counts as Poisson. Recorded
    crime varies more, so that the variance is multiplied by a dispersion. It is that of the changes of the units, or,
    with fewer than 10 units in an arm, that of the difference of the totals before the trial.

    Parameters
    ----------
    poisson : bool, default False
        Take counts as Poisson, as published. The intervals are then too narrow for most records.
    """

    poisson: bool = False
    name: ClassVar[str] = "displacement difference"

    def estimate(self, trial: TrialData, confidence: float = 0.95, zones: TrialData | None = None) -> Effect:
        """Return the effect in events over the trial, with that in the zones around the units if they are given.

        The ratio compares with the treated total without the effect. All is NaN without an event before the trial.
        """
        parts = [_Totals.of(one) for one in (trial, zones) if one is not None]
        if not all(part.before.all() for part in parts):
            return Effect(self.name, *[np.nan] * 7)
        before, during, weights, dispersion = (
            np.concatenate([getattr(part, name) for part in parts], axis=-1)
            for name in ("before", "during", "weights", "dispersion")
        )
        missing = 4 - before.shape[-1]
        rows = [np.pad(one, (0, missing)) for one in (before, during)]
        shares = np.pad(weights, ((0, 0), (0, missing)), constant_values=1.0)
        spread = 1.0 if self.poisson else np.pad(dispersion, (0, missing), constant_values=1.0)
        found, error = (float(one) for one in displacement_difference(rows[0], rows[1], shares, spread))
        width = float(norm.isf((1 - confidence) / 2)) * error
        events = (found, found - width, found + width)
        untouched = float(during[0]) - found
        ratio, low, high = (1 + one / untouched if untouched > 0 else np.nan for one in events)
        return Effect(self.name, ratio, low, high, *events, float(2 * norm.sf(abs(found) / error)))


@dataclass(frozen=True, eq=False)
class _Totals:
    """Totals of the treated and the control units, with their weights and dispersion."""

    before: Floats  # (treated, control)
    during: Floats
    weights: Floats  # (before or during, treated or control)
    dispersion: Floats

    @classmethod
    def of(cls, trial: TrialData) -> "_Totals":
        ever = trial.treated.any(axis=1)
        arms = ever, ~ever & (trial.blocks >= 0)
        past = np.array([trial.before[arm].sum(axis=0) for arm in arms])
        during = np.array([trial.during[arm].sum() for arm in arms])
        before = past.sum(axis=1)
        scale = before / max(before[0], 1.0)
        weights = np.stack([past.shape[1] / trial.during.shape[1] * scale, scale])
        if min(arm.sum() for arm in arms) >= _LEAST_UNITS:
            sums = trial.before.sum(axis=1), trial.during.sum(axis=1)
            spread = [change_dispersion(sums[0][arm], sums[1][arm]) for arm in arms]
        else:
            spread = [difference_dispersion(past, np.where(scale > 0, scale, 1.0))] * 2
        return cls(before, during, weights, np.array(spread))


def change_dispersion(before: Floats, during: Floats) -> float:
    """Return how much more than Poisson counts the changes of units vary around their common ratio, at least 1.

    ``before`` and ``during`` have one count for each unit; the spans may differ in length.
    """
    ratio = during.sum() / before.sum() if before.sum() > 0 else 1.0
    expected = float((during + ratio**2 * before).sum())
    squares = float(((during - ratio * before) ** 2).sum()) * len(before) / (len(before) - 1)
    return max(1.0, squares / expected) if expected > 0 else 1.0


def difference_dispersion(series: Floats, scale: Floats) -> float:
    """Return how much more than Poisson counts the difference of two scaled series varies, at least 1."""
    size = _BLOCK if series.shape[1] // _BLOCK > _LEAST_PAIRS else 1
    blocks = series.shape[1] // size
    if blocks < 2:
        return 1.0
    sums = series[:, series.shape[1] - blocks * size :].reshape(2, blocks, size).sum(axis=2)
    difference = sums[0] / scale[0] - sums[1] / scale[1]
    variances = (sums / scale[:, None] ** 2).sum(axis=0)
    expected = float((variances[1:] + variances[:-1]).sum())
    return max(1.0, float((np.diff(difference) ** 2).sum()) / expected) if expected > 0 else 1.0
