"""Poisson regression with an effect for each unit and for each period, and a treatment; errors clustered by unit."""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

Floats = npt.NDArray[np.floating[Any]]

_STEPS: Final = 100
_SWEEPS: Final = 500
_PRECISION: Final = 1e-9


class TreatmentCoefficient(NamedTuple):
    """The coefficient of a treatment on the logarithmic scale, with its standard error, interval and p-value."""

    value: float
    error: float
    low: float
    high: float
    p_value: float


def treatment_coefficient(
    counts: Floats, treated: npt.NDArray[np.bool_], confidence: float = 0.95
) -> TreatmentCoefficient | None:
    """Return the coefficient of a treatment in a Poisson regression on units, periods and treatment.

    Difference in differences for counts (Wooldridge 1999; Liang and Zeger 1986 for the errors, with the correction
    G / (G - 1) and G - 1 degrees of freedom for G units). Units and periods without events do not count and are left
    out. None if the coefficient is not identified, such as where every treated count is 0.

    ``counts`` and ``treated`` have the shape (units, periods).
    """
    rows, columns = counts.any(axis=1), counts.any(axis=0)
    observed, given = counts[np.ix_(rows, columns)].astype(float), treated[np.ix_(rows, columns)].astype(float)
    if not _is_identified(observed, given):
        return None
    value, expected = 0.0, np.ones_like(observed)
    for _ in range(_STEPS):
        expected = _fit_margins(observed, np.exp(value * given), expected)
        partial = _without_margins(given, expected)
        information = float((expected * partial**2).sum())
        if information <= _PRECISION:
            return None
        step = float((partial * (observed - expected)).sum()) / information
        value += float(np.clip(step, -1.0, 1.0))
        if abs(step) < _PRECISION:
            break
    else:
        return None
    scores = (partial * (observed - expected)).sum(axis=1)
    groups = len(observed)
    error = float(np.sqrt(groups / (groups - 1) * (scores**2).sum()) / information)
    width = float(student.ppf((1 + confidence) / 2, groups - 1)) * error
    p_value = float(2 * student.sf(abs(value) / error, groups - 1)) if error > 0 else 1.0
    return TreatmentCoefficient(value, error, value - width, value + width, p_value)


def _is_identified(observed: Floats, given: Floats) -> bool:
    if min(observed.shape, default=0) < 2:
        return False
    both = (observed * given).sum() > 0 and (observed * (1 - given)).sum() > 0
    return bool(both and np.ptp(given) > 0)


def _fit_margins(observed: Floats, factor: Floats, start: Floats) -> Floats:
    """Return expected counts, proportional to ``factor``, whose sums by unit and by period are those observed."""
    by_period = start.sum(axis=0) / np.maximum(factor.sum(axis=0), 1e-300)
    rows, columns = observed.sum(axis=1), observed.sum(axis=0)
    for _ in range(_SWEEPS):
        by_unit = rows / (factor @ by_period)
        last, by_period = by_period, columns / (by_unit @ factor)
        if np.abs(by_period - last).max() <= _PRECISION * by_period.max():
            break
    return np.asarray(by_unit[:, None] * factor * by_period)


def _without_margins(given: Floats, weights: Floats) -> Floats:
    """Return the treatment without what units and periods explain, by weighted least squares."""
    left = given - given.mean()
    rows, columns = weights.sum(axis=1), weights.sum(axis=0)
    for _ in range(_SWEEPS):
        left = left - ((weights * left).sum(axis=1) / rows)[:, None]
        change = (weights * left).sum(axis=0) / columns
        left = left - change
        if np.abs(change).max() <= _PRECISION:
            break
    return np.asarray(left)
