"""Grids cut from a lattice: named cells, their ground area, neighbours and locator."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix

from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.grid.adjacency import adjacency
from ilp_models.grid.ground_area import ground_area
from ilp_models.grid.lattice import Keys, Lattice, index_of, keys_of, split, steps


@dataclass(frozen=True, eq=False)
class LatticeLocator:
    """Finds cells by arithmetic: no spatial index, no search over polygons.

    Parameters
    ----------
    lattice : Lattice
        The tiling.
    keys : ndarray of int64
        Sorted keys of the cells.
    """

    lattice: Lattice
    keys: Keys

    def locate(self, events: Events) -> npt.NDArray[np.int64]:
        """Return the position of each event's cell among the keys, -1 outside them all."""
        table = events.table
        return index_of(self.keys, keys_of(self.lattice, table["x"].to_numpy(), table["y"].to_numpy()))


def grid_of(lattice: Lattice, keys: Keys, crs: str) -> Grid:
    """Return the grid of some cells of a lattice."""
    column, row = split(keys)
    planar = np.full(len(keys), lattice.size**2)
    area_m2 = ground_area(planar, *lattice.centres(column, row), crs)
    east, north = (np.floor(v + 0.5).astype(np.int64).tolist() for v in lattice.anchors(column, row))
    return Grid(
        cells=pd.Index([f"E{e}N{n}" for e, n in zip(east, north, strict=True)], name="cell"),
        geometry=lattice.polygons(column, row),
        area_m2=area_m2,
        crs=crs,
        neighbours=_neighbours(keys, lattice),
        locator=LatticeLocator(lattice, keys),
        kept=np.arange(len(keys)),
    )


def _neighbours(keys: Keys, lattice: Lattice) -> csr_matrix:
    left, right = [], []
    for step in steps(lattice):
        found = index_of(keys, keys + step)
        there = np.flatnonzero(found >= 0)
        left.append(there)
        right.append(found[there])
    return adjacency(np.concatenate(left), np.concatenate(right), len(keys))
