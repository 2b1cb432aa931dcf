"""Names of the places of cells: a named layer of the user, the parent area with a direction, or coordinates."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import Transformer

from ilp_models.domain.grid import Grid, parent_labels
from ilp_models.domain.layer import Layer

Names = npt.NDArray[np.object_]

_NEAR_M: Final = 1_000.0  # a point further away does not name a cell
_DIRECTIONS: Final = ("east", "north-east", "north", "north-west", "west", "south-west", "south", "south-east")
_MIDDLE: Final = 0.25  # of the distance of the farthest cell of an area; nearer ones are in its middle


def place_names(grid: Grid, layers: Sequence[Layer] = ()) -> Names:
    """Return the name of the place of each cell, for readers who do not know grid codes.

    Such as ``King Street, Waterfront (77), north-east``: a named feature, the parent area, and where in this area the
    cell lies. The feature is a polygon around the centre, else the longest line, else a point within 1 km.
    """
    centres = shapely.centroid(grid.geometry)
    near, areas = _named(grid.geometry, centres, layers), _in_areas(parent_labels(grid), centres)
    names = np.array([", ".join(filter(None, parts)) for parts in zip(near, areas, strict=True)], dtype=object)
    empty = names == ""
    if empty.any():
        to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
        lon, lat = to_degrees.transform(shapely.get_x(centres[empty]), shapely.get_y(centres[empty]))
        codes = grid.cells.to_numpy()[empty]
        names[empty] = [f"{code} at {y:.4f}, {x:.4f}" for code, y, x in zip(codes, lat, lon, strict=True)]
    return names


def _named(cells: npt.NDArray[Any], centres: npt.NDArray[Any], layers: Sequence[Layer]) -> Names:
    """Return the name that the layers give to each cell, or empty text: of polygons, else lines, else points."""
    found = np.full(len(cells), "", dtype=object)
    for kind in ("polygons", "lines", "points"):
        for layer in layers:
            if layer.kind != kind or layer.names is None:
                continue
            cell, feature = _matches(layer, cells, centres)
            fresh = (found[cell] == "") & (layer.names[feature] != "")
            prefix = "near " if kind == "points" else ""
            found[cell[fresh]] = [prefix + name for name in layer.names[feature[fresh]]]
    return found


def _matches(
    layer: Layer, cells: npt.NDArray[Any], centres: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return pairs of cell and feature, at most one for each cell."""
    tree = shapely.STRtree(layer.geometry)
    if layer.kind == "points":
        cell, feature = tree.query_nearest(centres, max_distance=_NEAR_M, all_matches=False)
        return cell, feature
    if layer.kind == "polygons":
        cell, feature = tree.query(centres, predicate="intersects")
        length = np.ones(len(cell))
    else:
        cell, feature = tree.query(cells, predicate="intersects")
        length = shapely.length(shapely.intersection(cells[cell], layer.geometry[feature]))
    pairs = pd.DataFrame({"cell": cell, "feature": feature, "length": length})
    if layer.names is not None:  # parts of one street count together
        pairs["length"] = pairs.groupby(["cell", layer.names[feature]])["length"].transform("sum")
        pairs = pairs[(layer.names[pairs["feature"]] != "") & (pairs["length"] > 0)]
    best = pairs.sort_values("length", ascending=False, kind="stable").drop_duplicates("cell")
    return best["cell"].to_numpy(dtype=np.int64), best["feature"].to_numpy(dtype=np.int64)


def _in_areas(areas: Names, centres: npt.NDArray[Any]) -> Names:
    """Return each area label, with the direction of the cell from the middle of an area of several cells."""
    table = pd.DataFrame({"area": areas, "x": shapely.get_x(centres), "y": shapely.get_y(centres)})
    middle = table.groupby("area")[["x", "y"]].transform("mean")
    right, up = table["x"] - middle["x"], table["y"] - middle["y"]
    distance = np.hypot(right.to_numpy(), up.to_numpy())
    far = table.assign(distance=distance).groupby("area")["distance"].transform("max")
    sector = np.rint(np.degrees(np.arctan2(up.to_numpy(), right.to_numpy())) / 45).astype(int) % len(_DIRECTIONS)
    names = []
    for area, at, away, most in zip(areas, sector, distance, far, strict=True):
        several = bool(area) and most > 0
        where = "middle" if away <= _MIDDLE * most else _DIRECTIONS[at]
        names.append(f"{area}, {where}" if several else str(area))
    return np.array(names, dtype=object)
