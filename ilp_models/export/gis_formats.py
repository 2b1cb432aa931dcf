"""Write risk grids for GIS software: GeoJSON (RFC 7946) with a style for QGIS, and GeoTIFF."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.domain.printable import printable
from ilp_models.export.marking import Marking
from ilp_models.export.qgis_style import map_groups, qgis_style
from ilp_models.export.table import OVERUSED, round_significant

MAX_GEOJSON_CELLS: Final = 50_000  # browsers are slow with more
NO_DATA: Final = -9999.0
_DECIMALS: Final = 6  # of WGS84 degrees
_TOLERANCE: Final = 1e-3  # share of the cell size


def write_geojson(table: gpd.GeoDataFrame, marking: Marking, path: Path) -> None:
    """Write a risk grid as GeoJSON in WGS84, with the facts as foreign members, and its style for QGIS (QML)."""
    check_cells(table["cell"].nunique())
    numbers = [name for name in ("expected", *QUANTILE_COLUMNS, "share", OVERUSED) if name in table]
    text = table.assign(**{name: round_significant(table[name]) for name in numbers})
    shapes = _wgs84_shapes(table)
    names = [name for name in text.columns if name != "geometry"]
    rows = zip(*(_json_values(text[name]) for name in names), strict=True)
    features = [
        {"type": "Feature", "geometry": shape, "properties": dict(zip(names, row, strict=True))}
        for shape, row in zip(shapes, rows, strict=True)
    ]
    collection = {
        "type": "FeatureCollection",
        "title": marking.headline,
        "provenance": dict(marking.facts),
        "features": features,
    }
    path.write_text(json.dumps(collection, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    groups = map_groups(table, ("crime_type", "period"))
    path.with_suffix(".qml").write_text(qgis_style(groups, names, marking.note), encoding="utf-8")


def check_cells(cells: int) -> None:
    """Raise InputError if a GeoJSON file would have more cells than browsers can show."""
    if cells > MAX_GEOJSON_CELLS:
        msg = (
            f"GeoJSON is limited to {MAX_GEOJSON_CELLS} cells and the grid has {cells}. Use formats parquet, gpkg or "
            "geotiff."
        )
        raise InputError(msg)


def _json_values(column: pd.Series) -> list[object]:
    """Return the values of a column, unknown counts as None and days as text."""
    if isinstance(column.dtype, pd.Int64Dtype):
        return column.astype(object).where(column.notna(), None).tolist()
    if column.name in ("start", "end"):
        return [day.isoformat() for day in column]
    return column.tolist()


def _wgs84_shapes(table: gpd.GeoDataFrame) -> list[dict[str, object]]:
    """Return the geometry of each row in WGS84; each cell is converted once."""
    cells = table.drop_duplicates("cell")
    degrees = cells.geometry.to_crs("EPSG:4326").to_numpy()
    rounded = shapely.transform(degrees, lambda xy: np.round(xy, _DECIMALS))
    ordered = shapely.orient_polygons(rounded, exterior_cw=False)
    by_cell = dict(zip(cells["cell"], (shapely.geometry.mapping(shape) for shape in ordered), strict=True))
    return [by_cell[cell] for cell in table["cell"]]


@dataclass(frozen=True, eq=False)
class _SquareLattice:
    """Rows and columns of square cells, their size and the upper left corner (metres)."""

    row: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    size: float
    left: float
    top: float


def write_geotiff(table: gpd.GeoDataFrame, marking: Marking, path: Path) -> None:
    """Write the expected counts of a square grid as GeoTIFF, one band per crime type and period."""
    from rasterio import Affine  # noqa: PLC0415 - 20 MB that no other format needs
    from rasterio.io import MemoryFile  # noqa: PLC0415

    units = table.groupby(["crime_type", "period"], sort=False, observed=True)
    cells = table.drop_duplicates("cell")
    lattice = _square_lattice(cells)
    position = cells.assign(row=lattice.row, column=lattice.column).set_index("cell")[["row", "column"]]
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": int(lattice.row.max()) + 1,
        "width": int(lattice.column.max()) + 1,
        "count": units.ngroups,
        "dtype": "float32",
        "crs": table.crs.to_wkt(),
        "transform": Affine(lattice.size, 0.0, lattice.left, 0.0, -lattice.size, lattice.top),
        "nodata": NO_DATA,
        "compress": "deflate",
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as raster:
            raster.update_tags(TIFFTAG_IMAGEDESCRIPTION=marking.headline, **marking.facts)
            for band, ((crime_type, period), rows) in enumerate(units, start=1):
                image = np.full((profile["height"], profile["width"]), NO_DATA, dtype=np.float32)
                where = position.loc[rows["cell"]].to_numpy()
                image[where[:, 0], where[:, 1]] = rows["expected"].to_numpy()
                raster.write(image, band)
                raster.set_band_description(band, printable(f"{crime_type} {period}", lines=False))
                raster.update_tags(band, units="expected crimes per cell and period")
        path.write_bytes(memory.read())  # GDAL does not raise an error if the disk is full


def _square_lattice(cells: gpd.GeoDataFrame) -> _SquareLattice:
    """Return the lattice of square cells, or raise an error if the cells have another shape."""
    bounds = cells.bounds.to_numpy()
    width, height = bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1]
    size = float(width[0])
    left, top = float(bounds[:, 0].min()), float(bounds[:, 3].max())
    column, row = (bounds[:, 0] - left) / size, (top - bounds[:, 3]) / size
    offsets = np.concatenate([width - size, height - size, cells.area.to_numpy() / size - size])
    offsets = np.concatenate([offsets, size * (column - column.round()), size * (row - row.round())])
    if np.abs(offsets).max() > _TOLERANCE * size:
        msg = (
            "GeoTIFF needs square cells of one size, and this grid has other cells. Use formats parquet, gpkg, geojson "
            "or csv."
        )
        raise InputError(msg)
    return _SquareLattice(row.round().astype(np.int64), column.round().astype(np.int64), size, left, top)
