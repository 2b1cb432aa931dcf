"""Grid: the cells that risk is forecast for, their ground area, neighbours and parent areas."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import Transformer
from scipy.sparse import csr_matrix, identity

from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.notebook_html import html_summary

_EXTENT_DIGITS: Final = 4  # about 10 m
_ROWS_AT_ONCE: Final = 256  # rows smoothed together, so that they fit into the cache


class Locator(Protocol):
    """Finds the cell of each event."""

    def locate(self, events: Events) -> npt.NDArray[np.int64]:
        """Return the position of each event's cell among the locator's cells, -1 outside."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class Grid:
    """Cells that tile a study area.

    Build one with a grid class, such as `SquareGrid(500).build(events)`.

    Parameters
    ----------
    cells : Index of str
        Names of the cells, unique.
    geometry : ndarray of shapely geometry
        One polygon per cell, metres in ``crs``.
    area_m2 : ndarray of float64
        Ground area of each cell, square metres, corrected for the distortion of the projection.
    crs : str
        Projected coordinate reference system of the geometry.
    neighbours : csr_matrix
        Symmetric 0/1 matrix (cells x cells) without the diagonal: 1 where two cells touch.
    locator : Locator
        Finds the cell of an event among the cells that the locator was built for.
    locator_cells : ndarray of int64
        Position of each cell among the locator's cells.
    parents : DataFrame, optional
        One row per cell and one column per level of parent area (such as ``neighbourhood``), labels as text.
    population : ndarray of float64, optional
        Residents of each cell.

    Raises
    ------
    InputError
        If names repeat, lengths differ, or there is no cell.
    """

    cells: pd.Index
    geometry: npt.NDArray[np.object_]
    area_m2: npt.NDArray[np.float64]
    crs: str
    neighbours: csr_matrix
    locator: Locator
    locator_cells: npt.NDArray[np.int64]
    parents: pd.DataFrame = field(default_factory=pd.DataFrame)
    population: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        """Refuse a grid whose parts do not describe the same cells."""
        size = len(self.cells)
        if size == 0:
            msg = "The grid has no cell; check the study area, the CRS and the cell size."
            raise InputError(msg)
        if not self.cells.is_unique:
            msg = f"Cell names repeat: {list(self.cells[self.cells.duplicated()][:3])}; use each name once."
            raise InputError(msg)
        lengths: dict[str, int] = {
            "geometry": len(self.geometry),
            "area_m2": len(self.area_m2),
            "neighbours": int(self.neighbours.shape[0]),
            "locator_cells": len(self.locator_cells),
            "parents": size if self.parents.empty else len(self.parents),
            "population": size if self.population is None else len(self.population),
        }
        wrong = {name: length for name, length in lengths.items() if length != size}
        if wrong:
            msg = f"A grid of {size} cells has parts of another length: {wrong}; give one value per cell."
            raise InputError(msg)

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.cells)

    def __repr__(self) -> str:
        """Return number, area, parent levels and CRS in one line."""
        levels = f", parent areas {', '.join(map(str, self.parents.columns))}" if len(self.parents.columns) else ""
        return f"<Grid: {len(self):,} cells, {self._area}{levels}, {self.crs}>"

    def _repr_html_(self) -> str:
        people = "not given" if self.population is None else f"{self.population.sum():,.0f}"
        facts = {
            "cells": f"{len(self):,}",
            "land": self._area,
            "median cell": f"{np.median(self.area_m2) / 1e6:,.4g} km2",
            "parent areas": ", ".join(map(str, self.parents.columns)) or "none",
            "residents": people,
            "CRS": self.crs,
        }
        return html_summary("Grid", facts)

    @property
    def _area(self) -> str:
        return f"{self.area_m2.sum() / 1e6:,.4g} km2"

    def to_frame(self) -> pd.DataFrame:
        """Return one row per cell: ground area, residents where known, parent areas and geometry (in ``crs``)."""
        table = pd.DataFrame({"area_m2": self.area_m2}, index=self.cells)
        if self.population is not None:
            table["population"] = self.population
        for level in self.parents.columns:
            table[level] = self.parents[level].to_numpy()
        table["geometry"] = self.geometry
        return table

    def locate(self, events: Events) -> npt.NDArray[np.int64]:
        """Return the position of each event's cell in this grid, -1 outside it."""
        if events.crs != self.crs:
            msg = f"Events are in {events.crs} and the grid in {self.crs}; build the grid from these events."
            raise InputError(msg)
        raw = self.locator.locate(events)
        size = max(int(raw.max(initial=-1)), int(self.locator_cells.max())) + 1
        position = np.full(size + 1, -1, dtype=np.int64)
        position[self.locator_cells] = np.arange(len(self.cells))
        return position[raw]

    def subset(self, mask: npt.NDArray[np.bool_]) -> Self:
        """Return the grid of the cells where the mask is true, in the same order."""
        return self.take(np.flatnonzero(mask))

    def take(self, index: npt.NDArray[np.int64]) -> Self:
        """Return the grid of the cells at these positions, in this order."""
        return replace(
            self,
            cells=self.cells[index],
            geometry=self.geometry[index],
            area_m2=self.area_m2[index],
            neighbours=self.neighbours[index][:, index].tocsr(),
            locator_cells=self.locator_cells[index],
            parents=self.parents if self.parents.empty else self.parents.iloc[index],
            population=None if self.population is None else self.population[index],
        )

    def widened(self, events: Events) -> "Grid":
        """Return the grid of these cells, followed by the other cells that hold the events.

        The cells that are added have no residents and no parent areas. Raises InputError for cells that are not of a
        regular tiling, because nothing says where the next cells are.
        """
        widen: Callable[[Grid, Events], Grid] | None = getattr(self.locator, "widened", None)
        if widen is None:
            msg = (
                "These cells are areas of a file, which has none beyond the border. Use squares or hexagons, or leave "
                "the neighbours out."
            )
            raise InputError(msg)
        wide = widen(self, events)
        added = len(wide) - len(self)
        parents = self.parents
        if not parents.empty:
            blank = pd.DataFrame("", index=range(added), columns=parents.columns)
            parents = pd.concat([parents.astype(object), blank], ignore_index=True)
        people = None if self.population is None else np.concatenate([self.population, np.zeros(added)])
        return replace(
            wide, area_m2=np.concatenate([self.area_m2, wide.area_m2[len(self) :]]), parents=parents, population=people
        )

    def smoothed(self, values: npt.NDArray[Any], reach_cells: float) -> npt.NDArray[Any]:
        """Return Gaussian means over each cell and its neighbours, in the shape (..., cells) of ``values``.

        ``reach_cells`` is the standard deviation of the weights, in steps between neighbours. 0 returns the values.
        Cells further away than three times the reach have no weight.
        """
        if reach_cells == 0:
            return values
        known: dict[float, csr_matrix] = self.__dict__.setdefault("_weights", {})
        if reach_cells not in known:
            known[reach_cells] = _gaussian_weights(self.neighbours, reach_cells)
        flat = values.reshape(-1, values.shape[-1])
        out = np.empty_like(flat)
        for first in range(0, len(flat), _ROWS_AT_ONCE):
            part = slice(first, first + _ROWS_AT_ONCE)
            out[part] = (known[reach_cells] @ flat[part].T).T
        return out.reshape(values.shape)

    def extent(self) -> list[float]:
        """Return west, south, east and north of the cells in degrees."""
        to_degrees = Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        bounds = to_degrees.transform_bounds(*shapely.total_bounds(self.geometry))
        return [round(float(degrees), _EXTENT_DIGITS) for degrees in bounds]

    def digest(self) -> str:
        """Return a SHA-256 of everything that a forecaster may read of the cells; the locator does not change it."""
        links = [np.asarray(part, dtype=np.int64) for part in (self.neighbours.indptr, self.neighbours.indices)]
        parents = self.parents.to_json(orient="split", index=False)
        population = None if self.population is None else np.asarray(self.population, dtype=np.float64)
        shapes = list(shapely.to_wkb(self.geometry))
        return digest_of(self.crs, list(map(str, self.cells)), self.area_m2, shapes, links, parents, population)


