"""Polygon files: read, checked, repaired and brought to the CRS of the events."""

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from ilp_models.domain.errors import InputError

_POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


@dataclass(frozen=True, eq=False)
class Polygons:
    """Valid polygons of a file, in its order.

    Parameters
    ----------
    names : tuple of str
        One name a polygon; empty where no name column was asked for.
    geometry : ndarray of shapely geometry
        Polygons and multipolygons, metres.
    """

    names: tuple[str, ...]
    geometry: npt.NDArray[np.object_]


def read_polygons(path: str, crs: str, name: str | None = None) -> Polygons:
    """Return the polygons of a GeoJSON, GeoPackage or Shapefile, in another CRS.

    Parameters
    ----------
    path : str
        The file; a zipped Shapefile will do.
    crs : str
        Projected coordinate reference system to bring them to.
    name : str, optional
        Column that holds their names.

    Returns
    -------
    Polygons
        Self-crossing outlines are repaired (``shapely.make_valid``, structure method).

    Raises
    ------
    InputError
        If the file is missing, unreadable, without a CRS or the column, or holds something other than polygons.
    """
    frame = _read(path)
    names = () if name is None else _names(frame, path, name)
    return Polygons(names, _repair(frame.to_crs(crs).geometry.to_numpy(), path))


def _read(path: str) -> gpd.GeoDataFrame:
    if not Path(path).exists():
        msg = f"The polygon file {path} does not exist; give the path of a GeoJSON, GeoPackage or Shapefile."
        raise InputError(msg)
    try:
        frame = gpd.read_file(path)
    except (DataSourceError, DataLayerError) as error:
        msg = f"{path} is no polygon file that can be read ({str(error).splitlines()[0]}); convert it to GeoPackage."
        raise InputError(msg) from error
    if not isinstance(frame, gpd.GeoDataFrame) or len(frame) == 0:
        msg = f"{path} holds no polygon; export the layer again."
        raise InputError(msg)
    if frame.crs is None:
        msg = f"{path} does not say its CRS; add the .prj file or save it as GeoPackage with a CRS."
        raise InputError(msg)
    return frame


def _names(frame: gpd.GeoDataFrame, path: str, name: str) -> tuple[str, ...]:
    columns = [str(column) for column in frame.columns if column != frame.geometry.name]
    if name not in columns:
        msg = f"{path} has no column {name!r}; it has {', '.join(columns) or 'none'}."
        raise InputError(msg)
    missing = frame[name].isna().to_numpy()
    if missing.any():
        msg = f"{path}: column {name!r} is empty in row {int(np.argmax(missing)) + 1}; name every polygon."
        raise InputError(msg)
    return tuple(frame[name].astype(str).str.strip())


def _repair(geometry: npt.NDArray[np.object_], path: str) -> npt.NDArray[np.object_]:
    flat = shapely.force_2d(geometry)
    invalid = ~shapely.is_valid(flat)
    flat[invalid] = shapely.make_valid(flat[invalid], method="structure", keep_collapsed=False)
    bad = ~np.isin(shapely.get_type_id(flat), _POLYGONS) | shapely.is_empty(flat)
    if bad.any():
        kind = shapely.get_type_id(geometry[np.argmax(bad)])
        what = "nothing" if kind < 0 else f"a {shapely.GeometryType(kind).name.lower()} that covers no ground"
        msg = f"{path}: row {int(np.argmax(bad)) + 1} holds {what}; keep polygons only."
        raise InputError(msg)
    return np.asarray(flat, dtype=object)
