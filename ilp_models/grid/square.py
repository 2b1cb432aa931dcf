"""Square grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.grid.active_cells import ActiveCells
from ilp_models.grid.lattice import refuse_shape
from ilp_models.grid.parents import ParentRule, parents_by_label
from ilp_models.grid.rectangle import RectangleGrid


@dataclass(frozen=True)
class SquareGrid:
    """Squares named after their lower left corner, such as ``E630500N4833500``.

    Corners lie at multiples of the size from the origin, so a name means the same place for all data in the same CRS.

    Parameters
    ----------
    size : float, default 500
        Side, metres.
    active : str, default "events"
        Which cells the grid has: ``events``, ``closing`` or ``all``; see `ilp_models.grid.active_cells.ActiveCells`.
    area : str, optional
        Polygon file of the study area; by default only ``active`` decides.
    edge : str, default "overlap"
        Which cells on the edge belong to the study area: all that ``overlap`` it, or those with their ``centre`` in it.
    origin : sequence of float, default (0, 0)
        A corner of some square, metres in the CRS of the events.
    parents : mapping of str to ParentRule or None, optional
        Rule that finds the parent area of each cell, by level; by default the records' own label as level ``area``.

    Raises
    ------
    InputError
        If a setting is not usable.

    Examples
    --------
    >>> from ilp_models.data.simulated.city import SimulatedCity
    >>> SquareGrid(500).build(SimulatedCity(weeks=60).read())
    <Grid: 324 cells, 81 km2, parent areas area, EPSG:32617>
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
        """Return the grid of the squares that are active given these events."""
        sides = (self.size, self.size, 0.0)
        return RectangleGrid(*sides, self.active, self.area, self.edge, self.origin, self.parents).build(events)
