"""Distances from cells to the nearest feature of a layer, and densities of features around cells."""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import shapely

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.grid import Grid
from ilp_models.domain.layer import REACH_M, Layer

Floats = npt.NDArray[np.float64]

DENSITY_UNITS: Final = {"points": "", "lines": "km", "polygons": "ha"}

_CELLS_AT_ONCE: Final = 2048  # cells measured together, to limit memory
_UNIT_SIZE: Final = {"lines": 1e3, "polygons": 1e4}
_QUARTER_SEGMENTS: Final = 32  # edges per quarter circle: the disc is 0.04 % too small
_CACHE_SIZE: Final = 256  # results held in memory: a backtest needs the same ones at every cutoff


@lru_cache(maxsize=_CACHE_SIZE)
def distances(layer: Layer, grid: Grid, cap_m: float) -> Floats:
    """Return the metres from the centroid of each cell to the nearest feature of a layer, at most ``cap_m``."""
    _check(layer, grid, cap_m)
    centres, result = shapely.centroid(grid.geometry), np.full(len(grid), float(cap_m))
    (cell, _), metres = shapely.STRtree(layer.geometry).query_nearest(
        centres, max_distance=cap_m, return_distance=True, all_matches=False
    )
    result[cell] = metres
    result.setflags(write=False)
    return result


@lru_cache(maxsize=_CACHE_SIZE)
def densities(layer: Layer, grid: Grid, range_m: float) -> Floats:
    """Return how much of a layer lies within a range of the centroid of each cell: number, kilometres or hectares."""
    _check(layer, grid, range_m)
    parts = _segments(layer.geometry) if layer.kind == "lines" else layer.geometry
    centres, result = shapely.centroid(grid.geometry), np.zeros(len(grid))
    tree = shapely.STRtree(parts)
    for first in range(0, len(grid), _CELLS_AT_ONCE):
        some = centres[first : first + _CELLS_AT_ONCE]
        cell, part = tree.query(some, predicate="dwithin", distance=range_m)
        amount = _amounts(layer.kind, some[cell], parts[part], range_m)
        result[first : first + len(some)] = np.bincount(cell, weights=amount, minlength=len(some))
    result /= _UNIT_SIZE.get(layer.kind, 1.0)
    result.setflags(write=False)
    return result


def check_near(layer: Layer, grid: Grid, range_m: float) -> None:
    """Raise `NotRunError` unless a feature of the layer lies within the range of a cell."""
    if not (distances(layer, grid, range_m) < range_m).any():
        msg = f"Layer {layer.name} has no feature within {range_m:g} m of any cell; set a wider range or remove it."
        raise NotRunError(msg)


def _amounts(kind: str, centres: npt.NDArray[np.object_], parts: npt.NDArray[np.object_], range_m: float) -> Floats:
    """Return the number, metres or square metres of each part within the range of its centre."""
    if kind == "points":
        return np.ones(len(parts))
    if kind == "lines":
        return _lengths_inside(centres, parts, range_m)
    discs = shapely.buffer(centres, range_m, quad_segs=_QUARTER_SEGMENTS)
    return np.asarray(shapely.area(shapely.intersection(parts, discs)), dtype=float)


def _segments(lines: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Return lines cut at their vertices, so that a long line is not measured at every cell."""
    points, line = shapely.get_coordinates(lines, return_index=True)
    joined = (line[1:] == line[:-1]) & (points[1:] != points[:-1]).any(axis=1)
    return np.asarray(shapely.linestrings(np.stack([points[:-1][joined], points[1:][joined]], axis=1)))


def _lengths_inside(centres: npt.NDArray[np.object_], segments: npt.NDArray[np.object_], range_m: float) -> Floats:
    """Return the length of each segment inside a circle around its centre, metres."""
    ends = shapely.get_coordinates(segments).reshape(-1, 2, 2)
    start, along = ends[:, 0] - shapely.get_coordinates(centres), ends[:, 1] - ends[:, 0]
    square = (along**2).sum(axis=1)
    middle = -(start * along).sum(axis=1) / square
    nearest = ((start + middle[:, None] * along) ** 2).sum(axis=1)
    half = np.sqrt(np.maximum(range_m**2 - nearest, 0.0) / square)
    inside = np.minimum(middle + half, 1.0) - np.maximum(middle - half, 0.0)
    return np.asarray(np.maximum(inside, 0.0) * np.sqrt(square))


def _check(layer: Layer, grid: Grid, range_m: float) -> None:
    if not 0 < range_m <= REACH_M:
        msg = f"A range of {range_m:g} m must be above 0 and at most {REACH_M:g} m; layers are read up to there."
        raise InputError(msg)
    if layer.crs != grid.crs:
        msg = f"Layer {layer.name} is in {layer.crs} and the grid in {grid.crs}; read it in the grid's CRS."
        raise InputError(msg)
