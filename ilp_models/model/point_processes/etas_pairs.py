"""The pairs of incidents that may be near repeats, and sums over them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from ilp_models.model.point_processes.incidents import Incidents

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]

_AT_ONCE: Final = 200_000  # pairs weighed together, so that they stay in the cache
_NEAR: Final = 1.0 + 1e-9  # in units of the limits: rounding must not lose what lies on them


@dataclass(frozen=True, eq=False)
class Pairs:
    """Each incident with the earlier ones near it, as runs of pairs of one later incident.

    Parameters
    ----------
    later : ndarray of int64
        The later incident of each run, increasing.
    starts : ndarray of int64
        Where each run starts.
    days : ndarray of float32
        Time between the two, days.
    square_metres : ndarray of float32
        Squared distance between the two.
    """

    later: Keys
    starts: Keys
    days: Singles
    square_metres: Singles
    _known: dict[tuple[float, float], Floats] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def from_incidents(
        cls, incidents: Incidents, targets: Keys, least_days: float, most_days: float, most_metres: float
    ) -> Self:
        """Return the pairs within limits of time and distance, found in trees of time and place."""
        target = np.zeros(len(incidents.day), dtype=bool)
        target[targets] = True
        place = np.column_stack([incidents.x / most_metres, incidents.y / most_metres, incidents.day / most_days])
        parts = [(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.float32))]
        for first, last in _stretches(incidents.day, most_days):
            start = int(np.searchsorted(incidents.day, incidents.day[first] - most_days))
            found = cKDTree(place[start:last]).query_pairs(_NEAR, p=np.inf, output_type="ndarray") + start
            earlier, later = found.min(axis=1), found.max(axis=1)
            kept = (later >= first) & target[later]
            earlier, later = earlier[kept], later[kept]
            days = incidents.day[later] - incidents.day[earlier]
            away = [axis[later] - axis[earlier] for axis in (incidents.x, incidents.y)]
            square = away[0] ** 2 + away[1] ** 2
            kept = np.flatnonzero((days > least_days) & (days <= most_days) & (square <= most_metres**2))
            kept = kept[np.lexsort((earlier[kept], later[kept]))]
            parts.append((later[kept], days[kept].astype(np.float32), square[kept].astype(np.float32)))
        later, days, square = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        runs, starts = np.unique(later, return_index=True)
        return cls(runs, starts.astype(np.int64), days, square)

    def sums(self, rate: float, metres: float) -> Floats:
        """Return sums over the earlier incidents of each later one, by which intensity and slopes are made."""
        if (rate, metres) not in self._known:  # many steps of a search leave rate and metres as they were
            self._known.clear()
            self._known[rate, metres] = self._sums(rate, metres)
        return self._known[rate, metres]

    def _sums(self, rate: float, metres: float) -> Floats:
        sums = np.empty((3, len(self.starts)))
        ends = np.append(self.starts[1:], len(self.days))
        first = 0
        while first < len(self.starts):
            last = max(int(np.searchsorted(self.starts, self.starts[first] + _AT_ONCE)), first + 1)
            part, runs = slice(self.starts[first], ends[last - 1]), slice(first, last)
            days, square = (one[part].astype(np.float64) for one in (self.days, self.square_metres))
            weight = np.exp(-rate * days - square / (2 * metres**2))
            for out, values in zip(sums, (weight, weight * days, weight * square), strict=True):
                out[runs] = np.add.reduceat(values, self.starts[runs] - self.starts[first])
            first = last
        return sums


def _stretches(day: Floats, most_days: float) -> Iterator[tuple[int, int]]:
    """Yield runs of incidents over four times the longest delay, so that few pairs are held at a time."""
    first = 0
    while first < len(day):
        last = int(np.searchsorted(day, day[first] + 4 * most_days))
        yield first, last
        first = last
