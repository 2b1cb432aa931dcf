"""Near repeats: how many incidents one incident sets off, how much later and how far away.

Expected repeats are a histogram over delays times a mixture of Gaussians over distances. Both are linear in their
weights, so that the sums over all pairs of incidents are taken once and every later step costs the same whatever the
number of pairs.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from ilp_models.model.point_processes.incidents import Incidents

Floats = npt.NDArray[np.float64]

REACH: Final = 3.0  # standard deviations of the widest Gaussian within which pairs are sought
_AT_ONCE: Final = 2_000  # incidents whose neighbours are held at a time
_SECONDS: Final = 86_400.0


@dataclass(frozen=True, eq=False)
class Triggering:
    """Expected repeats of one incident: their number by delay, and how far away they fall.

    Parameters
    ----------
    edges : ndarray of float64
        Ends of the spans of delay, days, ascending; nothing is set off before the first or after the last.
    repeats : ndarray of float64
        Expected repeats in each span of delay, >= 0.
    scales : ndarray of float64
        Standard deviations of the Gaussians along each axis, metres.
    shares : ndarray of float64
        Part of the repeats that follows each Gaussian; they sum to 1.
    """

    edges: Floats
    repeats: Floats
    scales: Floats
    shares: Floats

    @property
    def offspring(self) -> float:
        """The expected number of direct repeats of one incident."""
        return float(self.repeats.sum())

    @property
    def mean_delay(self) -> float:
        """The mean delay of a direct repeat, days; NaN where none is expected."""
        middle = (self.edges[1:] + self.edges[:-1]) / 2
        return float(self.repeats @ middle / self.offspring) if self.offspring > 0 else float("nan")

    @property
    def spread(self) -> float:
        """The standard deviation of a direct repeat along each axis, metres."""
        return float(np.sqrt(self.shares @ self.scales**2))

    def cumulative(self, days: Floats) -> Floats:
        """Return the expected repeats within some days; 0 for negative days."""
        return np.asarray(np.interp(days, self.edges, np.append(0.0, np.cumsum(self.repeats))))

    def area(self, days: Floats) -> Floats:
        """Return the integral of :meth:`cumulative` from 0."""
        width = np.diff(self.edges)
        total = np.append(0.0, np.cumsum(self.repeats))
        below = np.append(0.0, np.cumsum((total[1:] + total[:-1]) / 2 * width))
        span = np.clip(np.searchsorted(self.edges, days, side="right") - 1, 0, len(width))
        past = np.maximum(days - self.edges[span], 0.0)
        rate = np.append(self.repeats / width, 0.0)
        return np.asarray(below[span] + total[span] * past + rate[span] * past**2 / 2)

    def twice(self) -> tuple[Floats, Floats]:
        """Return shares and scales of the distance from an incident to the repeats of its repeats."""
        one, other = np.triu_indices(len(self.scales))
        shares = self.shares[one] * self.shares[other] * np.where(one == other, 1.0, 2.0)
        return shares, np.hypot(self.scales[one], self.scales[other])


def earlier_neighbours(incidents: Incidents, edges: Floats, scales: Floats) -> npt.NDArray[np.float32]:
    """Return the density that the incidents before each one would have given its time and place.

    Only pairs within the last delay and within three standard deviations of the widest Gaussian are looked at; they
    are found by a k-d tree and summed at once.
    """
    spans, kinds = len(edges) - 1, len(scales)
    out = np.zeros((len(incidents), spans * kinds), dtype=np.float32)
    reach, half = REACH * scales.max(), edges[-1] / 2
    place = np.column_stack([incidents.x / reach, incidents.y / reach, incidents.day / half])
    tree = KDTree(place)
    limits = np.maximum(np.rint(edges * _SECONDS), 1.0)  # incidents of one moment did not set each other off
    for start in range(0, len(incidents), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        size = len(place[part])
        back = KDTree(place[part] - [0.0, 0.0, 1.0])  # a ball around half the delay before holds the past only
        pairs = back.sparse_distance_matrix(tree, 1.0 + 1e-9, p=np.inf, output_type="ndarray")
        now, before = pairs["i"] + start, pairs["j"]
        span = np.searchsorted(limits, np.rint((incidents.day[now] - incidents.day[before]) * _SECONDS), "right") - 1
        square = (incidents.x[now] - incidents.x[before]) ** 2 + (incidents.y[now] - incidents.y[before]) ** 2
        near = (span >= 0) & (span < spans) & (square <= reach**2)
        row, square = ((now - start) * spans + span)[near], square[near]
        for kind, scale in enumerate(scales):
            density = np.exp(square / (-2 * scale**2)) / (2 * np.pi * scale**2)
            summed = np.bincount(row, density, size * spans).reshape(size, spans)
            out[part, kind::kinds] = summed / np.diff(edges)
    return out
