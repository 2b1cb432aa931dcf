"""Read records from points of geographic files: GeoJSON, GeoPackage and Shapefiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely

from ilp_models.domain.errors import InputError
from ilp_models.domain.geographic_file import GeographicFile, no_network

GEOGRAPHIC: Final = (".geojson", ".json", ".gpkg", ".shp")
LON, LAT = "geometry_lon", "geometry_lat"  # columns with the place of each point, in degrees

_DEGREES: Final = "EPSG:4326"


@dataclass(frozen=True, eq=False)
class PointTable:
    """Attributes of points as text, with the degrees of each point as further columns."""

    header: tuple[str, ...]
    table: pa.Table  # the wanted columns that the file has


def read_points(path: Path, columns: Sequence[str], layer: str | None) -> PointTable:
    """Return the wanted columns of a layer; InputError if the file is damaged, or its layer is not clear."""
    file = GeographicFile.from_path(path, "data.path=")
    try:
        with no_network():
            return _read(file, columns, layer)
    except InputError:
        raise
    except Exception as error:  # a damaged file can raise any error
        first = next(iter(str(error).splitlines()), type(error).__name__)
        msg = f"{path.name} cannot be read ({first}); export the records as CSV."
        raise InputError(msg) from error


def _read(file: GeographicFile, columns: Sequence[str], layer: str | None) -> PointTable:
    layers = [str(name) for name, kind in pyogrio.list_layers(file.source) if kind is not None]
    if layer not in layers and (layer is not None or len(layers) != 1):
        problem = f"has no layer {layer!r}" if layer is not None else "has several layers"
        msg = f"{file.path.name} {problem}. Set data.sheet to one of {', '.join(map(repr, layers)) or 'none'}."
        raise InputError(msg)
    chosen = layer or layers[0]
    fields = [str(name) for name in pyogrio.read_info(file.source, layer=chosen)["fields"]]
    located = LON in columns or LAT in columns
    if not located and not set(columns) & set(fields):
        return PointTable((*fields, LON, LAT), pa.table({}))
    read = pyogrio.read_dataframe(
        file.source,
        layer=chosen,
        columns=[name for name in fields if name in columns],
        read_geometry=located,
        datetime_as_string=True,
    )
    found = {name: _as_text(read[name]) for name in fields if name in columns}
    if located:
        found |= _degrees(read, file.path)
    wanted = {name: found[name] for name in columns if name in found}
    return PointTable((*fields, LON, LAT), pa.table(wanted))


def _degrees(read: gpd.GeoDataFrame, path: Path) -> dict[str, pa.Array]:
    points = read.geometry.to_numpy()
    usable = (shapely.get_type_id(points) == shapely.GeometryType.POINT) & ~shapely.is_empty(points)
    if len(points) and not usable.any():
        msg = f"{path.name} holds no points. Export each record as a point, or as CSV with coordinates."
        raise InputError(msg)
    if read.crs is None:
        msg = f"{path.name} has no CRS. Export it with one, or as CSV and set data.input_crs."
        raise InputError(msg)
    places = read.geometry.set_crs(read.crs).where(usable).to_crs(_DEGREES)
    return {LON: pa.array(np.asarray(places.x, float)), LAT: pa.array(np.asarray(places.y, float))}


def _as_text(values: pd.Series) -> pa.Array:
    return pa.array([None if pd.isna(value) else str(value) for value in values.astype(object)], pa.string())
