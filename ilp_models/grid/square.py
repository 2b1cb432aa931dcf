"""Squares of one size over a city."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import shapely

from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.grid.footprint import Footprint
from ilp_models.grid.lattice import Floats, Keys, refuse_shape
from ilp_models.grid.lattice_grid import grid_of
from ilp_models.grid.parents import Parents, with_parents


@dataclass(frozen=True)
class SquareLattice:
    """The endless tiling by squares.

    Parameters
    ----------
    size : float
        Side, metres.
    origin : tuple of float
        A corner of some square, metres.
    """

    size: float
    origin: tuple[float, float]

    @property
    def half_steps(self) -> tuple[tuple[int, int], ...]:
        """Steps to four of the eight squares that share a side or a corner."""
        return ((0, 1), (1, -1), (1, 0), (1, 1))

    def index(self, x: Floats, y: Floats) -> tuple[Keys, Keys]:
        """Return the column and the row of the square that holds each point: its lower and left sides are its own.

        Parameters
        ----------
        x, y : ndarray of float64
            Points, metres.

        Returns
        -------
        tuple of ndarray of int64
            Columns and rows.
        """
        column = np.floor((x - self.origin[0]) / self.size).astype(np.int64)
        return column, np.floor((y - self.origin[1]) / self.size).astype(np.int64)

    def centres(self, column: Keys, row: Keys) -> tuple[Floats, Floats]:
        """Return the centres of squares.

        Parameters
        ----------
        column, row : ndarray of int64
            Squares.

        Returns
        -------
        tuple of ndarray of float64
            x and y, metres.
        """
        return self.origin[0] + (column + 0.5) * self.size, self.origin[1] + (row + 0.5) * self.size

    def polygons(self, column: Keys, row: Keys) -> npt.NDArray[np.object_]:
        """Return the outlines of squares.

        Parameters
        ----------
        column, row : ndarray of int64
            Squares.

        Returns
        -------
        ndarray of shapely Polygon
            One a square.
        """
        low, high = self.anchors(column, row), self.anchors(column + 1, row + 1)
        return np.asarray(shapely.box(*low, *high), dtype=object)

    def anchors(self, column: Keys, row: Keys) -> tuple[Floats, Floats]:
        """Return the lower left corners of squares.

        Parameters
        ----------
        column, row : ndarray of int64
            Squares.

        Returns
        -------
        tuple of ndarray of float64
            x and y, metres.
        """
        return self.origin[0] + column * self.size, self.origin[1] + row * self.size


@dataclass(frozen=True)
class Squares:
    """Squares named after their lower left corner, such as ``E630500N4833500``.

    The corners lie at whole multiples of the size from the origin, so that a name means the same place for any data in
    the same CRS.

    Parameters
    ----------
    size : float, default 500
        Side, metres.
    active : str, default "events"
        ``events``, ``closing`` or ``all``; see :class:`~ilp_models.grid.footprint.Footprint`.
    area : str, optional
        Polygon file of the study area; by default the footprint of the events.
    edge : str, default "overlap"
        Which cells on the edge of the study area belong to it: ``overlap`` or ``centre``.
    origin : sequence of float, default (0, 0)
        A corner of some square, metres in the CRS of the events.
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
        Footprint(self.active, self.area, self.edge)

    def build(self, events: Events) -> Grid:
        """Return the grid of the squares that are active in the events given.

        Parameters
        ----------
        events : Events
            Only what was known at the cutoff.

        Returns
        -------
        Grid
            Active squares by easting, then northing; eight neighbours each at most.
        """
        lattice = SquareLattice(float(self.size), (float(self.origin[0]), float(self.origin[1])))
        keys = Footprint(self.active, self.area, self.edge).select(lattice, events)
        return with_parents(grid_of(lattice, keys, events.crs), self.parents, events)
