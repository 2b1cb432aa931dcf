"""GeoPackage: one layer a crime type, for desktop GIS."""

from pathlib import Path

import geopandas as gpd
import pyogrio

from ilp_models.export.marking import Marking


def write(table: gpd.GeoDataFrame, marking: Marking, path: Path) -> None:
    """Write a risk grid as a GeoPackage in its projected CRS."""
    for number, (crime_type, rows) in enumerate(table.groupby("crime_type", sort=False, observed=True)):
        write_layer(rows, marking, path, str(crime_type), append=number > 0)


def write_layer(rows: gpd.GeoDataFrame, marking: Marking, path: Path, layer: str, *, append: bool = False) -> None:
    """Write one layer of a GeoPackage, and see that it arrived: GDAL reports some failures to the terminal only."""
    facts = dict(marking.facts)
    pyogrio.write_dataframe(
        rows,
        path,
        layer=layer,
        driver="GPKG",
        append=append,
        dataset_metadata=None if append else facts,
        layer_metadata=facts,
        layer_options={"IDENTIFIER": f"{layer}: {marking.headline}", "DESCRIPTION": facts["caveat"]},
    )
    info = pyogrio.read_info(path, layer=layer)
    indexed = info["capabilities"]["fast_spatial_filter"]
    if info["features"] != len(rows) or not indexed or not info["layer_metadata"]:
        msg = f"layer {layer} of {path.name} arrived incomplete"
        raise OSError(msg)
