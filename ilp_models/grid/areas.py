"""Given areas as cells: beats, neighbourhoods, census areas."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import csr_matrix

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid, Locator
from ilp_models.grid.adjacency import adjacency
from ilp_models.grid.ground_area import ground_area
from ilp_models.grid.parents import Parents, with_parents
from ilp_models.grid.polygons import read_polygons

_JOIN: Final = ("point", "label")
_ACTIVE: Final = ("all", "events")


@dataclass(frozen=True, eq=False)
class PointLocator:
    """Finds the area that covers a point; on a shared border or an overlap, the first of them in order.

    Parameters
    ----------
    geometry : ndarray of shapely geometry
        One polygon an area.
    """

    geometry: npt.NDArray[np.object_]

    def locate(self, events: Events) -> npt.NDArray[np.int64]:
        """Return the position of each event's area, -1 outside them all."""
        # Records are snapped to few places (complex numbers, to hash pairs).
        place, places = pd.factorize(events.table["x"].to_numpy() + 1j * events.table["y"].to_numpy())
        return self._areas_of(places)[place]

    def _areas_of(self, places: npt.NDArray[np.complex128]) -> npt.NDArray[np.int64]:
        """Return the area of each place; what was found is kept, as histories hold the same places over and over."""
        known, areas = self.__dict__.get("_found", (np.empty(0, np.complex128), np.empty(0, np.int64)))
        new = places[~np.isin(places, known)]
        if len(new):
            known, areas = np.append(known, new), np.append(areas, self._cover(new))
            order = np.argsort(known)
            known, areas = known[order], areas[order]
            self.__dict__["_found"] = known, areas
        return np.asarray(areas[np.searchsorted(known, places)])

    def _cover(self, places: npt.NDArray[np.complex128]) -> npt.NDArray[np.int64]:
        """Return the first area that covers each place; a tree of points lets each polygon be prepared once."""
        tree = shapely.STRtree(shapely.points(places.real, places.imag))
        area, hit = tree.query(self.geometry, predicate="covers")
        first = np.full(len(places), len(self.geometry), dtype=np.int64)
        np.minimum.at(first, hit, area)
        first[first == len(self.geometry)] = -1
        return first


@dataclass(frozen=True, eq=False)
class LabelLocator:
    """Finds the area that the publisher's own label names.

    Parameters
    ----------
    positions : mapping of str to int
        Position of each area by label, other spellings included.
    """

    positions: Mapping[str, int]

    def locate(self, events: Events) -> npt.NDArray[np.int64]:
        """Return the position of each event's area, -1 where its label names none."""
        if "area" not in events.table:
            msg = "grid.join=label needs events with an area label; map the column in data, or set grid.join=point."
            raise InputError(msg)
        labels = events.table["area"].cat
        known = [self.positions.get(str(label), -1) for label in labels.categories]
        return np.array([*known, -1], dtype=np.int64)[labels.codes]


@dataclass(frozen=True)
class AreaGrid:
    """The polygons of a file as cells, named as there and ordered by name.

    Parameters
    ----------
    path : str
        GeoJSON, GeoPackage or Shapefile in any CRS.
    name : str
        Column that holds the names; each name once.
    join : str, default "point"
        An event belongs to the area that covers its point (``point``) or that its ``area`` label names (``label``).
    active : str, default "all"
        ``all`` areas, or those with at least one event known at the cutoff (``events``).
    tolerance : float, default 20
        Areas closer than this are neighbours, metres; bridges the slivers that simplified borders leave.
    aliases : mapping of str to str or None, optional
        Labels that the records spell in another way than the file, and None for labels that mean no area.
    parents : mapping of str to Parents, optional
        How to find the parent area of each cell, by level.

    Raises
    ------
    InputError
        If a setting is not usable.
    """

    path: str
    name: str
    join: str = "point"
    active: str = "all"
    tolerance: float = 20.0
    aliases: Mapping[str, str | None] = field(default_factory=dict)
    parents: Mapping[str, Parents] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse settings that name no rule."""
        for setting, value, known in (("join", self.join, _JOIN), ("active", self.active, _ACTIVE)):
            if value not in known:
                msg = f"grid.{setting}={value!r} is unknown; choose one of {', '.join(known)}."
                raise InputError(msg)
        if not self.tolerance >= 0:
            msg = f"grid.tolerance={self.tolerance!r} must be a number of metres, at least 0."
            raise InputError(msg)

    def build(self, events: Events) -> Grid:
        """Return the grid of the given areas."""
        areas = read_polygons(self.path, events.crs, self.name)
        order = np.argsort(np.array(areas.names, dtype=object), kind="stable")
        names, geometry = [areas.names[position] for position in order], areas.geometry[order]
        self._refuse_repeats(names)
        inner = shapely.point_on_surface(geometry)
        grid = Grid(
            cells=pd.Index(names, name="cell"),
            geometry=geometry,
            area_m2=ground_area(shapely.area(geometry), shapely.get_x(inner), shapely.get_y(inner), events.crs),
            crs=events.crs,
            neighbours=_neighbours(geometry, self.tolerance),
            locator=self._locator(names, geometry, events),
            kept=np.arange(len(names)),
        )
        return with_parents(self._active(grid, events), self.parents, events)

    def _refuse_repeats(self, names: list[str]) -> None:
        repeated = [name for name, following in pairwise(names) if name == following]
        if repeated:
            msg = f"{self.path}: {self.name!r} repeats {repeated[0]!r}; dissolve its parts or take another column."
            raise InputError(msg)

    def _locator(self, names: list[str], geometry: npt.NDArray[np.object_], events: Events) -> Locator:
        if self.join == "point":
            return PointLocator(geometry)
        positions = {name: position for position, name in enumerate(names)}
        for label, name in self.aliases.items():
            if name is not None and name not in positions:
                msg = f"grid.aliases sends {label!r} to {name!r}, which {self.path} does not hold."
                raise InputError(msg)
            positions[label] = -1 if name is None else positions[name]
        labels = set(events.table["area"].dropna().astype(str)) if "area" in events.table else set()
        strange = sorted(labels - positions.keys())
        if strange:
            msg = (
                f"{len(strange)} area labels of the records are not in {self.path}, such as {strange[0]!r}; "
                "add each to grid.aliases with the file's name, or null for no area."
            )
            raise InputError(msg)
        return LabelLocator(positions)

    def _active(self, grid: Grid, events: Events) -> Grid:
        position = grid.locate(events)
        used = np.zeros(len(grid), dtype=bool)
        used[position[position >= 0]] = True
        if len(events) and not used.any():
            msg = f"None of the {len(events)} events lies in the areas of {self.path}; check its place and its CRS."
            raise InputError(msg)
        return grid.subset(used) if self.active == "events" else grid


def _neighbours(geometry: npt.NDArray[np.object_], tolerance: float) -> csr_matrix:
    left, right = shapely.STRtree(geometry).query(geometry, predicate="dwithin", distance=tolerance)
    once = left < right
    return adjacency(left[once], right[once], len(geometry))
