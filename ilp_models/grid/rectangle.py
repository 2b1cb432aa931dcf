"""Rectangles of one shape over a city, turned by any angle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import cos, radians, sin, sqrt

import numpy as np
import numpy.typing as npt
import shapely

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.grid.active_cells import ActiveCells
from ilp_models.grid.lattice import Floats, Keys, refuse_shape
from ilp_models.grid.lattice_grid import grid_of
from ilp_models.grid.parents import Parents, with_parents


@dataclass(frozen=True)
class RectangleLattice:
    """The endless tiling by rectangles, turned about a corner.

    Parameters
    ----------
    width, height : float
        Sides along the columns' and the rows' direction, metres.
    angle : float
        Turn of the columns' direction from east towards north, degrees.
    origin : tuple of float
        A corner of some rectangle, metres.
    """

    width: float
    height: float
    angle: float
    origin: tuple[float, float]

    @property
    def size(self) -> float:
        """Square root of a rectangle's area, metres."""
        return sqrt(self.width * self.height)

    @property
    def half_steps(self) -> tuple[tuple[int, int], ...]:
        """Steps to four of the eight rectangles that share a side or a corner."""
        return ((0, 1), (1, -1), (1, 0), (1, 1))

    def index(self, x: Floats, y: Floats) -> tuple[Keys, Keys]:
        """Return the column and the row of the rectangle that holds each point."""
        east, north = x - self.origin[0], y - self.origin[1]
        along, across = self._axes
        column = np.floor((east * along[0] + north * along[1]) / self.width).astype(np.int64)
        return column, np.floor((east * across[0] + north * across[1]) / self.height).astype(np.int64)

    def centres(self, column: Keys, row: Keys) -> tuple[Floats, Floats]:
        """Return the centres of rectangles."""
        return self._at(column + 0.5, row + 0.5)

    def polygons(self, column: Keys, row: Keys) -> npt.NDArray[np.object_]:
        """Return the outlines of rectangles."""
        corners = [self._at(column + right, row + up) for right, up in ((0, 0), (1, 0), (1, 1), (0, 1))]
        return np.asarray(shapely.polygons(np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)))

    def anchors(self, column: Keys, row: Keys) -> tuple[Floats, Floats]:
        """Return the first corners of rectangles: lower left before they are turned."""
        return self._at(column, row)

    @property
    def _axes(self) -> tuple[tuple[float, float], tuple[float, float]]:
        turn = radians(self.angle)
        return (cos(turn), sin(turn)), (-sin(turn), cos(turn))

    def _at(self, column: Keys | Floats, row: Keys | Floats) -> tuple[Floats, Floats]:
        along, across = self._axes
        right, up = column * self.width, row * self.height
        x = self.origin[0] + (right * along[0] + up * across[0])
        return x, self.origin[1] + (right * along[1] + up * across[1])


@dataclass(frozen=True)
class RectangleGrid:
    """Rectangles of one shape and angle, named after their first corner, such as ``E630500N4833500``.

    Results on rectangles and on squares compare where their areas are equal.

    Parameters
    ----------
    width, height : float, default 500
        Sides, metres; neither more than ten times the other.
    angle : float, default 0
        Turn from east towards north, degrees.
    active : str, default "events"
        ``events``, ``closing`` or ``all``; see :class:`~ilp_models.grid.active_cells.ActiveCells`.
    area : str, optional
        Polygon file of the study area; by default the footprint of the events.
    edge : str, default "overlap"
        Which cells on the edge of the study area belong to it: ``overlap`` or ``centre``.
    origin : sequence of float, default (0, 0)
        A corner of some rectangle, about which all are turned, metres in the CRS of the events.
    parents : mapping of str to Parents, optional
        How to find the parent area of each cell, by level.

    Raises
    ------
    InputError
        If a setting is not usable.
    """

    width: float = 500.0
    height: float = 500.0
    angle: float = 0.0
    active: str = "events"
    area: str | None = None
    edge: str = "overlap"
    origin: Sequence[float] = (0.0, 0.0)
    parents: Mapping[str, Parents] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse settings that name no shape or rule."""
        for side in (self.width, self.height):
            refuse_shape(side, self.origin)
        if not 0.1 <= self.width / self.height <= 10 or not np.isfinite(self.angle):
            msg = (
                f"grid.width={self.width:g}, grid.height={self.height:g} and grid.angle={self.angle:g} make no cells: "
                "neither side may be more than ten times the other, and the angle is a number of degrees."
            )
            raise InputError(msg)
        ActiveCells(self.active, self.area, self.edge)

    def build(self, events: Events) -> Grid:
        """Return the grid of the rectangles that are active in the events given."""
        corner = (float(self.origin[0]), float(self.origin[1]))
        lattice = RectangleLattice(float(self.width), float(self.height), float(self.angle), corner)
        keys = ActiveCells(self.active, self.area, self.edge).select(lattice, events)
        return with_parents(grid_of(lattice, keys, events.crs), self.parents, events)
