"""Random search for the rectangle grid on which past events are most concentrated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.grid.active_cells import ActiveCells
from ilp_models.grid.lattice import Floats, cell_keys
from ilp_models.grid.parents import ParentRule, parents_by_label
from ilp_models.grid.rectangle import RectangleGrid, RectangleLattice

_QUARTER_TURN: Final = 90.0  # degrees; larger angles give the same set of grids
_DAY_SECONDS: Final = 86_400.0


@dataclass(frozen=True)
class RandomSearchGrid:
    """The rectangle grid, among random ones of equal cell area, whose fullest cells hold most of the known events.

    A hot spot lies in one cell of some grids and on the border of cells in others, and hit rates on few small cells
    depend on that. Shape, angle and origin are drawn at random, as the winners of the NIJ challenge did; the squares
    from the origin are among the candidates. Events have the weight 0.5 ** (age / half-life). Each crime type has its
    own fullest cells, and the mean over types of the share of events in them decides. Only events known at the cutoff
    are used. The share is optimistic, because the grid was selected on it: evaluate on later events.

    Parameters
    ----------
    size : float, default 500
        Square root of the area of a cell, metres.
    cells : int, default 100
        Number of fullest cells.
    half_life_days : float, default 180
        Age at which an event has half the weight, days.
    tries : int, default 1000
        Number of grids compared.
    stretch : float, default 1.6
        Maximum of the longer side as a multiple of ``size``, 1 to 3; the area stays the same.
    seed : int, default 0
        Seed of the random draws.
    active : str, default "events"
        Which cells the grid has: ``events``, ``closing`` or ``all``; see `ilp_models.grid.active_cells.ActiveCells`.
    area : str, optional
        Polygon file of the study area; by default only ``active`` decides.
    edge : str, default "overlap"
        Which cells on the edge belong to the study area: all that ``overlap`` it, or those with their ``centre`` in it.
    parents : mapping of str to ParentRule or None, optional
        Rule that finds the parent area of each cell, by level; by default the records' own label as level ``area``.

    Raises
    ------
    InputError
        If a setting is not usable.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> ilp.RandomSearchGrid(size=300).tries
    1000
    """

    size: float = 500.0
    cells: int = 100
    half_life_days: float = 180.0
    tries: int = 1000
    stretch: float = 1.6
    seed: int = 0
    active: str = "events"
    area: str | None = None
    edge: str = "overlap"
    parents: Mapping[str, ParentRule | None] | None = field(default_factory=parents_by_label)

    def __post_init__(self) -> None:
        """Refuse settings that leave no grid to search."""
        ActiveCells(self.active, self.area, self.edge)
        RectangleGrid(self.size * self.stretch, self.size / self.stretch)
        if self.cells < 1 or self.tries < 1 or not self.half_life_days > 0 or not 1 <= self.stretch <= 3:
            msg = (
                f"grid.cells={self.cells}, grid.tries={self.tries} and grid.half_life_days={self.half_life_days:g} "
                f"must be above 0, and grid.stretch={self.stretch:g} must lie between 1 and 3."
            )
            raise InputError(msg)

    def build(self, events: Events) -> Grid:
        """Return the grid that the search selects for these events."""
        return self.search(events).build(events)

    def search(self, events: Events) -> RectangleGrid:
        """Return the rectangles that the search selects for these events."""
        points = self._weighted_points(events)
        best, selected = -np.inf, RectangleLattice(self.size, self.size, 0.0, (0.0, 0.0))
        for lattice in self._lattices():
            share = float(np.mean([concentration(lattice, *one_type, self.cells) for one_type in points] or [0.0]))
            if share > best:
                best, selected = share, lattice
        return RectangleGrid(
            selected.width,
            selected.height,
            selected.angle,
            active=self.active,
            area=self.area,
            edge=self.edge,
            origin=selected.origin,
            parents=self.parents,
        )

    def _lattices(self) -> list[RectangleLattice]:
        generator = np.random.default_rng(self.seed)
        lattices = [RectangleLattice(self.size, self.size, 0.0, (0.0, 0.0))]
        for turn, right, up, longer in generator.random((self.tries - 1, 4)).tolist():
            width = self.size * self.stretch ** (2 * longer - 1)
            height = self.size**2 / width
            lattices.append(RectangleLattice(width, height, _QUARTER_TURN * turn, (right * width, up * height)))
        return lattices

    def _weighted_points(self, events: Events) -> list[tuple[Floats, Floats, Floats]]:
        """Return x, y and summed weights of the distinct points of each crime type."""
        age = (events.end - events.table["occurred_at"]).dt.total_seconds() / _DAY_SECONDS
        table = events.table[["crime_type", "x", "y"]].assign(weight=0.5 ** (age / self.half_life_days))
        summed = table.groupby(["crime_type", "x", "y"], observed=True, sort=True)["weight"].sum().reset_index()
        types = [one_type for _, one_type in summed.groupby("crime_type", observed=True)]
        return [(one["x"].to_numpy(), one["y"].to_numpy(), one["weight"].to_numpy()) for one in types]


def concentration(lattice: RectangleLattice, x: Floats, y: Floats, weight: Floats, cells: int) -> float:
    """Return the share of the total weight that lies in the fullest cells of a lattice."""
    _, cell = np.unique(cell_keys(lattice, x, y), return_inverse=True)
    totals = np.sort(np.bincount(cell, weights=weight))
    return float(totals[-cells:].sum() / totals.sum())
