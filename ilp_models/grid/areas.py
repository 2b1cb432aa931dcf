"""Grid of given areas: police beats, neighbourhoods or census areas from a polygon file."""

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
from ilp_models.grid.cell_geometry import adjacency, ground_area
from ilp_models.grid.parents import ParentRule, with_parents
from ilp_models.grid.polygons import read_polygons

_JOINS: Final = ("point", "label")
_ACTIVE: Final = ("all", "events")


@dataclass(frozen=True, eq=False)
class PointLocator:
    """Finds the area that covers each event; on a shared border or an overlap, the first one in order."""

    geometry: npt.NDArray[np.object_]  # one polygon per area

    def locate(self, events: Events) -> npt.NDArray[np.int64]:
        """Return the position of each event's area, -1 outside."""
        # Many records share a point. Complex numbers make pairs of coordinates hashable.
        code, points = pd.factorize(events.table["x"].to_numpy() + 1j * events.table["y"].to_numpy())
        return self._areas_of(points)[code]

    def _areas_of(self, points: npt.NDArray[np.complex128]) -> npt.NDArray[np.int64]:
        """Return the area of each point; results are cached, because histories share most points."""
        known, areas = self.__dict__.get("_cache", (np.empty(0, np.complex128), np.empty(0, np.int64)))
        new = points[~np.isin(points, known)]
        if len(new):
            known, areas = np.append(known, new), np.append(areas, self._cover(new))
            order = np.argsort(known)
            known, areas = known[order], areas[order]
            self.__dict__["_cache"] = known, areas
        return np.asarray(areas[np.searchsorted(known, points)])

    def _cover(self, points: npt.NDArray[np.complex128]) -> npt.NDArray[np.int64]:
        """Return the first area that covers each point; a tree of points prepares each polygon only once."""
        tree = shapely.STRtree(shapely.points(points.real, points.imag))
        area, point = tree.query(self.geometry, predicate="covers")
        first = np.full(len(points), len(self.geometry), dtype=np.int64)
        np.minimum.at(first, point, area)
        first[first == len(self.geometry)] = -1
        return first


@dataclass(frozen=True, eq=False)
class LabelLocator:
    """Finds the area of each event by the publisher's area label."""

    positions: Mapping[str, int]  # position of each area by label, other spellings included

    def locate(self, events: Events) -> npt.NDArray[np.int64]:
        """Return the position of each event's area, -1 where its label has none."""
        if "area" not in events.table:
            msg = "grid.join=label needs area labels; set data.columns.area, or set grid.join=point."
            raise InputError(msg)
        labels = events.table["area"].cat
        known = [self.positions.get(str(label), -1) for label in labels.categories]
        return np.array([*known, -1], dtype=np.int64)[labels.codes]


@dataclass(frozen=True)
class AreaGrid:
    """The polygons of a file as cells, with their names and ordered by name.

    Parameters
    ----------
    path : str
        GeoJSON, GeoPackage or Shapefile in any CRS.
    name : str
        Column with the names; each name must be unique.
    layer : str, optional
        Layer of a file with several layers.
    join : str, default "point"
        ``point``: an event belongs to the area that covers it. ``label``: to the area that its ``area`` label names.
    active : str, default "all"
        ``all`` areas, or those with at least one event known at the cutoff (``events``).
    tolerance : float, default 20
        Areas closer than this are neighbours, metres. It bridges gaps between simplified borders.
    aliases : mapping of str to str or None, optional
        Name in the file of labels that the records spell differently; None for labels that mean no area.
    parents : mapping of str to ParentRule or None, optional
        Rule that finds the parent area of each cell, by level.

    Raises
    ------
    InputError
        If a setting is not usable.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> ilp.AreaGrid("beats.geojson", name="beat").join
    'point'
    """

    path: str
    name: str
    layer: str | None = None
    join: str = "point"
    active: str = "all"
    tolerance: float = 20.0
    aliases: Mapping[str, str | None] = field(default_factory=dict)
    parents: Mapping[str, ParentRule | None] | None = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse unknown rules and a negative tolerance."""
        for setting, value, known in (("join", self.join, _JOINS), ("active", self.active, _ACTIVE)):
            if value not in known:
                msg = f"grid.{setting}={value!r} is unknown; choose one of {', '.join(known)}."
                raise InputError(msg)
        if not self.tolerance >= 0:
            msg = f"grid.tolerance={self.tolerance!r} must be a number of metres, at least 0."
            raise InputError(msg)

    def build(self, events: Events) -> Grid:
        """Return the grid of the areas."""
        areas = read_polygons(self.path, events.crs, self.name, layer=self.layer)
        order = np.argsort(np.array(areas.names, dtype=object), kind="stable")
        names, geometry = [areas.names[position] for position in order], areas.geometry[order]
        self._refuse_duplicates(names)
        inner = shapely.point_on_surface(geometry)
        grid = Grid(
            cells=pd.Index(names, name="cell"),
            geometry=geometry,
            area_m2=ground_area(shapely.area(geometry), shapely.get_x(inner), shapely.get_y(inner), events.crs),
            crs=events.crs,
            neighbours=_neighbours(geometry, self.tolerance),
            locator=self._locator(names, geometry, events),
            locator_cells=np.arange(len(names)),
        )
        return with_parents(self._active(grid, events), self.parents, events)

    def _refuse_duplicates(self, names: list[str]) -> None:
        repeated = [name for name, following in pairwise(names) if name == following]
        if repeated:
            msg = f"{self.path}: column {self.name!r} repeats {repeated[0]!r}; merge its parts or change grid.name."
            raise InputError(msg)

    def _locator(self, names: list[str], geometry: npt.NDArray[np.object_], events: Events) -> Locator:
        if self.join == "point":
            return PointLocator(geometry)
        positions = {name: position for position, name in enumerate(names)}
        for label, name in self.aliases.items():
            if name is not None and name not in positions:
                msg = f"grid.aliases maps {label!r} to {name!r}, which is not in {self.path}; correct the name."
                raise InputError(msg)
            positions[label] = -1 if name is None else positions[name]
        labels = set(events.table["area"].dropna().astype(str)) if "area" in events.table else set()
        unknown = sorted(labels - positions.keys())
        if unknown:
            msg = (
                f"{len(unknown)} area labels of the records are not in {self.path}, such as {unknown[0]!r}; "
                "add each to grid.aliases with the file's name, or null for no area."
            )
            raise InputError(msg)
        return LabelLocator(positions)

    def _active(self, grid: Grid, events: Events) -> Grid:
        position = grid.locate(events)
        used = np.zeros(len(grid), dtype=bool)
        used[position[position >= 0]] = True
        if len(events) and not used.any():
            msg = f"None of the {len(events)} events lies in the areas of {self.path}; check its location and its CRS."
            raise InputError(msg)
        return grid.subset(used) if self.active == "events" else grid


def _neighbours(geometry: npt.NDArray[np.object_], tolerance: float) -> csr_matrix:
    left, right = shapely.STRtree(geometry).query(geometry, predicate="dwithin", distance=tolerance)
    first = left < right  # each pair once
    return adjacency(left[first], right[first], len(geometry))
