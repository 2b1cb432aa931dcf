"""The change between two counts: interval, exact test and dispersion."""

from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, poisson_means_test

from ilp_models.stats.funnel import exact_rate_interval

Floats = npt.NDArray[np.floating[Any]]

_LEAST_PAIRS: Final = 12  # pairs of blocks that the dispersion is estimated from


def block_dispersion(counts: Floats, size: int = 1) -> Floats:
    """Return how much more than Poisson counts neighbouring blocks of periods differ, at least 1.

    The mean of (a - b)^2 / (a + b) over neighbouring blocks of ``size`` periods, which is 1 for Poisson counts and
    ignores slow trends. Blocks end with the last period. Too few blocks give 1.

    ``counts`` has the shape (..., periods); the result has the shape (...).
    """
    blocks = counts.shape[-1] // size
    used = counts[..., counts.shape[-1] - blocks * size :].reshape(*counts.shape[:-1], blocks, size).sum(axis=-1)
    total = used[..., 1:] + used[..., :-1]
    squares = np.diff(used, axis=-1) ** 2
    pairs = np.count_nonzero(total, axis=-1)
    sums = np.divide(squares, total, out=np.zeros(total.shape), where=total > 0).sum(axis=-1)
    return np.where(pairs >= _LEAST_PAIRS, np.maximum(1.0, sums / np.maximum(pairs, 1)), 1.0)


def change_interval(
    now: Floats, before: Floats, exposure: Floats, dispersion: Floats, confidence: float
) -> tuple[Floats, Floats]:
    """Return the interval of ``now - exposure * before``, where ``exposure`` is the length of now over that of before.

    Exact Poisson limits of each count (Garwood 1936), widened by the root of the dispersion, are combined by the method
    of Zou and Donner (2008), which suits small counts.
    """
    widen = np.sqrt(dispersion)
    ends = []
    for count in (now, before):
        low, high = exact_rate_interval(count, np.ones_like(count), confidence)
        ends.append((widen * (count - low), widen * (high - count)))
    (down_now, up_now), (down_before, up_before) = ends
    change = now - exposure * before
    return change - np.hypot(down_now, exposure * up_before), change + np.hypot(up_now, exposure * down_before)


def change_p_values(now: Floats, before: Floats, exposure: Floats, dispersion: Floats) -> Floats:
    """Return two-sided p-values of no change; NaN where both counts are 0.

    The E-test of two Poisson rates (Krishnamoorthy and Thomson 2004). With dispersion, its normal score is divided by
    the root of the dispersion.
    """
    rows = zip(now.tolist(), before.tolist(), exposure.tolist(), strict=True)
    exact = np.array([_e_test(int(a), int(b), float(ratio)) for a, b, ratio in rows])
    return np.asarray(2 * norm.sf(norm.isf(exact / 2) / np.sqrt(dispersion)))


@lru_cache(maxsize=1 << 16)  # small counts repeat in the rows of many areas
def _e_test(now: int, before: int, exposure: float) -> float:
    if now == before == 0:
        return float("nan")
    return min(1.0, float(poisson_means_test(now, exposure, before, 1.0).pvalue))
