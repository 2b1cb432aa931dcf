"""Read polygon files: check and repair the polygons and project them to the CRS of the events."""

from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyogrio
import shapely

from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError
from ilp_models.domain.geographic_file import GeographicFile, no_network
from ilp_models.domain.local_file import local_file

_LABEL: Final = "The polygon file "
_POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


@dataclass(frozen=True, eq=False)
class NamedAreas:
    """Valid polygons of a file, in the order of the file."""

    names: tuple[str, ...]  # one per polygon; empty without a name column
    geometry: npt.NDArray[np.object_]  # polygons and multipolygons, metres
    weights: npt.NDArray[np.float64] | None = None  # a number >= 0 per polygon, such as dwellings


@dataclass(frozen=True)
class PolygonFile:
    """A file of named polygons, read when needed.

    Parameters
    ----------
    path : str, optional
        GeoJSON, GeoPackage, Shapefile or FlatGeobuf; without a path there are no polygons.
    name : str, default "name"
        Column with the names; several polygons of one name are one area.
    weight : str, optional
        Column with a number >= 0, such as dwellings.
    layer : str, optional
        Layer of a file with several layers.

    Raises
    ------
    InputError
        If there is no file at the path.
    """

    path: str | None = None
    name: str = "name"
    weight: str | None = None
    layer: str | None = None

    def __post_init__(self) -> None:
        """Refuse a missing file before a long computation starts."""
        if self.path is not None:
            local_file(self.path, _LABEL)

    def read(self, crs: str) -> NamedAreas | None:
        """Return the polygons in a CRS, None without a path."""
        return None if self.path is None else read_polygons(self.path, crs, self.name, self.weight, self.layer)

    def digest(self) -> str:
        """Return a SHA-256 of the file and its columns, empty text without a path."""
        if self.path is None:
            return ""
        return digest_of(self.name, self.weight, self.layer, local_file(self.path, _LABEL).read_bytes())


def read_polygons(
    path: str, crs: str, name: str | None = None, weight: str | None = None, layer: str | None = None
) -> NamedAreas:
    """Return the polygons of a GeoJSON, GeoPackage, Shapefile or FlatGeobuf, projected to ``crs``."""
    frame = _read(path, layer)
    names = () if name is None else _names(frame, path, name)
    weights = None if weight is None else _weights(frame, path, weight)
    return NamedAreas(names, _repair(frame.to_crs(crs).geometry.to_numpy(), path), weights)


def _read(path: str, layer: str | None) -> gpd.GeoDataFrame:
    source = GeographicFile.from_path(path, _LABEL).source
    try:
        with no_network():
            frame = pyogrio.read_dataframe(source, layer=_layer_of(source, path, layer))
    except InputError:
        raise
    except Exception as error:  # a damaged file can raise any error
        first = next(iter(str(error).splitlines()), type(error).__name__)
        msg = f"{path} cannot be read as a polygon file ({first}); convert it to GeoPackage."
        raise InputError(msg) from error
    if not isinstance(frame, gpd.GeoDataFrame) or len(frame) == 0:
        msg = f"{path} holds no polygon; export the layer again."
        raise InputError(msg)
    if frame.crs is None:
        msg = f"{path} has no CRS; add the .prj file or save it as GeoPackage with a CRS."
        raise InputError(msg)
    return frame


def _layer_of(source: str | bytes, path: str, layer: str | None) -> str | None:
    """Return the layer to read; a file with several layers needs a choice."""
    found = [str(name) for name, kind in pyogrio.list_layers(source) if kind is not None]
    if layer is not None and layer not in found:
        msg = f"{path} has no layer {layer!r}. Set layer to one of {', '.join(found) or 'none'}."
        raise InputError(msg)
    if layer is None and len(found) > 1:
        msg = f"{path} holds several layers. Set layer to one of {', '.join(found)}, such as grid.layer={found[0]}."
        raise InputError(msg)
    return layer or next(iter(found), None)


def _require_column(frame: gpd.GeoDataFrame, path: str, column: str) -> None:
    columns = [str(known) for known in frame.columns if known != frame.geometry.name]
    if column not in columns:
        msg = f"{path} has no column {column!r}; choose one of {', '.join(columns) or 'none'}."
        raise InputError(msg)


def _weights(frame: gpd.GeoDataFrame, path: str, weight: str) -> npt.NDArray[np.float64]:
    _require_column(frame, path, weight)
    numbers = pd.to_numeric(frame[weight], errors="coerce").to_numpy(dtype=float)
    bad = ~(np.isfinite(numbers) & (numbers >= 0))
    if bad.any():
        msg = f"{path}: {weight!r} is not a number >= 0 in row {int(np.argmax(bad)) + 1}; give each polygon a weight."
        raise InputError(msg)
    return np.asarray(numbers)


def _names(frame: gpd.GeoDataFrame, path: str, name: str) -> tuple[str, ...]:
    _require_column(frame, path, name)
    missing = frame[name].isna().to_numpy()
    if missing.any():
        msg = f"{path}: column {name!r} is empty in row {int(np.argmax(missing)) + 1}; name every polygon."
        raise InputError(msg)
    return tuple(frame[name].astype(str).str.strip())


def _repair(geometry: npt.NDArray[np.object_], path: str) -> npt.NDArray[np.object_]:
    flat = shapely.force_2d(geometry)
    if not np.isfinite(shapely.bounds(flat[~(shapely.is_missing(flat) | shapely.is_empty(flat))])).all():
        msg = f"{path} lies outside the area of the projection of the events. Check the file and its CRS."
        raise InputError(msg)
    invalid = ~shapely.is_valid(flat)
    flat[invalid] = shapely.make_valid(flat[invalid], method="structure", keep_collapsed=False)
    for at in np.flatnonzero(shapely.get_type_id(flat) == shapely.GeometryType.GEOMETRYCOLLECTION):
        flat[at] = _polygons_of(flat[at])
    bad = ~np.isin(shapely.get_type_id(flat), _POLYGONS) | shapely.is_empty(flat)
    if bad.any():
        kind = shapely.get_type_id(geometry[np.argmax(bad)])
        content = "nothing" if kind < 0 else f"a {shapely.GeometryType(kind).name.lower()} without area"
        msg = f"{path}: row {int(np.argmax(bad)) + 1} holds {content}; keep polygons only."
        raise InputError(msg)
    return np.asarray(flat, dtype=object)


def _polygons_of(collection: shapely.GeometryCollection) -> shapely.Geometry:
    """Return the polygons of a collection, without its lines and points."""
    parts = shapely.get_parts(collection)
    return shapely.union_all(parts[np.isin(shapely.get_type_id(parts), _POLYGONS)])
