"""Grid of rectangles of one shape, rotated by any angle."""

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
from ilp_models.grid.lattice import Floats, Keys, build_grid, refuse_shape
from ilp_models.grid.parents import ParentRule, parents_by_label, with_parents


@dataclass(frozen=True)
class RectangleLattice:
    """The tiling of the plane by rectangles, rotated about a corner."""

    width: float  # along the direction of the columns, metres
    height: float  # along the direction of the rows, metres
    angle: float  # rotation of the columns' direction from east towards north, degrees
    origin: tuple[float, float]  # a corner of some rectangle, metres

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
        return self._point(column + 0.5, row + 0.5)

    def polygons(self, column: Keys, row: Keys) -> npt.NDArray[np.object_]:
        """Return the polygons of rectangles."""
        corners = [self._point(column + right, row + up) for right, up in ((0, 0), (1, 0), (1, 1), (0, 1))]
        return np.asarray(shapely.polygons(np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)))

    def anchors(self, column: Keys, row: Keys) -> tuple[Floats, Floats]:
        """Return the first corners of rectangles: the lower left ones before rotation."""
        return self._point(column, row)

    @property
    def _axes(self) -> tuple[tuple[float, float], tuple[float, float]]:
        angle = radians(self.angle)
        return (cos(angle), sin(angle)), (-sin(angle), cos(angle))

    def _point(self, column: Keys | Floats, row: Keys | Floats) -> tuple[Floats, Floats]:
        along, across = self._axes
        right, up = column * self.width, row * self.height
        x = self.origin[0] + (right * along[0] + up * across[0])
        return x, self.origin[1] + (right * along[1] + up * across[1])


@dataclass(frozen=True)
class RectangleGrid:
    """Rectangles of one shape and angle, named after their first corner, such as ``E630500N4833500``.

    Compare results on rectangles and on squares only where their areas are equal.

    Parameters
    ----------
    width, height : float, default 500
        Sides, metres; neither more than ten times the other.
    angle : float, default 0
        Rotation from east towards north, degrees.
    active : str, default "events"
        Which cells the grid has: ``events``, ``closing`` or ``all``; see `ilp_models.grid.active_cells.ActiveCells`.
    area : str, optional
        Polygon file of the study area; by default only ``active`` decides.
    edge : str, default "overlap"
        Which cells on the edge belong to the study area: all that ``overlap`` it, or those with their ``centre`` in it.
    origin : sequence of float, default (0, 0)
        A corner of some rectangle and centre of the rotation, metres in the CRS of the events.
    parents : mapping of str to ParentRule or None, optional
        Rule that finds the parent area of each cell, by level; by default the records' own label as level ``area``.

    Raises
    ------
    InputError
        If a setting is not usable.

    Examples
    --------
    >>> from ilp_models.data.simulated.city import SimulatedCity
    >>> RectangleGrid(300, 600, 45).build(SimulatedCity(weeks=60).read())
    <Grid: 492 cells, 88.56 km2, parent areas area, EPSG:32617>
    """

    width: float = 500.0
    height: float = 500.0
    angle: float = 0.0
    active: str = "events"
    area: str | None = None
    edge: str = "overlap"
    origin: Sequence[float] = (0.0, 0.0)
    parents: Mapping[str, ParentRule | None] | None = field(default_factory=parents_by_label)

    def __post_init__(self) -> None:
        """Refuse an unusable shape, origin or rule."""
        for side in (self.width, self.height):
            refuse_shape(side, self.origin)
        if not 0.1 <= self.width / self.height <= 10 or not np.isfinite(self.angle):
            msg = (
                f"grid.width={self.width:g}, grid.height={self.height:g} and grid.angle={self.angle:g} are not "
                "usable: neither side may be more than ten times the other, and the angle is a number of degrees."
            )
            raise InputError(msg)
        ActiveCells(self.active, self.area, self.edge)

    def build(self, events: Events) -> Grid:
        """Return the grid of the rectangles that are active given these events."""
        corner = (float(self.origin[0]), float(self.origin[1]))
        lattice = RectangleLattice(float(self.width), float(self.height), float(self.angle), corner)
        keys = ActiveCells(self.active, self.area, self.edge).select(lattice, events)
        return with_parents(build_grid(lattice, keys, events.crs), self.parents, events)
