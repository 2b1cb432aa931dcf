"""Rectangles whose shape, angle and place are searched: where the past is most concentrated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.grid.active_cells import ActiveCells
from ilp_models.grid.lattice import Floats, keys_of
from ilp_models.grid.parents import Parents
from ilp_models.grid.rectangle import RectangleGrid, RectangleLattice

_QUARTER: Final = 90.0  # degrees; a rectangle turned further is another rectangle turned less
_DAY_SECONDS: Final = 86_400.0


@dataclass(frozen=True)
class RandomSearchGrid:
    """Of many random grids of rectangles of one area, the one whose fullest cells hold most of the known events.

    A place where much happens lies in one cell of some grids and on the border of cells in others, and a hit rate on
    few small cells depends on it. Shape, angle and place are drawn at random, as the winners of the NIJ challenge did;
    the squares from the origin are among the grids. Events count 0.5 ** (age / half-life); each crime type has its own
    fullest cells, and the share of its events in them, averaged over types, decides. Nothing but the events known at
    the cutoff is looked at, but the share itself is one of the past it was chosen on: compare by later events.

    Parameters
    ----------
    size : float, default 500
        Square root of the area of a cell, metres.
    cells : int, default 100
        Number of fullest cells.
    half_life_days : float, default 180
        Age at which an event counts half.
    tries : int, default 1000
        Grids compared.
    stretch : float, default 1.6
        Longest side as a multiple of ``size``, at least 1 and at most 3; the other side is shorter by as much.
    seed : int, default 0
        Seed of the draws.
    active : str, default "events"
        ``events``, ``closing`` or ``all``; see :class:`~ilp_models.grid.active_cells.ActiveCells`.
    area : str, optional
        Polygon file of the study area; by default the footprint of the events.
    edge : str, default "overlap"
        Which cells on the edge of the study area belong to it: ``overlap`` or ``centre``.
    parents : mapping of str to Parents, optional
        How to find the parent area of each cell, by level.

    Raises
    ------
    InputError
        If a setting is not usable.
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
    parents: Mapping[str, Parents] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse settings that leave nothing to search."""
        ActiveCells(self.active, self.area, self.edge)
        RectangleGrid(self.size * self.stretch, self.size / self.stretch)
        if self.cells < 1 or self.tries < 1 or not self.half_life_days > 0 or not 1 <= self.stretch <= 3:
            msg = (
                f"grid.cells={self.cells}, grid.tries={self.tries} and grid.half_life_days={self.half_life_days:g} "
                f"must be above 0, and grid.stretch={self.stretch:g} lie between 1 and 3."
            )
            raise InputError(msg)

    def build(self, events: Events) -> Grid:
        """Return the grid found for the events given."""
        return self.search(events).build(events)

    def search(self, events: Events) -> RectangleGrid:
        """Return the rectangles found for the events given."""
        places = self._places(events)
        best, chosen = -np.inf, RectangleLattice(self.size, self.size, 0.0, (0.0, 0.0))
        for lattice in self._lattices():
            found = float(np.mean([concentration(lattice, *place, self.cells) for place in places] or [0.0]))
            if found > best:
                best, chosen = found, lattice
        return RectangleGrid(
            chosen.width,
            chosen.height,
            chosen.angle,
            active=self.active,
            area=self.area,
            edge=self.edge,
            origin=chosen.origin,
            parents=self.parents,
        )

    def _lattices(self) -> list[RectangleLattice]:
        generator = np.random.default_rng(self.seed)
        lattices = [RectangleLattice(self.size, self.size, 0.0, (0.0, 0.0))]
        for turn, right, up, longer in generator.random((self.tries - 1, 4)).tolist():
            width = self.size * self.stretch ** (2 * longer - 1)
            height = self.size**2 / width
            lattices.append(RectangleLattice(width, height, _QUARTER * turn, (right * width, up * height)))
        return lattices

    def _places(self, events: Events) -> list[tuple[Floats, Floats, Floats]]:
        """Return the distinct places of each crime type with events, and what has happened there."""
        age = (events.end - events.table["occurred_at"]).dt.total_seconds() / _DAY_SECONDS
        table = events.table[["crime_type", "x", "y"]].assign(weight=0.5 ** (age / self.half_life_days))
        summed = table.groupby(["crime_type", "x", "y"], observed=True, sort=True)["weight"].sum().reset_index()
        kinds = [of_type for _, of_type in summed.groupby("crime_type", observed=True)]
        return [(kind["x"].to_numpy(), kind["y"].to_numpy(), kind["weight"].to_numpy()) for kind in kinds]


def concentration(lattice: RectangleLattice, x: Floats, y: Floats, weight: Floats, cells: int) -> float:
    """Return the share of weighted points that lies in the fullest cells of a lattice."""
    _, cell = np.unique(keys_of(lattice, x, y), return_inverse=True)
    held = np.sort(np.bincount(cell, weights=weight))
    return float(held[-cells:].sum() / held.sum())
