"""GeoJSON (RFC 7946): WGS84, for web maps of a moderate number of cells."""

import json
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import shapely

from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.export.marking import Marking
from ilp_models.export.table import significant

MOST_CELLS: Final = 50_000
_DECIMALS: Final = 6


def write(table: gpd.GeoDataFrame, marking: Marking, path: Path) -> None:
    """Write a risk grid as a GeoJSON feature collection with the facts as foreign members."""
    cells = table["cell"].nunique()
    if cells > MOST_CELLS:
        msg = f"GeoJSON takes up to {MOST_CELLS} cells and the grid has {cells}; use formats parquet, gpkg or geotiff."
        raise InputError(msg)
    text = table.assign(**{name: significant(table[name]) for name in ("expected", *QUANTILE_COLUMNS, "share")})
    shapes = _degrees(table)
    names = [name for name in text.columns if name != "geometry"]
    rows = zip(*(text[name].tolist() for name in names), strict=True)
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


def _degrees(table: gpd.GeoDataFrame) -> list[dict[str, object]]:
    """Return each row's geometry in WGS84, converted once a cell."""
    once = table.drop_duplicates("cell")
    degrees = once.geometry.to_crs("EPSG:4326").to_numpy()
    rounded = shapely.transform(degrees, lambda xy: np.round(xy, _DECIMALS))
    ordered = shapely.orient_polygons(rounded, exterior_cw=False)
    by_cell = dict(zip(once["cell"], (shapely.geometry.mapping(shape) for shape in ordered), strict=True))
    return [by_cell[cell] for cell in table["cell"]]
