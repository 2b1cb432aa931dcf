"""Lattices: the endless regular tilings that squares and hexagons are taken from."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.grid.adjacency import adjacency
from ilp_models.grid.ground import ground_area

Keys = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]

SMALLEST_METRES: Final = 10.0
MOST_CELLS: Final = 20_000_000
_COLUMN: Final = 2**32


class Lattice(Protocol):
    """A tiling of the plane whose cells have a column and a row."""

    @property
    def size(self) -> float:
        """Square root of a cell's area, metres."""
        ...

    @property
    def half_steps(self) -> tuple[tuple[int, int], ...]:
        """Steps (columns, rows) to half of a cell's neighbours; the other half lies at their negatives."""
        ...

    def index(self, x: Floats, y: Floats) -> tuple[Keys, Keys]:
        """Return the column and the row of the cell that holds each point.

        Parameters
        ----------
        x, y : ndarray of float64
            Points, metres.

        Returns
        -------
        tuple of ndarray of int64
            Columns and rows.
        """
        ...

    def centres(self, column: Keys, row: Keys) -> tuple[Floats, Floats]:
        """Return the centres of cells.

        Parameters
        ----------
        column, row : ndarray of int64
            Cells.

        Returns
        -------
        tuple of ndarray of float64
            x and y, metres.
        """
        ...

    def polygons(self, column: Keys, row: Keys) -> npt.NDArray[np.object_]:
        """Return the outlines of cells; neighbours share their corners to the last bit.

        Parameters
        ----------
        column, row : ndarray of int64
            Cells.

        Returns
        -------
        ndarray of shapely Polygon
            One a cell.
        """
        ...

    def anchors(self, column: Keys, row: Keys) -> tuple[Floats, Floats]:
        """Return the points that cells are named after.

        Parameters
        ----------
        column, row : ndarray of int64
            Cells.

        Returns
        -------
        tuple of ndarray of float64
            x and y, metres.
        """
        ...


def refuse_size(size: float, setting: str) -> None:
    """Refuse a cell size that cannot be metres.

    Parameters
    ----------
    size : float
        Metres.
    setting : str
        What the user set, for the message.

    Raises
    ------
    InputError
        If the size is below 10 m or not a number.
    """
    if not (np.isfinite(size) and size >= SMALLEST_METRES):
        msg = f"{setting}={size!r} must be a number of metres, at least {SMALLEST_METRES:g}."
        raise InputError(msg)


def keys_of(lattice: Lattice, x: Floats, y: Floats) -> Keys:
    """Return one whole number for the cell of each point; equal numbers mean the same cell.

    Parameters
    ----------
    lattice : Lattice
        The tiling.
    x, y : ndarray of float64
        Points, metres.

    Returns
    -------
    ndarray of int64
        Keys, in the order of column, then row.
    """
    column, row = lattice.index(x, y)
    return column * _COLUMN + row


def split(keys: Keys) -> tuple[Keys, Keys]:
    """Return the columns and rows of keys.

    Parameters
    ----------
    keys : ndarray of int64
        Keys of cells.

    Returns
    -------
    tuple of ndarray of int64
        Columns and rows.

    Examples
    --------
    >>> [part.tolist() for part in split(np.array([3 * 2**32 - 7]))]
    [[3], [-7]]
    """
    column = (keys + _COLUMN // 2) // _COLUMN
    return column, keys - column * _COLUMN


def over(lattice: Lattice, bounds: tuple[float, float, float, float]) -> Keys:
    """Return the cells that may meet a rectangle, in order; some just outside it are among them.

    Parameters
    ----------
    lattice : Lattice
        The tiling.
    bounds : tuple of float
        Lowest x, lowest y, highest x, highest y, metres.

    Returns
    -------
    ndarray of int64
        Sorted keys.

    Raises
    ------
    InputError
        If there would be more than 20 million cells.
    """
    corners = np.array([(x, y) for x in bounds[0::2] for y in bounds[1::2]])
    column, row = lattice.index(corners[:, 0], corners[:, 1])
    columns = np.arange(column.min() - 1, column.max() + 2)
    rows = np.arange(row.min() - 1, row.max() + 2)
    if len(columns) * len(rows) > MOST_CELLS:
        msg = f"The study area holds about {len(columns) * len(rows):,} cells of {lattice.size:g} m; set a larger size."
        raise InputError(msg)
    keys = (columns[:, None] * _COLUMN + rows).ravel()
    x, y = lattice.centres(*split(keys))
    near = (x > bounds[0] - lattice.size) & (x < bounds[2] + lattice.size)
    return keys[near & (y > bounds[1] - lattice.size) & (y < bounds[3] + lattice.size)]


def close(keys: Keys, lattice: Lattice) -> Keys:
    """Return cells with their gaps filled: grown by all neighbours, then shrunk by as much.

    Parameters
    ----------
    keys : ndarray of int64
        Sorted keys.
    lattice : Lattice
        The tiling; for squares this is the morphological closing with a 3 x 3 window.

    Returns
    -------
    ndarray of int64
        Sorted keys, those given among them.
    """
    steps = _steps(lattice)
    both = [step * sign for step in steps for sign in (1, -1)]
    grown = np.unique(np.concatenate([keys, *(keys + step for step in both)]))
    inner = np.ones(len(grown), dtype=bool)
    for step in both:
        inner &= _position(grown, grown + step) >= 0
    return grown[inner]


def _steps(lattice: Lattice) -> list[int]:
    return [column * _COLUMN + row for column, row in lattice.half_steps]


def _position(ordered: Keys, wanted: Keys) -> Keys:
    """Find each wanted key among ordered ones, -1 where it is missing."""
    at = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return np.where(ordered[at] == wanted, at, -1)


def _neighbours(keys: Keys, lattice: Lattice) -> csr_matrix:
    left, right = [], []
    for step in _steps(lattice):
        found = _position(keys, keys + step)
        there = np.flatnonzero(found >= 0)
        left.append(there)
        right.append(found[there])
    return adjacency(np.concatenate(left), np.concatenate(right), len(keys))


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
        """Return the position of each event's cell among the keys, -1 outside them all.

        Parameters
        ----------
        events : Events
            Events in the grid's CRS.

        Returns
        -------
        ndarray of int64
            One position an event.
        """
        table = events.table
        return _position(self.keys, keys_of(self.lattice, table["x"].to_numpy(), table["y"].to_numpy()))


def grid_of(lattice: Lattice, keys: Keys, crs: str) -> Grid:
    """Return the grid of some cells of a lattice.

    Parameters
    ----------
    lattice : Lattice
        The tiling.
    keys : ndarray of int64
        Sorted keys of the cells, at least one.
    crs : str
        Projected coordinate reference system, metres.

    Returns
    -------
    Grid
        Named ``E<x>N<y>`` after whole metres of each cell's anchor, ordered by column, then row.
    """
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
