"""Hexagonal grid."""

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
from ilp_models.grid.lattice import Floats, Keys, build_grid, refuse_shape
from ilp_models.grid.parents import ParentRule, parents_by_label, with_parents

_WIDTH: Final = sqrt(2 / sqrt(3))
_CORNERS: Final = np.array([(1, 1), (0, 2), (-1, 1), (-1, -1), (0, -2), (1, -1)])


@dataclass(frozen=True)
class HexagonLattice:
    """The tiling of the plane by hexagons with a corner at the top, in axial columns and rows."""

    size: float  # square root of a hexagon's area, metres
    origin: tuple[float, float]  # centre of some hexagon, metres

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
        """Return the polygons of hexagons."""
        # Integers first, so that hexagons that share a corner compute exactly the same coordinates.
        x = self.origin[0] + ((2 * column + row)[:, None] + _CORNERS[:, 0]) * (self.width / 2)
        y = self.origin[1] + ((3 * row)[:, None] + _CORNERS[:, 1]) * (self.side / 2)
        return np.asarray(shapely.polygons(np.stack([x, y], axis=-1)), dtype=object)

    def anchors(self, column: Keys, row: Keys) -> tuple[Floats, Floats]:
        """Return the centres, whose coordinates name the hexagons."""
        return self.centres(column, row)


@dataclass(frozen=True)
class HexGrid:
    """Hexagons with the area of a square of the stated size, named after their centre, such as ``E630612N4833498``.

    A hexagon of size 500 covers 0.25 km2 like a square of size 500, so results on the two can be compared. It is 537 m
    wide from side to side (1.0746 times the size).

    Parameters
    ----------
    size : float, default 500
        Square root of the area of a hexagon, metres.
    active : str, default "events"
        Which cells the grid has: ``events``, ``closing`` or ``all``; see `ilp_models.grid.active_cells.ActiveCells`.
    area : str, optional
        Polygon file of the study area; by default only ``active`` decides.
    edge : str, default "overlap"
        Which cells on the edge belong to the study area: all that ``overlap`` it, or those with their ``centre`` in it.
    origin : sequence of float, default (0, 0)
        Centre of some hexagon, metres in the CRS of the events.
    parents : mapping of str to ParentRule or None, optional
        Rule that finds the parent area of each cell, by level; by default the records' own label as level ``area``.

    Raises
    ------
    InputError
        If a setting is not usable.

    Examples
    --------
    >>> from ilp_models.data.simulated.city import SimulatedCity
    >>> HexGrid(1000).build(SimulatedCity(weeks=60).read())
    <Grid: 103 cells, 103 km2, parent areas area, EPSG:32617>
    """

    size: float = 500.0
    active: str = "events"
    area: str | None = None
    edge: str = "overlap"
    origin: Sequence[float] = (0.0, 0.0)
    parents: Mapping[str, ParentRule | None] | None = field(default_factory=parents_by_label)

    def __post_init__(self) -> None:
        """Refuse an unusable size, origin or rule."""
        refuse_shape(self.size, self.origin)
        ActiveCells(self.active, self.area, self.edge)

    def build(self, events: Events) -> Grid:
        """Return the grid of the hexagons that are active given these events."""
        lattice = HexagonLattice(float(self.size), (float(self.origin[0]), float(self.origin[1])))
        keys = ActiveCells(self.active, self.area, self.edge).select(lattice, events)
        return with_parents(build_grid(lattice, keys, events.crs), self.parents, events)
