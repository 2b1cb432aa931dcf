"""Expected root distances between counts, from which variogram scores are computed."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

_FAR: Final = 8.0  # standard deviations between two means beyond which a series is exact enough
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)


def root_distances(
    mean: Floats, dispersion: Floats, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]
) -> Floats:
    """Return the expected square root of the absolute difference of independent negative binomial counts.

    ``mean`` and ``dispersion`` have the counts on their first axis; ``first`` and ``second`` are positions of pairs.
    The square root is an integral over 1 - cos, so the expectation needs only characteristic functions, which are
    closed. For whole numbers they are periodic, and the Hurwitz zeta function adds up all turns.
    """
    scale = np.pi**0.25 / 2
    angles = (scale * (1 + _NODES)) ** 4  # dense near 0, where the weight is singular
    turn = angles / (2 * np.pi)
    density = (special.zeta(1.5, turn) + special.zeta(1.5, 1 - turn)) * (2 * np.pi) ** -1.5
    weights = _WEIGHTS * scale * 4 * (scale * (1 + _NODES)) ** 3 * density / np.sqrt(2 * np.pi)
    total = np.zeros((len(first), *mean.shape[1:]))
    size = 1 / np.where(dispersion > 0, dispersion, 1.0)
    for angle, weight in zip(angles, weights, strict=True):
        away = mean * (1 - np.exp(1j * angle))
        chance = np.exp(-np.where(dispersion > 0, size * np.log1p(dispersion * away), away))
        total += weight * (1 - (chance[first] * chance[second].conj()).real)
    gap = np.abs(mean[first] - mean[second])
    variance = mean * (1 + dispersion * mean)
    spread = variance[first] + variance[second]
    far = gap > _FAR * np.sqrt(spread)
    total[far] = np.sqrt(gap[far]) * (1 - spread[far] / (8 * gap[far] ** 2))
    return total
