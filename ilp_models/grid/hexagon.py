"""Regular hexagons of one size over a city."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt
import shapely

from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.grid.active_cells import ActiveCells
from ilp_models.grid.lattice import Floats, Keys, refuse_shape
from ilp_models.grid.lattice_grid import grid_of
from ilp_models.grid.parents import Parents, with_parents

_WIDTH: Final = sqrt(2 / sqrt(3))
_CORNERS: Final = np.array([(1, 1), (0, 2), (-1, 1), (-1, -1), (0, -2), (1, -1)])


@dataclass(frozen=True)
class HexagonLattice:
    """The endless tiling by hexagons with a corner at the top, in axial columns and rows.

    Parameters
    ----------
    size : float
        Square root of a hexagon's area, metres.
    origin : tuple of float
        Centre of some hexagon, metres.
    """

    size: float
    origin: tuple[float, float]

    @property
    def width(self) -> float:
        """Distance between two opposite sides, metres."""
        return self.size * _WIDTH

    @property
    def side(self) -> float:
        """Length of a side, metres."""
        return self.width / sqrt(3)

    @property
    def half_steps(self) -> tuple[tuple[int, int], ...]:
        """Steps to three of the six hexagons that share a side."""
        return ((0, 1), (1, -1), (1, 0))

    def index(self, x: Floats, y: Floats) -> tuple[Keys, Keys]:
        """Return the axial column and row of the hexagon that holds each point, by rounding in cube coordinates."""
        row = (y - self.origin[1]) / (1.5 * self.side)
        column = (x - self.origin[0]) / self.width - row / 2
        third = -column - row
        near = [np.rint(part) for part in (column, row, third)]
        off = [np.abs(rounded - part) for rounded, part in zip(near, (column, row, third), strict=True)]
        fix_column = (off[0] > off[1]) & (off[0] > off[2])
        fix_row = ~fix_column & (off[1] > off[2])
        return (
            np.where(fix_column, -near[1] - near[2], near[0]).astype(np.int64),
            np.where(fix_row, -near[0] - near[2], near[1]).astype(np.int64),
        )

    def centres(self, column: Keys, row: Keys) -> tuple[Floats, Floats]:
        """Return the centres of hexagons."""
        return self.origin[0] + (2 * column + row) * (self.width / 2), self.origin[1] + 3 * row * (self.side / 2)

    def polygons(self, column: Keys, row: Keys) -> npt.NDArray[np.object_]:
        """Return the outlines of hexagons."""
        # Whole numbers first: two hexagons that share a corner then compute the very same coordinates.
        x = self.origin[0] + ((2 * column + row)[:, None] + _CORNERS[:, 0]) * (self.width / 2)
        y = self.origin[1] + ((3 * row)[:, None] + _CORNERS[:, 1]) * (self.side / 2)
        return np.asarray(shapely.polygons(np.stack([x, y], axis=-1)), dtype=object)

    def anchors(self, column: Keys, row: Keys) -> tuple[Floats, Floats]:
        """Return the centres, which hexagons are named after."""
        return self.centres(column, row)


@dataclass(frozen=True)
class HexGrid:
    """Hexagons with the area of a square of the stated size, named after their centre, such as ``E630612N4833498``.

    A hexagon of size 500 covers 0.25 km2, as a square of size 500 does, so that results on the two compare; it is
    537 m wide from side to side (1.0746 times the size).

    Parameters
    ----------
    size : float, default 500
        Square root of the area of a hexagon, metres.
    active : str, default "events"
        ``events``, ``closing`` or ``all``; see :class:`~ilp_models.grid.active_cells.ActiveCells`.
    area : str, optional
        Polygon file of the study area; by default the footprint of the events.
    edge : str, default "overlap"
        Which cells on the edge of the study area belong to it: ``overlap`` or ``centre``.
    origin : sequence of float, default (0, 0)
        Centre of some hexagon, metres in the CRS of the events.
    parents : mapping of str to Parents, optional
        How to find the parent area of each cell, by level.

    Raises
    ------
    InputError
        If a setting is not usable.
    """

    size: float = 500.0
    active: str = "events"
    area: str | None = None
    edge: str = "overlap"
    origin: Sequence[float] = (0.0, 0.0)
    parents: Mapping[str, Parents] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse settings that name no size or rule."""
        refuse_shape(self.size, self.origin)
        ActiveCells(self.active, self.area, self.edge)

    def build(self, events: Events) -> Grid:
        """Return the grid of the hexagons that are active in the events given."""
        lattice = HexagonLattice(float(self.size), (float(self.origin[0]), float(self.origin[1])))
        keys = ActiveCells(self.active, self.area, self.edge).select(lattice, events)
        return with_parents(grid_of(lattice, keys, events.crs), self.parents, events)
