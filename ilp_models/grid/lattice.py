"""Lattices: regular tilings of the plane, their cells, neighbours and grids."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import csr_matrix

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.grid.cell_geometry import adjacency, ground_area

Keys = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]

MIN_METRES: Final = 10.0
MAX_CELLS: Final = 20_000_000
_COLUMN_FACTOR: Final = 2**32  # a key is column * factor + row


class Lattice(Protocol):
    """A tiling of the plane by cells with a column and a row."""

    @property
    def size(self) -> float:
        """Square root of a cell's area, metres."""
        ...

    @property
    def half_steps(self) -> tuple[tuple[int, int], ...]:
        """Steps (columns, rows) to half of a cell's neighbours; the negative steps lead to the other half."""
        ...

    def index(self, x: Floats, y: Floats) -> tuple[Keys, Keys]:
        """Return the column and the row of the cell that holds each point."""
        ...

    def centres(self, column: Keys, row: Keys) -> tuple[Floats, Floats]:
        """Return the centres of cells."""
        ...

    def polygons(self, column: Keys, row: Keys) -> npt.NDArray[np.object_]:
        """Return the polygons of cells; neighbours share exactly equal corners."""
        ...

    def anchors(self, column: Keys, row: Keys) -> tuple[Floats, Floats]:
        """Return the points whose coordinates name the cells."""
        ...


def refuse_shape(size: float, origin: Sequence[float]) -> None:
    """Refuse a size or an origin that is not in metres."""
    if not (isinstance(size, Real) and MIN_METRES <= size < np.inf):
        msg = f"grid.size={size!r} must be a number of metres, at least {MIN_METRES:g}."
        raise InputError(msg)
    if len(origin) != 2 or not all(isinstance(part, Real) and np.isfinite(part) for part in origin):
        msg = f"grid.origin={origin!r} must be two numbers of metres, such as [0, 0]."
        raise InputError(msg)


def cell_keys(lattice: Lattice, x: Floats, y: Floats) -> Keys:
    """Return an integer key for the cell of each point."""
    column, row = lattice.index(x, y)
    return column * _COLUMN_FACTOR + row


def columns_and_rows(keys: Keys) -> tuple[Keys, Keys]:
    """Return the columns and rows of keys."""
    column = (keys + _COLUMN_FACTOR // 2) // _COLUMN_FACTOR
    return column, keys - column * _COLUMN_FACTOR


def cells_within(lattice: Lattice, bounds: tuple[float, float, float, float]) -> Keys:
    """Return the keys of the cells that may overlap a rectangle, in order; a few lie just outside."""
    corners = np.array([(x, y) for x in bounds[0::2] for y in bounds[1::2]])
    column, row = lattice.index(corners[:, 0], corners[:, 1])
    columns = np.arange(column.min() - 1, column.max() + 2)
    rows = np.arange(row.min() - 1, row.max() + 2)
    if len(columns) * len(rows) > MAX_CELLS:
        msg = f"The study area holds about {len(columns) * len(rows):,} cells of {lattice.size:g} m; set a larger size."
        raise InputError(msg)
    keys = (columns[:, None] * _COLUMN_FACTOR + rows).ravel()
    x, y = lattice.centres(*columns_and_rows(keys))
    extent = np.ptp(shapely.bounds(lattice.polygons(*columns_and_rows(keys[:1]))).reshape(2, 2), axis=0)
    margin = max(lattice.size, float(extent.max()) / 2)  # long cells extend further from their centre
    near = (x > bounds[0] - margin) & (x < bounds[2] + margin)
    return keys[near & (y > bounds[1] - margin) & (y < bounds[3] + margin)]


def fill_gaps(keys: Keys, lattice: Lattice) -> Keys:
    """Return the cells with gaps filled (morphological closing): add all neighbours, then remove the new border."""
    all_steps = [step * sign for step in key_steps(lattice) for sign in (1, -1)]
    grown = np.unique(np.concatenate([keys, *(keys + step for step in all_steps)]))
    inner = np.ones(len(grown), dtype=bool)
    for step in all_steps:
        inner &= index_of(grown, grown + step) >= 0
    return grown[inner]


def key_steps(lattice: Lattice) -> list[int]:
    """Return the differences of keys to half of a cell's neighbours."""
    return [column * _COLUMN_FACTOR + row for column, row in lattice.half_steps]


def index_of(keys: Keys, wanted: Keys) -> Keys:
    """Return the position of each wanted key among sorted keys, -1 where it is missing."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)


@dataclass(frozen=True, eq=False)
class LatticeLocator:
    """Finds the cell of each event by arithmetic, without a spatial index."""

    lattice: Lattice
    keys: Keys  # of the cells, sorted

    def locate(self, events: Events) -> npt.NDArray[np.int64]:
        """Return the position of each event's cell among the keys, -1 outside."""
        table = events.table
        keys = cell_keys(self.lattice, table["x"].to_numpy(), table["y"].to_numpy())
        return np.asarray(pd.Index(self.keys).get_indexer(pd.Index(keys)))  # hashing: events come in no order of place

    def widened(self, grid: Grid, events: Events) -> Grid:
        """Return the grid of a grid's cells, followed by the other cells that hold these events."""
        own = self.keys[grid.locator_cells]
        found = np.unique(cell_keys(self.lattice, events.table["x"].to_numpy(), events.table["y"].to_numpy()))
        keys = np.concatenate([own, np.setdiff1d(found, own)])
        order = np.sort(keys)
        return build_grid(self.lattice, order, grid.crs).take(index_of(order, keys))


def build_grid(lattice: Lattice, keys: Keys, crs: str) -> Grid:
    """Return the grid of the cells with these keys."""
    column, row = columns_and_rows(keys)
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
        locator_cells=np.arange(len(keys)),
    )


def _neighbours(keys: Keys, lattice: Lattice) -> csr_matrix:
    left, right = [], []
    for step in key_steps(lattice):
        found = index_of(keys, keys + step)
        there = np.flatnonzero(found >= 0)
        left.append(there)
        right.append(found[there])
    return adjacency(np.concatenate(left), np.concatenate(right), len(keys))
