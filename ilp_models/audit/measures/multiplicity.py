"""What chance would give, for one value and for the largest of many."""

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_TIE: Final = 1e-9  # relative; exchanges that give the same value must not differ by rounding


def p_values(drawn: Floats) -> tuple[Floats, Floats]:
    """Return two-sided p-values of the first draw among all, each for itself and for all of them together."""
    scale = np.log(drawn) if (drawn > 0).all() else drawn
    flat = scale.reshape(len(scale), -1)
    edge = _TIE * np.maximum(np.abs(flat[0]), 1.0)
    known = np.isfinite(flat).all(axis=0)
    below, above = (flat <= flat[0] + edge).mean(axis=0), (flat >= flat[0] - edge).mean(axis=0)
    plain = np.minimum(1.0, 2 * np.minimum(below, above))
    spread = np.where(known, flat.std(axis=0), 0.0)
    varied = spread > edge
    adjusted = np.minimum(1.0, known.sum() * plain)
    if varied.any():
        distance = np.abs(flat[:, varied] - flat[:, varied].mean(axis=0)) / spread[varied]
        largest = np.sort(distance.max(axis=1))
        together = 1 - np.searchsorted(largest, distance[0] * (1 - _TIE)) / len(flat)
        adjusted[varied] = np.maximum(plain[varied], together)
    shape = drawn.shape[1:]
    return tuple(np.where(known, one, np.nan).reshape(shape) for one in (plain, adjusted))  # type: ignore[return-value]
