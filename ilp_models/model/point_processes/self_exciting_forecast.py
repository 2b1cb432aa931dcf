"""Expected counts of cells under a self-exciting process: background, repeats of what is known, and repeats to come."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from ilp_models.domain.grid import Grid
from ilp_models.model.kernels.event_points import EventPoints
from ilp_models.model.kernels.kernel import KERNELS
from ilp_models.model.kernels.kernel_cells import CellLattice
from ilp_models.model.point_processes.branching import (
    ForecastBins,
    all_generations,
    next_generation,
    repeats_of,
    step_repeats,
)
from ilp_models.model.point_processes.incidents import Incidents
from ilp_models.model.point_processes.self_exciting_em import SelfExcitingProcess
from ilp_models.model.point_processes.triggering import Triggering

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CellProcess:
    """A process seen by cells.

    Parameters
    ----------
    background : ndarray of float64
        Expected background incidents of a day in each cell.
    surroundings : ndarray of float64
        The same, moved as far as a repeat is from its incident.
    triggering : Triggering or None
        Near repeats; None where no incident is known.
    """

    background: Floats
    surroundings: Floats
    triggering: Triggering | None

    @classmethod
    def from_process(cls, process: SelfExcitingProcess, grid: Grid) -> Self:
        """Return a process seen by the cells of a grid."""
        places, shares = process.places, process.shares
        even = shares[-1] * process.background.sum() * grid.area_m2 / grid.area_m2.sum()
        maps = [even.copy(), even.copy()]
        for share, bandwidth in zip(shares[:-1], places.bandwidths, strict=True):
            for cells, wider in zip(maps, (0.0, process.triggering.spread), strict=True):
                masses = _masses(grid, places.x, places.y, places.cell, np.hypot(bandwidth, wider))
                cells += share * (masses.T @ process.background)
        return cls(maps[0], maps[1], process.triggering)

    def expected(self, incidents: Incidents, now: float, ahead: ForecastBins, grid: Grid) -> Floats:
        """Return expected incidents of the periods ahead."""
        daily = np.full((1, ahead.steps), ahead.days)
        counts = np.outer(self.background, ahead.by_period(daily))
        if self.triggering is not None:
            step = step_repeats(self.triggering, ahead)
            repeats = next_generation(all_generations(daily, step), step)
            counts += np.outer(self.surroundings, ahead.by_period(repeats))
            counts += self._set_off(incidents, now, ahead, grid, self.triggering)
        return counts

    def _set_off(
        self, incidents: Incidents, now: float, ahead: ForecastBins, grid: Grid, triggering: Triggering
    ) -> Floats:
        """Return what the known incidents set off: their repeats exactly, later generations where the second falls."""
        longest = triggering.edges[-1]
        recent = incidents.between(now - longest, now)
        if len(recent) == 0:
            return np.zeros((len(grid), len(ahead.first)))
        spot, one, of = np.unique(np.column_stack([recent.x, recent.y]), axis=0, return_index=True, return_inverse=True)
        summed = csr_matrix((np.ones(len(of)), (of, np.arange(len(of)))), shape=(len(spot), len(of)))
        first = summed @ repeats_of(triggering, now - recent.day, ahead)
        step = step_repeats(triggering, ahead)
        later = next_generation(all_generations(first, step), step)
        counts = np.zeros((len(grid), len(ahead.first)))
        for repeats, mixture in ((first, (triggering.shares, triggering.scales)), (later, triggering.twice())):
            by_period = ahead.by_period(repeats)
            for share, scale in zip(*mixture, strict=True):
                if share > 0:
                    masses = _masses(grid, spot[:, 0], spot[:, 1], recent.cell[one], np.full(len(spot), scale))
                    counts += share * (masses.T @ by_period)
        return counts


def _masses(grid: Grid, x: Floats, y: Floats, cell: npt.NDArray[np.int64], widths: Floats) -> csr_matrix:
    """Return how Gaussians around places fall into the cells, shape (places, cells); rows sum to 1."""
    points = EventPoints(np.column_stack([x, y]), cell, csr_matrix((len(x), 0)))
    return CellLattice.from_grid(grid, float(np.median(widths))).spread(points, widths, KERNELS["gaussian"])
