"""Class cells by the periods in which they were hot spots, and find changes since an earlier period."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.object_]

FIRST_TIME, EMERGING, PERSISTENT = "first time", "emerging", "persistent"
INTERMITTENT, FORMER, NO_PATTERN, NEVER = "intermittent", "former", "no pattern", "never"
CLASSES: Final = (FIRST_TIME, EMERGING, PERSISTENT, INTERMITTENT, FORMER, NO_PATTERN, NEVER)
NOT_CLASSED: Final = "not classed"
NEW, GONE, LASTING = "new", "gone", "lasting"  # against an earlier period

_TINY: Final = 1e-9  # a share of 0.1 of ten periods is one period


@dataclass(frozen=True)
class ClassRules:
    """Shares of periods that decide the class of a hot spot."""

    hot_share: float
    persistent_share: float
    recent_share: float

    def recent_periods(self, periods: int) -> int:
        """Return how many of the periods are recent: rounded down, at least one."""
        return max(1, int(self.recent_share * periods + _TINY))

    def classify(self, hot: Flags) -> Labels:
        """Return the class of each cell, given whether it was hot in each period (columns, the latest last)."""
        periods = hot.shape[1]
        recent = self.recent_periods(periods)
        if periods <= recent:
            return np.full(len(hot), NOT_CLASSED, dtype=object)
        now = self._often(hot[:, -recent:], self.hot_share)
        before = self._often(hot[:, :-recent], self.hot_share)
        persistent = self._often(hot, self.persistent_share)
        first_time = hot[:, -1] & ~hot[:, :-1].any(axis=1)
        conditions = [
            persistent,
            now & ~before & first_time,
            now & ~before,
            before & ~now,
            self._often(hot, self.hot_share),
            hot.any(axis=1),
        ]
        names = [PERSISTENT, FIRST_TIME, EMERGING, FORMER, INTERMITTENT, NO_PATTERN]
        return np.select(conditions, [np.array(name, dtype=object) for name in names], np.array(NEVER, dtype=object))

    def _often(self, hot: Flags, share: float) -> Flags:
        return np.asarray(hot.mean(axis=1) >= share - _TINY)


def change_since(now: Flags, before: Flags) -> Labels:
    """Return ``new``, ``gone`` or ``lasting`` for each cell that is or was hot, and an empty text for others."""
    out = np.full(len(now), "", dtype=object)
    out[now & ~before], out[before & ~now], out[now & before] = NEW, GONE, LASTING
    return out
