"""Units of a field trial: cells, clusters of cells or areas, and a zone around each that belongs to no unit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from ilp_models.domain.errors import InputError
from ilp_models.domain.grid import Grid, parent_labels
from ilp_models.domain.trial_design import Shift, shift_code

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]

CELLS: Final = "cells"
CLUSTERS: Final = "clusters"
AREAS: Final = "areas"
KINDS: Final = (CELLS, CLUSTERS, AREAS)


@dataclass(frozen=True, eq=False)
class ChosenUnits:
    """Units with the positions of their cells and of the cells of their zones; no cell is in two of one shift."""

    kind: str
    names: tuple[str, ...]  # the highest risk first
    cells: tuple[Positions, ...]
    zones: tuple[Positions, ...]
    eligible: int  # units that could have been chosen
    too_near: int  # of higher risk than the last one chosen, and left out because they are near one with a higher risk
    shifts: tuple[Shift, ...] = ()  # of each unit; empty for all hours

    def __len__(self) -> int:
        """Return the number of units."""
        return len(self.names)

    def in_shifts(self, shifts: Sequence[Shift]) -> "ChosenUnits":
        """Return the units in some shifts: with several, each place is a unit in each of them."""
        if not shifts:
            return self
        return replace(
            self,
            names=tuple(
                f"{name} {shift_code(one)}" if len(shifts) > 1 else name for name in self.names for one in shifts
            ),
            cells=tuple(cells for cells in self.cells for _ in shifts),
            zones=tuple(cells for cells in self.zones for _ in shifts),
            shifts=tuple(shifts) * len(self),
        )

    def sums(self, counts: Mapping[Shift | None, npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Return the sums of counts (cells, periods) of each shift over the cells of each unit, (units, periods)."""
        shifts = self.shifts or (None,) * len(self)
        return np.stack([counts[shift][cells].sum(axis=0) for shift, cells in zip(shifts, self.cells, strict=True)])


@dataclass(frozen=True)
class TrialUnits:
    """How the units of a field trial are made of cells: the places of highest risk, apart from each other.

    Units are chosen one after another, from the highest risk. One is left out if a cell of it, or of the zone around
    it, is in a unit that was chosen before or in its zone. So no cell is in two units, and no zones overlap.

    Parameters
    ----------
    kind : {"cells", "clusters", "areas"}, default "cells"
        Single cells; all cells whose centre is near the centre of a cell of high risk; or parent areas.
    count : int, default 40
        Number of units, 2 or more; in a trial of several shifts, number of places, each of which is a unit in each
        shift.
    radius_m : float, default 300
        Reach of a cluster from the centre of its first cell, metres.
    buffer_m : float, default 100
        Cells within this distance of a unit are its zone, metres. There the effect of a patrol may spill over, or crime
        may move to. 0: no zone, and units may touch.
    area_level : str, optional
        Level of parent areas that are units; by default the first one.

    Raises
    ------
    InputError
        If the kind is unknown or a number is out of range.

    Examples
    --------
    >>> TrialUnits(kind="clusters", count=20, radius_m=400).kind
    'clusters'
    """

    kind: str = CELLS
    count: int = 40
    radius_m: float = 300.0
    buffer_m: float = 100.0
    area_level: str | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown kind and numbers that make no units."""
        if self.kind not in KINDS:
            msg = f"units.kind={self.kind!r} is unknown. Choose one of {', '.join(KINDS)}."
            raise InputError(msg)
        if self.count < 2 or not 0 <= self.radius_m < np.inf or not 0 <= self.buffer_m < np.inf:
            msg = (
                f"units.count={self.count} must be at least 2, and units.radius_m={self.radius_m} and "
                f"units.buffer_m={self.buffer_m} at least 0 metres."
            )
            raise InputError(msg)

    def choose(self, grid: Grid, risk: Floats, eligible: Bools | None = None) -> ChosenUnits:
        """Return the units of highest risk.

        ``risk`` has one value for each cell. A unit can be chosen if a cell of it is ``eligible``, which for a cluster
        is its first cell. Raises InputError if fewer than ``count`` units have a place.
        """
        allowed = np.ones(len(grid), dtype=bool) if eligible is None else eligible
        tree = shapely.STRtree(grid.geometry)
        owned, taken = np.zeros(len(grid), dtype=bool), np.zeros(len(grid), dtype=bool)
        found: list[tuple[str, Positions, Positions]] = []
        too_near = possible = 0
        for name, first, cells in self._candidates(grid, risk, allowed):
            possible += 1
            if len(found) == self.count or owned[first]:
                continue
            zone = self._zone(tree, grid, cells)
            if taken[cells].any() or taken[zone].any():
                too_near += 1
                continue
            found.append((name, cells, zone))
            owned[cells] = True
            taken[cells] = taken[zone] = True
        if not possible:
            msg = (
                f"No {self.kind} are eligible: none has a past crime of these outcomes and shifts, or effort under the "
                "rule of the source."
            )
            raise InputError(msg, "Give other outcomes, shifts or another source.")
        if len(found) < self.count:
            msg = (
                f"Only {len(found)} of units.count={self.count} {self.kind} have a place: {possible} are eligible, and "
                f"{too_near} of them are too near to one of higher risk."
            )
            advice = "Give a lower units.count, a smaller units.buffer_m or units.radius_m, or more eligible cells."
            raise InputError(msg, advice)
        names, members, zones = zip(*found, strict=True)
        return ChosenUnits(self.kind, names, members, zones, possible, too_near)

    def _candidates(self, grid: Grid, risk: Floats, eligible: Bools) -> Iterator[tuple[str, int, Positions]]:
        """Yield name, first cell and cells of each possible unit, the highest risk first."""
        if self.kind == AREAS:
            yield from self._areas(grid, risk, eligible)
            return
        centres = shapely.get_coordinates(shapely.centroid(grid.geometry))
        near = cKDTree(centres)
        order = np.argsort(-risk, kind="stable")
        for seed in order[eligible[order]]:
            members = near.query_ball_point(centres[seed], self.radius_m) if self.kind == CLUSTERS else [seed]
            yield str(grid.cells[seed]), int(seed), np.sort(np.array(members, dtype=np.int64))

    def _areas(self, grid: Grid, risk: Floats, eligible: Bools) -> Iterator[tuple[str, int, Positions]]:
        levels = list(map(str, grid.parents.columns))
        if not levels or self.area_level not in (None, *levels):
            msg = (
                f"units.kind=areas with units.area_level={self.area_level} needs parent areas; those of the grid are: "
                f"{', '.join(levels) or 'none'}."
            )
            raise InputError(msg, "Name one of them, or add parent areas to the grid.")
        labels = parent_labels(grid, self.area_level)
        areas = {label: np.flatnonzero(labels == label) for label in sorted(set(labels) - {""})}
        sums = {label: float(risk[cells].sum()) for label, cells in areas.items() if eligible[cells].any()}
        for label in sorted(sums, key=lambda one: -sums[one]):
            yield str(label), int(areas[label][0]), areas[label]

    def _zone(self, tree: shapely.STRtree, grid: Grid, cells: Positions) -> Positions:
        """Return the cells within the buffer of a unit that are not its own."""
        if self.buffer_m == 0:
            return np.empty(0, dtype=np.int64)
        near = tree.query(grid.geometry[cells], predicate="dwithin", distance=self.buffer_m)[1]
        return np.setdiff1d(near, cells).astype(np.int64)
