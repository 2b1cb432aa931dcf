"""Hide small recorded counts of areas in products for the public, and what reveals them."""

from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.stats.suppression import suppressed

_FROM_COUNTS: Final = ("recorded", "recorded_per_1000", "expected")
_FROM_PARTS: Final = ("trend", "trend_low", "trend_high")


def check_min_count(min_count: int) -> None:
    """Raise InputError unless the smallest count that is shown is a whole number."""
    if isinstance(min_count, bool) or not isinstance(min_count, int) or min_count < 0:
        msg = f"min_count={min_count!r} must be a whole number, at least 0; 5 hides recorded counts below 5."
        raise InputError(msg)


def hide_small_counts(table: pd.DataFrame, min_count: int, other_periods: int) -> pd.DataFrame:
    """Return the table of areas without small counts, with the columns ``hidden`` and ``trend_hidden``.

    ``recorded`` counts all periods, ``recent`` and ``before`` two parts of them; ``other_periods`` is the number of
    periods in neither. A trend with its interval reveals both parts, and their difference to ``recorded`` the rest.
    Expected counts are hidden too, because the mean of past counts reveals the counts.
    """
    recorded, recent, before = (table[name].to_numpy(dtype=float) for name in ("recorded", "recent", "before"))
    hidden = suppressed(recorded, min_count)
    parts = [recent, before, *([recorded - recent - before] if other_periods > 0 else [])]
    known = np.isfinite(recent) & np.isfinite(before)
    small = np.logical_or.reduce([part < min_count for part in parts])
    trend_hidden = suppressed(np.where(known, recorded, np.nan), min_count, known & (small | hidden)) | (known & hidden)
    shown = table.copy()
    for columns, mask in ((_FROM_COUNTS, hidden), (_FROM_PARTS, trend_hidden)):
        shown.loc[mask, list(columns)] = np.nan
    return shown.assign(hidden=hidden, trend_hidden=trend_hidden)
