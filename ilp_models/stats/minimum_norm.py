"""Weights of smallest norm: non-negative weights whose weighted sums meet given totals exactly."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.linalg import lstsq, qr

Floats = npt.NDArray[np.floating[Any]]

_TOLERANCE: Final = 1e-9  # largest distance from a total, in units of the root mean square of its row
_STEPS: Final = 200
_DEPENDENT: Final = 1e-10  # rows that add less than this share are sums of the others
_LEAST_STEP: Final = 2.0**-40


def minimum_norm_weights(rows: Floats, totals: Floats) -> Floats | None:
    """Return the smallest non-negative weights with ``rows @ weights = totals``; None if there are none.

    The optimum of the smallest sum of squares is ``max(rows.T @ multipliers, 0)``. Newton steps on the concave dual
    find the multipliers, one for each row, so that the cost is linear in the number of weights. ``rows`` has the shape
    (constraints, weights), with far fewer constraints than weights. Each row is scaled first, since totals may differ
    by orders of magnitude.
    """
    scale = np.sqrt(np.mean(np.square(rows), axis=1))
    scale[scale == 0] = 1.0
    scaled, aims = rows / scale[:, None], totals / scale
    independent = _independent_rows(scaled)
    multipliers = _solve_dual(scaled[independent], aims[independent])
    if multipliers is None:
        return None
    weights = np.maximum(multipliers @ scaled[independent], 0.0)
    met = np.abs(scaled @ weights - aims) <= _TOLERANCE * np.maximum(1.0, np.abs(aims))
    return weights if met.all() else None


def _independent_rows(rows: Floats) -> npt.NDArray[np.intp]:
    """Return the largest set of rows of which none is a sum of the others."""
    _, triangle, order = qr(rows.T, mode="economic", pivoting=True)
    size = np.abs(np.diag(triangle))
    return np.sort(order[: len(size)][size > _DEPENDENT * max(size.max(initial=0.0), 1e-300)])


def _solve_dual(rows: Floats, aims: Floats) -> Floats | None:
    """Return the multipliers at which the weighted sums meet the aims, or None if no step gets nearer."""
    multipliers = np.asarray(lstsq(rows @ rows.T, aims)[0])
    value, slope = _dual(rows, aims, multipliers)
    for _ in range(_STEPS):
        if np.abs(slope).max(initial=0.0) <= _TOLERANCE * max(1.0, float(np.abs(aims).max(initial=0.0))) / 10:
            return multipliers
        used = rows[:, multipliers @ rows > 0]
        curvature = used @ used.T
        curvature[np.diag_indices_from(curvature)] += 1e-12 * max(float(np.trace(curvature)) / len(aims), 1.0)
        direction = np.linalg.solve(curvature, slope)
        step = 1.0
        while step >= _LEAST_STEP:
            there = multipliers + step * direction
            next_value, next_slope = _dual(rows, aims, there)
            if next_value >= value + 1e-4 * step * float(slope @ direction) or (
                np.abs(next_slope).max() < np.abs(slope).max() / 2
            ):
                break
            step /= 2
        else:
            return None
        multipliers, value, slope = there, next_value, next_slope
    return None


def _dual(rows: Floats, aims: Floats, multipliers: Floats) -> tuple[float, Floats]:
    """Return the dual function and its slope, which is the distance of the weighted sums from the aims."""
    weights = np.maximum(multipliers @ rows, 0.0)
    return float(aims @ multipliers - weights @ weights / 2), aims - rows @ weights
