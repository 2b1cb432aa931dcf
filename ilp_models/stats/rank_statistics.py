"""Spearman rank correlation and total variation distance of two lists of amounts."""

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Floats = npt.NDArray[np.float64]


def rank_correlation(first: Floats, second: Floats) -> Floats:
    """Return Spearman's rank correlation over the last axis; ties share their mean rank."""
    known = (np.isfinite(first) & np.isfinite(second)).all(axis=-1)
    if first.shape[-1] < 3:
        return np.full(known.shape, np.nan)
    left, right = (
        rankdata(one, axis=-1) - (one.shape[-1] + 1) / 2 for one in (first, second)
    )  # the mean rank is (n + 1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        result = (left * right).sum(axis=-1) / np.sqrt((left**2).sum(axis=-1) * (right**2).sum(axis=-1))
    return np.where(known, result, np.nan)


def total_variation(first: Floats, second: Floats) -> Floats:
    """Return the total variation distance: half the sum of absolute differences of shares, over the last axis."""
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps = first / first.sum(axis=-1, keepdims=True) - second / second.sum(axis=-1, keepdims=True)
    return np.asarray(0.5 * np.abs(gaps).sum(axis=-1))
