"""The lasting part of a point process: a kernel density whose width follows the distance between places.

Bandwidths are those of Mohler et al. (2011, Journal of the American Statistical Association 106, 100-108): the distance
to a near neighbour, here among distinct places, because publishers move incidents to street crossings. The map may
change slowly: incidents long before or after a moment then count less at it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.spatial import KDTree

from ilp_models.model.point_processes.incidents import Incidents

Floats = npt.NDArray[np.float64]

_REACH: Final = 4.0  # bandwidths; beyond it a Gaussian in the plane has 0.03 % of its mass
_AT_ONCE: Final = 500  # places whose neighbours are held at a time
_SEASON: Final = 91.0  # days for which the map stands still


@dataclass(frozen=True, eq=False)
class BackgroundPoints:
    """The distinct places of incidents, and the seasons in which they happened.

    Parameters
    ----------
    x, y : ndarray of float64
        Places, metres.
    bandwidths : ndarray of float64
        Standard deviations of the kernels of each place along each axis, metres, shape (kernels, places).
    of : ndarray of int64
        Place of each incident.
    season : ndarray of int64
        Season of each incident; the last ends with the time observed.
    memory : ndarray of float64
        What an incident of one season (columns) adds to the daily rate in another (rows).
    cell : ndarray of int64
        Cell of each place.
    season_of_day : ndarray of int64
        Season of each day observed.
    """

    x: Floats
    y: Floats
    bandwidths: Floats
    of: npt.NDArray[np.int64]
    season: npt.NDArray[np.int64]
    memory: Floats
    cell: npt.NDArray[np.int64]
    season_of_day: npt.NDArray[np.int64]

    @classmethod
    def from_incidents(
        cls, incidents: Incidents, days: float, half_life: float | None, neighbours: Sequence[int], least: float
    ) -> "BackgroundPoints":
        """Return the places of some incidents."""
        spot, of = np.unique(np.column_stack([incidents.x, incidents.y]), axis=0, return_inverse=True)
        ranks = [min(int(neighbour), len(spot) - 1) + 1 for neighbour in neighbours]
        away, _ = KDTree(spot).query(spot, k=ranks)
        cell = np.zeros(len(spot), dtype=np.int64)
        cell[of] = incidents.cell
        ends = np.append(np.arange(days, 0.0, -_SEASON), 0.0)[::-1]
        season, season_of_day = (
            np.searchsorted(ends, day, side="right") - 1 for day in (np.floor(incidents.day), np.arange(np.ceil(days)))
        )
        memory = _memory(np.diff(ends), half_life)
        x, y = spot.T.copy()
        return cls(x, y, np.maximum(away.T, least), of.astype(np.int64), season, memory, cell, season_of_day)

    def __len__(self) -> int:
        """Return the number of places."""
        return len(self.x)

    def daily(self, values: Floats) -> Floats:
        """Return daily rates around each place in each season."""
        seasons = len(self.memory)
        summed = np.bincount(self.of * seasons + self.season, values, len(self) * seasons)
        return np.asarray(summed.reshape(len(self), seasons) @ self.memory.T)

    def density(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the daily rates where and when each incident happened, and the daily rate of the whole city then.

        An incident is no evidence for itself: its own kernel does not count where it stands.
        """
        daily = self.daily(values)
        own = values * np.diag(self.memory)[self.season] / (2 * np.pi * self.bandwidths[:, self.of] ** 2)
        around = np.stack([(kernel @ daily)[self.of, self.season] for kernel in self._kernels])
        return np.maximum(around - own, 0.0), daily.sum(axis=0)

    @cached_property
    def _kernels(self) -> list[csr_matrix]:
        """The density that an incident at each place (columns) gives to each place (rows), per square metre."""
        spot = np.column_stack([self.x, self.y])
        tree = KDTree(spot)
        return [_densities(spot, tree, bandwidth) for bandwidth in self.bandwidths]


def _densities(spot: Floats, tree: KDTree, bandwidth: Floats) -> csr_matrix:
    order = np.argsort(bandwidth, kind="stable")  # none looks further than others of its width
    parts = []
    for start in range(0, len(order), _AT_ONCE):
        some = order[start : start + _AT_ONCE]
        reach = _REACH * bandwidth[some].max()
        pairs = KDTree(spot[some]).sparse_distance_matrix(tree, reach, output_type="ndarray")
        width = bandwidth[some][pairs["i"]]
        near = pairs["v"] <= _REACH * width
        width = width[near]
        density = np.exp(-0.5 * (pairs["v"][near] / width) ** 2) / (2 * np.pi * width**2)
        column = some[pairs["i"][near]].astype(np.int32)
        parts.append((density.astype(np.float32), pairs["j"][near].astype(np.int32), column))
    values, rows, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    return csr_matrix((values, (rows, columns)), shape=(len(spot), len(spot)))


def _memory(lengths: Floats, half_life: float | None) -> Floats:
    """Return weights of seasons on seasons; the rate is the weighted number over the weighted days."""
    middle = np.cumsum(lengths) - lengths / 2
    apart = np.abs(np.subtract.outer(middle, middle))
    weights = np.ones_like(apart) if half_life is None else 0.5 ** (apart / half_life)
    return np.asarray(weights / (weights @ lengths)[:, None])
