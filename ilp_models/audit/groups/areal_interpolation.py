"""Residents of areas laid on the cells of a grid."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import csr_matrix

from ilp_models.audit.residents import Residents
from ilp_models.domain.errors import InputError
from ilp_models.domain.grid import Grid

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SLIVER: Final = 0.01  # of an area: less of it outside one cell is two maps drawn differently, not a divided area
_ROUNDING: Final = 1e-9  # of sums of shares


class NamedPolygons(Protocol):
    """Polygons with names; several of one name are one area.

    Attributes
    ----------
    names : tuple of str
        One name a polygon.
    geometry : ndarray of shapely geometry
        Metres in the CRS of the grid.
    weights : ndarray of float64 or None
        Dwellings (or another count of homes) of each polygon, where known.
    """

    names: tuple[str, ...]
    geometry: npt.NDArray[np.object_]
    weights: Floats | None


@dataclass(frozen=True, eq=False)
class AreaCounts:
    """Residents of areas by the groups of one dimension.

    Parameters
    ----------
    dimension : str
        Such as ``income``.
    areas : Index of str
        Names of the areas, unique.
    groups : tuple of str
        Names of the groups.
    by_group : ndarray of float64
        Shape (areas, groups).
    total : ndarray of float64
        All residents, shape (areas,).
    """

    dimension: str
    areas: pd.Index
    groups: tuple[str, ...]
    by_group: Floats
    total: Floats

    @classmethod
    def from_rows(cls, dimension: str, rows: pd.DataFrame) -> "AreaCounts":
        """Return the counts of the rows of one dimension."""
        wide = rows.pivot_table(index="area", columns="group", values="population", sort=True)
        total = rows.groupby("area")["residents"].max().reindex(wide.index)
        return cls(dimension, wide.index, tuple(map(str, wide.columns)), wide.to_numpy(), total.to_numpy())


@dataclass(frozen=True, eq=False)
class ArealInterpolation:
    """Which share of the residents of each area lives in each cell.

    Parameters
    ----------
    areas : Index of str
        Names of the areas, unique.
    weights : csr_matrix
        Shape (cells, areas); a column sums to the share of the area's residents that has a cell, at most 1.
    land : ndarray of float64
        Ground area of each cell, square metres.
    known : ndarray of bool
        Cells that lie in an area of the table.
    method : str
        As in :class:`~ilp_models.audit.residents.Residents`.
    strange : tuple of str
        Areas of the grid that the table does not hold.
    """

    areas: pd.Index
    weights: csr_matrix
    land: Floats
    known: npt.NDArray[np.bool_]
    method: str
    strange: tuple[str, ...] = ()

    def residents(self, counts: AreaCounts) -> Residents:
        """Return the residents of each cell."""
        place = counts.areas.get_indexer(self.areas)
        by_area, total = counts.by_group[place], counts.total[place]
        placed = self._placed
        settled = float(total @ placed)
        unplaced = float(total @ (1 - placed))
        land = self.land[self.known].sum()
        unnamed = settled / land * self.land[~self.known].sum() if land else 0.0
        everyone = settled + unplaced + unnamed
        here = np.flatnonzero(placed > 0)
        return Residents(
            dimension=counts.dimension,
            groups=counts.groups,
            by_group=self.weights @ by_area,
            total=self.weights @ total,
            by_area=by_area[here] * placed[here, None],
            missing=float((unplaced + unnamed) / everyone) if everyone else np.nan,
            method=self.method,
            moved=float((total * placed)[self._divided].sum() / settled) if settled else 0.0,
            area=self._home(total, here),
            unmatched=(*map(str, self.areas[placed == 0]), *self.strange),
        )

    def redrawn(self, residents: Residents, counts: AreaCounts) -> Residents:
        """Return residents laid out anew by other counts of the same areas."""
        place = counts.areas.get_indexer(self.areas)
        by_area, placed = counts.by_group[place], self._placed
        here = np.flatnonzero(placed > 0)
        return replace(
            residents,
            by_group=self.weights @ by_area,
            total=self.weights @ counts.total[place],
            by_area=by_area[here] * placed[here, None],
        )

    @cached_property
    def _placed(self) -> Floats:
        """Share of each area's residents that has a cell."""
        placed = np.asarray(self.weights.sum(axis=0)).ravel()
        return np.where(np.abs(placed - 1) < _ROUNDING, 1.0, placed)

    @property
    def _divided(self) -> npt.NDArray[np.bool_]:
        """Areas of which more than a sliver lies outside the one cell that holds most of it."""
        most = np.asarray(self.weights.max(axis=0).todense()).ravel()
        return np.asarray(most < (1 - _SLIVER) * self._placed)

    def _home(self, total: Floats, here: Ints) -> Ints:
        """Return the area that most residents of each cell come from, among those with a cell."""
        people = self.weights.multiply(total[None, :]).tocsr()[:, here]
        best = np.asarray(people.argmax(axis=1)).ravel().astype(np.int64)
        return np.where(np.asarray(people.max(axis=1).todense()).ravel() > 0, best, -1)