def _gaussian_weights(neighbours: csr_matrix, reach_cells: float) -> csr_matrix:
    """Return row-normalised Gaussian weights of the number of steps between cells, found ring by ring."""
    size = neighbours.shape[0]
    weights = identity(size, dtype=np.float32, format="csr")
    visited, ring = weights.astype(bool), weights.astype(bool)
    links = neighbours.astype(bool)
    for step in range(1, int(np.floor(3 * reach_cells)) + 1):
        ring = (ring @ links).astype(bool)
        ring = (ring > (ring.multiply(visited)).astype(bool)).tocsr()
        if ring.nnz == 0:
            break
        visited = (visited + ring).astype(bool)
        weights = weights + ring.astype(np.float32) * np.float32(np.exp(-(step**2) / (2 * reach_cells**2)))
    total = np.asarray(weights.sum(axis=1)).ravel()
    return csr_matrix(weights.multiply((1.0 / total)[:, None]), dtype=np.float32)


class GridSpec(Protocol):
    """A grid class with its settings. Creating it is cheap; only `build` reads files and events."""

    def build(self, events: Events) -> Grid:
        """Return the grid of the active cells; pass only events known at the cutoff."""
        ...


def check_grid(grid: object) -> None:
    """Refuse what does not divide a study area into cells, such as the size of a cell."""
    if isinstance(grid, type) or not callable(getattr(grid, "build", None)):
        msg = f"grid={grid!r} does not divide the study area into cells. Give a grid such as ilp.SquareGrid(500)."
        raise InputError(msg)


def parent_labels(grid: Grid, level: str | None = None) -> npt.NDArray[Any]:
    """Return the parent area of each cell at one level (by default the first), empty text where there is none."""
    if grid.parents.empty:
        return np.full(len(grid), "", dtype=object)
    name = level or grid.parents.columns[0]
    return grid.parents[name].astype(object).fillna("").to_numpy()
