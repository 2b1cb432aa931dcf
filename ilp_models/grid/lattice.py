"""Lattices: the endless regular tilings that squares and hexagons are taken from."""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import shapely

from ilp_models.domain.errors import InputError

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
        """Return the column and the row of the cell that holds each point."""
        ...

    def centres(self, column: Keys, row: Keys) -> tuple[Floats, Floats]:
        """Return the centres of cells."""
        ...

    def polygons(self, column: Keys, row: Keys) -> npt.NDArray[np.object_]:
        """Return the outlines of cells; neighbours share their corners to the last bit."""
        ...

    def anchors(self, column: Keys, row: Keys) -> tuple[Floats, Floats]:
        """Return the points that cells are named after."""
        ...


def refuse_shape(size: float, origin: Sequence[float]) -> None:
    """Refuse a size or an origin that cannot be metres."""
    if not (isinstance(size, int | float) and SMALLEST_METRES <= size < np.inf):
        msg = f"grid.size={size!r} must be a number of metres, at least {SMALLEST_METRES:g}."
        raise InputError(msg)
    if len(origin) != 2 or not all(isinstance(part, int | float) and np.isfinite(part) for part in origin):
        msg = f"grid.origin={origin!r} must be two numbers of metres, such as [0, 0]."
        raise InputError(msg)


def keys_of(lattice: Lattice, x: Floats, y: Floats) -> Keys:
    """Return one whole number for the cell of each point; equal numbers mean the same cell."""
    column, row = lattice.index(x, y)
    return column * _COLUMN + row


def split(keys: Keys) -> tuple[Keys, Keys]:
    """Return the columns and rows of keys."""
    column = (keys + _COLUMN // 2) // _COLUMN
    return column, keys - column * _COLUMN


def cells_within(lattice: Lattice, bounds: tuple[float, float, float, float]) -> Keys:
    """Return the cells that may meet a rectangle, in order; some just outside it are among them."""
    corners = np.array([(x, y) for x in bounds[0::2] for y in bounds[1::2]])
    column, row = lattice.index(corners[:, 0], corners[:, 1])
    columns = np.arange(column.min() - 1, column.max() + 2)
    rows = np.arange(row.min() - 1, row.max() + 2)
    if len(columns) * len(rows) > MOST_CELLS:
        msg = f"The study area holds about {len(columns) * len(rows):,} cells of {lattice.size:g} m; set a larger size."
        raise InputError(msg)
    keys = (columns[:, None] * _COLUMN + rows).ravel()
    x, y = lattice.centres(*split(keys))
    extent = np.ptp(shapely.bounds(lattice.polygons(*split(keys[:1]))).reshape(2, 2), axis=0)
    margin = max(lattice.size, float(extent.max()) / 2)  # a long cell reaches further from its centre
    near = (x > bounds[0] - margin) & (x < bounds[2] + margin)
    return keys[near & (y > bounds[1] - margin) & (y < bounds[3] + margin)]


def fill_gaps(keys: Keys, lattice: Lattice) -> Keys:
    """Return cells with their gaps filled: grown by all neighbours, then shrunk by as much."""
    both = [step * sign for step in steps(lattice) for sign in (1, -1)]
    grown = np.unique(np.concatenate([keys, *(keys + step for step in both)]))
    inner = np.ones(len(grown), dtype=bool)
    for step in both:
        inner &= index_of(grown, grown + step) >= 0
    return grown[inner]


def steps(lattice: Lattice) -> list[int]:
    """Return what to add to a key for half of its neighbours."""
    return [column * _COLUMN + row for column, row in lattice.half_steps]


def index_of(keys: Keys, wanted: Keys) -> Keys:
    """Return the position of each wanted key among sorted ones, -1 where it is missing."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)
