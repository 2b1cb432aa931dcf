"""How concentrated crimes are over areas."""

import numpy as np
import numpy.typing as npt


def generalised_gini(counts: npt.NDArray[np.float64]) -> float:
    """Return the concentration of crimes over areas, 0 for even and near 1 for all in one (NaN for fewer than two).

    The Gini coefficient of Bernasco and Steenbeek (2017), which does not rise where crimes are fewer than areas.
    """
    total, size = counts.sum(), len(counts)
    if size < 2 or total <= 0:
        return float("nan")
    ordered = np.sort(counts)
    gini = 2 * (np.arange(1, size + 1) @ ordered) / (size * total) - (size + 1) / size
    return float(max(size / total, 1) * (gini - 1) + 1)


def areas_with_half(counts: npt.NDArray[np.float64]) -> float:
    """Return how few areas hold half of the crimes; NaN without areas or crimes."""
    if len(counts) < 2 or counts.sum() <= 0:
        return float("nan")
    return float(np.searchsorted(np.cumsum(np.sort(counts)[::-1]), counts.sum() / 2) + 1)
