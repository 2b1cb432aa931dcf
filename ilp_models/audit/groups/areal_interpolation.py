"""Areal interpolation: distribute the residents of areas over the cells of a grid."""

from collections.abc import Iterator
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

_SLIVER: Final = 0.01  # share of an area outside its main cell that is a difference between two maps, not a division
_ROUNDING: Final = 1e-9  # of sums of shares
_Z_90: Final = 1.645  # margins of error of the American Community Survey are stated at 90 %


class NamedPolygons(Protocol):
    """Polygons with names; several polygons of one name are one area."""

    names: tuple[str, ...]
    geometry: npt.NDArray[np.object_]  # metres in the CRS of the grid
    weights: Floats | None  # dwellings, or another count of homes, of each polygon


@dataclass(frozen=True, eq=False)
class AreaCounts:
    """Residents of areas by the groups of one dimension, such as ``income``."""

    dimension: str
    areas: pd.Index  # names, unique
    groups: tuple[str, ...]
    by_group: Floats  # shape (areas, groups)
    total: Floats  # all residents, shape (areas,)

    @classmethod
    def from_rows(cls, dimension: str, rows: pd.DataFrame) -> "AreaCounts":
        """Return the counts of the rows of one dimension."""
        wide = rows.pivot_table(index="area", columns="group", values="population", sort=True)
        total = rows.groupby("area")["residents"].max().reindex(wide.index)
        return cls(dimension, wide.index, tuple(map(str, wide.columns)), wide.to_numpy(), total.to_numpy())

    def with_groups(self, by_group: Floats, *, overlapping: bool) -> "AreaCounts":
        """Return the counts with other group counts, and totals that match them."""
        if overlapping:
            return replace(self, by_group=np.minimum(by_group, self.total[:, None]))
        total = self.total - self.by_group.sum(axis=1) + by_group.sum(axis=1)
        return replace(self, by_group=by_group, total=np.maximum(total, by_group.sum(axis=1)))

    def sample(
        self, draws: int, seed: int, margins: Floats | None, rounding: float, *, overlapping: bool
    ) -> Iterator["AreaCounts"]:
        """Yield counts drawn from the sampling error of the published counts; see :func:`sample_counts`."""
        for by_group in sample_counts(self.by_group, draws, seed, margins, rounding):
            yield self.with_groups(by_group, overlapping=overlapping)


def sample_counts(
    counts: Floats, draws: int, seed: int, margins: Floats | None = None, rounding: float = 0.0
) -> Floats:
    """Return draws of the true counts, given the error of the published counts.

    A 90 % margin of error gives a normal error with the standard deviation margin / 1.645. Random rounding to a
    multiple of b gives a triangular error between -b and b. Draws below 0 become 0. Errors of different counts are
    independent, because offices publish no covariances.
    """
    if margins is not None and not (np.isfinite(margins) & (margins >= 0)).all():
        msg = (
            "A count in the group table has no margin of error >= 0 (column of audit.groups.margin). Give a margin for "
            "each count, or set audit.groups.margin=null."
        )
        raise InputError(msg)
    rng = np.random.default_rng(seed)
    shape = (draws, *counts.shape)
    sample = np.broadcast_to(counts, shape).astype(float)
    if margins is not None:
        sample = sample + rng.standard_normal(shape) * (margins / _Z_90)
    if rounding > 0:
        sample = sample + rng.triangular(-rounding, 0.0, rounding, shape)
    return np.asarray(np.maximum(sample, 0.0))


@dataclass(frozen=True, eq=False)
class ArealInterpolation:
    """The share of the residents of each area that lives in each cell."""

    areas: pd.Index  # names, unique
    weights: csr_matrix  # (cells, areas); a column sums to the share of the area's residents on the grid, at most 1
    area_m2: Floats  # ground area of each cell
    in_table: npt.NDArray[np.bool_]  # cells that lie in an area of the table
    method: str  # as in Residents
    unknown_areas: tuple[str, ...] = ()  # areas of the grid that are not in the table

    def to_cells(self, counts: AreaCounts) -> Residents:
        """Return the residents of each cell."""
        rows = counts.areas.get_indexer(self.areas)
        by_area, total = counts.by_group[rows], counts.total[rows]
        share = self._share_on_grid
        on_grid = float(total @ share)
        off_grid = float(total @ (1 - share))
        ground = self.area_m2[self.in_table].sum()
        unknown = on_grid / ground * self.area_m2[~self.in_table].sum() if ground else 0.0
        everyone = on_grid + off_grid + unknown
        used = np.flatnonzero(share > 0)
        return Residents(
            dimension=counts.dimension,
            groups=counts.groups,
            by_group=self.weights @ by_area,
            total=self.weights @ total,
            by_area=by_area[used] * share[used, None],
            missing=float((off_grid + unknown) / everyone) if everyone else np.nan,
            method=self.method,
            moved=float((total * share)[self._is_divided].sum() / on_grid) if on_grid else 0.0,
            area=self._main_area(total, used),
            unmatched=(*map(str, self.areas[share == 0]), *self.unknown_areas),
        )

    def replace_counts(self, residents: Residents, counts: AreaCounts) -> Residents:
        """Return the residents of each cell for other counts of the same areas."""
        rows = counts.areas.get_indexer(self.areas)
        by_area, share = counts.by_group[rows], self._share_on_grid
        used = np.flatnonzero(share > 0)
        return replace(
            residents,
            by_group=self.weights @ by_area,
            total=self.weights @ counts.total[rows],
            by_area=by_area[used] * share[used, None],
        )

    @cached_property
    def _share_on_grid(self) -> Floats:
        """Share of each area's residents that has a cell."""
        share = np.asarray(self.weights.sum(axis=0)).ravel()
        return np.where(np.abs(share - 1) < _ROUNDING, 1.0, share)

    @property
    def _is_divided(self) -> npt.NDArray[np.bool_]:
        """Areas with more than a sliver outside their main cell."""
        largest = np.asarray(self.weights.max(axis=0).todense()).ravel()
        return np.asarray(largest < (1 - _SLIVER) * self._share_on_grid)

    def _main_area(self, total: Floats, used: Ints) -> Ints:
        """Return, for each cell, the area that most of its residents come from; -1 if it has none."""
        people = self.weights.multiply(total[None, :]).tocsr()[:, used]
        best = np.asarray(people.argmax(axis=1)).ravel().astype(np.int64)
        return np.where(np.asarray(people.max(axis=1).todense()).ravel() > 0, best, -1)