def by_parent(areas: pd.Index, labels: pd.Index, land: Floats) -> ArealInterpolation:
    """Return the spread over cells that each name their area, in proportion to ground area."""
    place = areas.get_indexer(labels)
    known = place >= 0
    whole = np.bincount(place[known], weights=land[known], minlength=len(areas))
    cells = np.flatnonzero(known)
    part = land[cells] / whole[place[cells]]
    weights = csr_matrix((part, (cells, place[cells])), shape=(len(labels), len(areas)))
    strange = tuple(map(str, labels[~known & (labels != "")].unique().sort_values()))
    return ArealInterpolation(areas, weights, land, known, "parent area", strange)


def by_overlay(areas: pd.Index, polygons: NamedPolygons, grid: Grid, *, spread_outside: bool) -> ArealInterpolation:
    """Return the spread over the cells that the polygons of the areas meet.

    The residents of an area are taken to live evenly on its ground; where its polygons carry weights, evenly within
    each of them, and in proportion to the weights among them.
    """
    place = areas.get_indexer(pd.Index(polygons.names))
    _refuse_others(areas, polygons.names, place)
    pair, cell, ground = _meetings(polygons.geometry, grid.geometry)
    strange = tuple(sorted({polygons.names[one] for one in np.unique(pair[place[pair] < 0])}))
    held = place[pair] >= 0
    pair, cell, ground = pair[held], cell[held], ground[held]
    if len(pair) == 0:
        msg = "The polygons of the group table lie outside the grid; give those of this city (audit.groups.polygons)."
        raise InputError(msg)
    share = _polygon_shares(polygons, place, len(areas))
    part = share[pair] * ground / shapely.area(polygons.geometry)[pair]
    weights = csr_matrix((part, (cell, place[pair])), shape=(len(grid), len(areas)))
    placed = np.asarray(weights.sum(axis=0)).ravel()
    most = np.where(placed > 0, placed, 1.0) if spread_outside else np.maximum(placed, 1.0)
    known = np.zeros(len(grid), dtype=bool)
    known[cell] = True
    method = "area overlay" if polygons.weights is None else "weighted overlay"
    return ArealInterpolation(areas, csr_matrix(weights.multiply(1 / most)), grid.area_m2, known, method, strange)


def _meetings(areas: npt.NDArray[np.object_], cells: npt.NDArray[np.object_]) -> tuple[Ints, Ints, Floats]:
    """Return pairs of an area and a cell that share ground, and how much."""
    tree = shapely.STRtree(cells)
    area, cell = tree.query(areas, predicate="intersects")
    inside_area, inside_cell = tree.query(areas, predicate="contains")
    # Cutting is slow and only cells on a border need it: most lie wholly in one area.
    pairs = len(cells) * area + cell
    cut = ~np.isin(pairs, len(cells) * inside_area + inside_cell)
    ground = shapely.area(cells[cell])
    ground[cut] = shapely.area(shapely.intersection(areas[area[cut]], cells[cell[cut]]))
    shared = ground > 0
    return area[shared], cell[shared], ground[shared]


def _polygon_shares(polygons: NamedPolygons, place: Ints, size: int) -> Floats:
    """Return the share of its area's residents that each polygon holds."""
    ground = shapely.area(polygons.geometry)
    weight = ground if polygons.weights is None else polygons.weights
    held = place >= 0
    whole = np.bincount(place[held], weights=weight[held], minlength=size)
    if (whole[np.unique(place[held])] == 0).any():
        name = next(name for name, at in zip(polygons.names, place, strict=True) if at >= 0 and whole[at] == 0)
        msg = f"All polygons of area {name!r} have weight 0, so its residents have no place; mend the weights."
        raise InputError(msg)
    return np.where(held, weight / np.where(held, whole[place], 1.0), 0.0)


def _refuse_others(areas: pd.Index, names: tuple[str, ...], place: Ints) -> None:
    if (place < 0).all():
        msg = (
            f"No polygon bears the name of an area of the group table: the table has {str(areas[0])!r}, the polygons "
            f"{names[0]!r}. Set audit.groups.polygons.name to the column that holds the table's names."
        )
        raise InputError(msg)
