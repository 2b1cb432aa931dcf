"""Suppress small counts of a published table, and the counts that would reveal them."""

from typing import Final

import numpy as np
import numpy.typing as npt

MIN_COUNT: Final = 5  # smallest count that is shown by default


def suppressed(
    counts: npt.NDArray[np.float64], min_count: int = MIN_COUNT, also: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.bool_]:
    """Return which counts to hide so that a total does not reveal one: at least two, with ``min_count`` events or more.

    Counts below ``min_count`` and those marked by ``also`` are hidden. If these are too few, the smallest other counts
    are hidden too. NaN is not a count.
    """
    hidden = counts < min_count
    if also is not None:
        hidden |= also
    for at in np.argsort(counts, kind="stable"):
        if not hidden.any() or (hidden.sum() > 1 and counts[hidden].sum() >= min_count):
            break
        hidden[at] |= bool(np.isfinite(counts[at]))
    return hidden
