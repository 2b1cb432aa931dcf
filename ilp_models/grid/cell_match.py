"""Find the cells of a grid that have given geometries."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS, Transformer

from ilp_models.domain.grid import Grid

TOLERANCE_M: Final = 1.0  # largest distance between the borders of a geometry and its cell


def match_cells(geometry: npt.NDArray[np.object_], grid: Grid, crs: Any = None) -> npt.NDArray[np.int64]:
    """Return the position of the cell with each geometry, -1 where no cell has it; WKB and WKT are read too.

    Without a ``crs`` the geometries are in that of the grid.
    """
    texts = [isinstance(one, str) for one in geometry]
    read = shapely.from_wkt if all(texts) else shapely.from_wkb
    shapes = np.atleast_1d(np.asarray(read(geometry.tolist())))
    if crs is not None and CRS.from_user_input(crs) != CRS.from_user_input(grid.crs):
        move = Transformer.from_crs(CRS.from_user_input(crs), grid.crs, always_xy=True)
        shapes = shapely.transform(shapes, lambda points: np.column_stack(move.transform(*points.T)))
    found = np.full(len(shapes), -1, dtype=np.int64)
    usable = np.flatnonzero(~(shapely.is_missing(shapes) | shapely.is_empty(shapes)))
    inside = shapely.point_on_surface(shapes[usable])
    given, cell = shapely.STRtree(grid.geometry).query(inside, predicate="intersects")
    distance = shapely.hausdorff_distance(shapes[usable[given]], grid.geometry[cell])
    near = distance <= TOLERANCE_M
    found[usable[given[near]]] = cell[near]
    return found