def interpolate_by_parent(areas: pd.Index, labels: pd.Index, area_m2: Floats) -> ArealInterpolation:
    """Return the interpolation for cells labelled with their area: residents in proportion to ground area."""
    column = areas.get_indexer(labels)
    in_table = column >= 0
    whole = np.bincount(column[in_table], weights=area_m2[in_table], minlength=len(areas))
    cells = np.flatnonzero(in_table)
    part = area_m2[cells] / whole[column[cells]]
    weights = csr_matrix((part, (cells, column[cells])), shape=(len(labels), len(areas)))
    unknown = tuple(map(str, labels[~in_table & (labels != "")].unique().sort_values()))
    return ArealInterpolation(areas, weights, area_m2, in_table, "parent area", unknown)


def interpolate_by_overlay(
    areas: pd.Index, polygons: NamedPolygons, grid: Grid, *, spread_outside: bool
) -> ArealInterpolation:
    """Return the interpolation by polygon overlay.

    Residents are uniform over the ground of their area. If the polygons have weights, residents are uniform within each
    polygon and in proportion to the weights between polygons.
    """
    column = areas.get_indexer(pd.Index(polygons.names))
    _check_names_match(areas, polygons.names, column)
    polygon, cell, ground = _intersections(polygons.geometry, grid.geometry)
    unknown = tuple(sorted({polygons.names[one] for one in np.unique(polygon[column[polygon] < 0])}))
    held = column[polygon] >= 0
    polygon, cell, ground = polygon[held], cell[held], ground[held]
    if len(polygon) == 0:
        msg = "No polygon of the group table lies on the grid. Set audit.groups.polygons.path to this city's polygons."
        raise InputError(msg)
    share = _polygon_shares(polygons, column, len(areas))
    part = share[polygon] * ground / shapely.area(polygons.geometry)[polygon]
    weights = csr_matrix((part, (cell, column[polygon])), shape=(len(grid), len(areas)))
    on_grid = np.asarray(weights.sum(axis=0)).ravel()
    divisor = np.where(on_grid > 0, on_grid, 1.0) if spread_outside else np.maximum(on_grid, 1.0)
    in_table = np.zeros(len(grid), dtype=bool)
    in_table[cell] = True
    method = "area overlay" if polygons.weights is None else "weighted overlay"
    scaled = csr_matrix(weights.multiply(1 / divisor))
    return ArealInterpolation(areas, scaled, grid.area_m2, in_table, method, unknown)


def _intersections(areas: npt.NDArray[np.object_], cells: npt.NDArray[np.object_]) -> tuple[Ints, Ints, Floats]:
    """Return the pairs of an area and a cell that share ground, and the shared square metres."""
    tree = shapely.STRtree(cells)
    area, cell = tree.query(areas, predicate="intersects")
    inside_area, inside_cell = tree.query(areas, predicate="contains")
    # Intersections are slow, and only cells on a border need them: most cells lie wholly in one area.
    pairs = len(cells) * area + cell
    on_border = ~np.isin(pairs, len(cells) * inside_area + inside_cell)
    ground = shapely.area(cells[cell])
    ground[on_border] = shapely.area(shapely.intersection(areas[area[on_border]], cells[cell[on_border]]))
    shared = ground > 0
    return area[shared], cell[shared], ground[shared]


def _polygon_shares(polygons: NamedPolygons, column: Ints, size: int) -> Floats:
    """Return the share of its area's residents in each polygon."""
    ground = shapely.area(polygons.geometry)
    weight = ground if polygons.weights is None else polygons.weights
    held = column >= 0
    whole = np.bincount(column[held], weights=weight[held], minlength=size)
    if (whole[np.unique(column[held])] == 0).any():
        name = next(name for name, at in zip(polygons.names, column, strict=True) if at >= 0 and whole[at] == 0)
        msg = (
            f"All polygons of area {name!r} have weight 0, so its residents cannot be distributed. Correct the weights "
            "(audit.groups.polygons.weight)."
        )
        raise InputError(msg)
    return np.where(held, weight / np.where(held, whole[column], 1.0), 0.0)


def _check_names_match(areas: pd.Index, names: tuple[str, ...], column: Ints) -> None:
    if (column < 0).all():
        msg = (
            f"No polygon has the name of an area of the group table: the table has {str(areas[0])!r}, the polygons "
            f"{names[0]!r}. Set audit.groups.polygons.name to the column with the table's names."
        )
        raise InputError(msg)
