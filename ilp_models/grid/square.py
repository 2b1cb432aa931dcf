"""Squares of one size over a city."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.grid.active_cells import ActiveCells
from ilp_models.grid.lattice import refuse_shape
from ilp_models.grid.parents import Parents
from ilp_models.grid.rectangle import RectangleGrid


@dataclass(frozen=True)
class SquareGrid:
    """Squares named after their lower left corner, such as ``E630500N4833500``.

    The corners lie at whole multiples of the size from the origin, so that a name means the same place for any data in
    the same CRS.

    Parameters
    ----------
    size : float, default 500
        Side, metres.
    active : str, default "events"
        ``events``, ``closing`` or ``all``; see :class:`~ilp_models.grid.active_cells.ActiveCells`.
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
        ActiveCells(self.active, self.area, self.edge)

    def build(self, events: Events) -> Grid:
        """Return the grid of the squares that are active in the events given."""
        sides = (self.size, self.size, 0.0)
        return RectangleGrid(*sides, self.active, self.area, self.edge, self.origin, self.parents).build(events)
