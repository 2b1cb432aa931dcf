"""Cells: the places that risk is forecast for, their neighbours and their parent areas."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import csr_matrix, identity

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events

_AT_ONCE: Final = 256  # rows smoothed together: they fit into the cache, and little is held twice


class Locator(Protocol):
    """Finds the cell that holds a point."""

    def locate(self, events: Events) -> npt.NDArray[np.int64]:
        """Return the position of each event's cell among the locator's own cells, -1 outside them all."""
        ...


@dataclass(frozen=True, eq=False)
class Grid:
    """Places that tile a study area.

    Parameters
    ----------
    cells : Index of str
        Names of the cells, unique.
    geometry : ndarray of shapely geometry
        One polygon a cell, metres in ``crs``.
    area_m2 : ndarray of float64
        Ground area of each cell, square metres (not the area in a distorting projection).
    crs : str
        Projected coordinate reference system of the geometry.
    neighbours : csr_matrix
        Symmetric 0/1 matrix (cells x cells) without the diagonal: 1 where two cells touch.
    locator : Locator
        Finds the cell of a point among the cells the locator was built for.
    kept : ndarray of int64
        Position of each cell among the locator's cells.
    parents : DataFrame, optional
        One row a cell; a column for each level of parent area (such as ``neighbourhood``), labels as text.
    population : ndarray of float64, optional
        Residents of each cell.

    Raises
    ------
    InputError
        If names repeat, lengths differ, or there is no cell at all.
    """

    cells: pd.Index
    geometry: npt.NDArray[np.object_]
    area_m2: npt.NDArray[np.float64]
    crs: str
    neighbours: csr_matrix
    locator: Locator
    kept: npt.NDArray[np.int64]
    parents: pd.DataFrame = field(default_factory=pd.DataFrame)
    population: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        """Refuse a grid whose parts do not describe the same cells."""
        size = len(self.cells)
        if size == 0:
            msg = "The grid has no cell; check the study area, the CRS and the cell size."
            raise InputError(msg)
        if not self.cells.is_unique:
            msg = f"Cell names repeat: {list(self.cells[self.cells.duplicated()][:3])}; name each cell once."
            raise InputError(msg)
        lengths: dict[str, int] = {
            "geometry": len(self.geometry),
            "area_m2": len(self.area_m2),
            "neighbours": int(self.neighbours.shape[0]),
            "kept": len(self.kept),
            "parents": size if self.parents.empty else len(self.parents),
            "population": size if self.population is None else len(self.population),
        }
        wrong = {name: length for name, length in lengths.items() if length != size}
        if wrong:
            msg = f"A grid of {size} cells has parts of another length: {wrong}."
            raise InputError(msg)

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.cells)

    def locate(self, events: Events) -> npt.NDArray[np.int64]:
        """Return the position of each event's cell in this grid, -1 outside it.

        Parameters
        ----------
        events : Events
            Events in the grid's CRS.

        Returns
        -------
        ndarray of int64
            One cell position an event.

        Raises
        ------
        InputError
            If events and grid have different CRS.
        """
        if events.crs != self.crs:
            msg = f"Events are in {events.crs} and the grid in {self.crs}; build the grid from these events."
            raise InputError(msg)
        raw = self.locator.locate(events)
        size = max(int(raw.max(initial=-1)), int(self.kept.max())) + 1
        position = np.full(size + 1, -1, dtype=np.int64)
        position[self.kept] = np.arange(len(self.cells))
        return position[raw]

    def subset(self, mask: npt.NDArray[np.bool_]) -> Self:
        """Return the grid of some of its cells, their order kept.

        Parameters
        ----------
        mask : ndarray of bool
            True for each cell to keep.

        Returns
        -------
        Grid
            The smaller grid; neighbours outside it are dropped.
        """
        index = np.flatnonzero(mask)
        return replace(
            self,
            cells=self.cells[index],
            geometry=self.geometry[index],
            area_m2=self.area_m2[index],
            neighbours=self.neighbours[index][:, index].tocsr(),
            kept=self.kept[index],
            parents=self.parents if self.parents.empty else self.parents.iloc[index],
            population=None if self.population is None else self.population[index],
        )

    def smoothed(self, values: npt.NDArray[Any], reach_cells: float) -> npt.NDArray[Any]:
        """Return local means: each cell averaged with the cells around it.

        Parameters
        ----------
        values : ndarray
            Shape (..., cells).
        reach_cells : float
            Standard deviation of the Gaussian weights, in steps from neighbour to neighbour; 0 keeps the values.
            Cells further than three times the reach_cells have no weight.

        Returns
        -------
        ndarray
            The shape and type of ``values``.
        """
        if reach_cells == 0:
            return values
        known: dict[float, csr_matrix] = self.__dict__.setdefault("_weights", {})
        if reach_cells not in known:
            known[reach_cells] = _gaussian_weights(self.neighbours, reach_cells)
        flat = values.reshape(-1, values.shape[-1])
        out = np.empty_like(flat)
        for first in range(0, len(flat), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            out[part] = (known[reach_cells] @ flat[part].T).T
        return out.reshape(values.shape)

    def digest(self) -> str:
        """Return a SHA-256 over all that a forecaster may read of the cells; not over the locator.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        known = hashlib.sha256(f"{self.crs}|{'|'.join(map(str, self.cells))}".encode())
        known.update(np.ascontiguousarray(self.area_m2).tobytes())
        for shape in shapely.to_wkb(self.geometry):
            known.update(shape)
        for part in (self.neighbours.indptr, self.neighbours.indices):
            known.update(np.asarray(part, dtype=np.int64).tobytes())
        known.update(self.parents.to_json(orient="split", index=False).encode())
        if self.population is not None:
            known.update(np.asarray(self.population, dtype=np.float64).tobytes())
        return known.hexdigest()


def _gaussian_weights(neighbours: csr_matrix, reach_cells: float) -> csr_matrix:
    """Walk outwards ring by ring, so that any kind of grid has distances."""
    size = neighbours.shape[0]
    weights = identity(size, dtype=np.float32, format="csr")
    seen, ring = weights.astype(bool), weights.astype(bool)
    links = neighbours.astype(bool)
    for step in range(1, int(np.floor(3 * reach_cells)) + 1):
        ring = (ring @ links).astype(bool)
        ring = (ring > (ring.multiply(seen)).astype(bool)).tocsr()
        if ring.nnz == 0:
            break
        seen = (seen + ring).astype(bool)
        weights = weights + ring.astype(np.float32) * np.float32(np.exp(-(step**2) / (2 * reach_cells**2)))
    total = np.asarray(weights.sum(axis=1)).ravel()
    return csr_matrix(weights.multiply((1.0 / total)[:, None]), dtype=np.float32)


class GridSpec(Protocol):
    """A cheap description of a grid, as configured; building it reads files and events."""

    def build(self, events: Events) -> Grid:
        """Return the grid of the cells that are active in the events given.

        Parameters
        ----------
        events : Events
            Only what was known at the cutoff, so that active cells are decided without the future.

        Returns
        -------
        Grid
            The active cells.
        """
        ...


def parent_labels(grid: Grid, level: str | None = None) -> npt.NDArray[Any]:
    """Return the parent area of each cell at one level, empty text where there is none."""
    if grid.parents.empty:
        return np.full(len(grid), "", dtype=object)
    name = level or grid.parents.columns[0]
    return grid.parents[name].astype(object).fillna("").to_numpy()
