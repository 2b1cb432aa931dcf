"""GeoPackage: one layer a crime type, for desktop GIS."""

from pathlib import Path

import geopandas as gpd
import pyogrio

from ilp_models.export.marking import Marking


def write(table: gpd.GeoDataFrame, marking: Marking, path: Path) -> None:
    """Write a risk grid as a GeoPackage in its projected CRS.

    Parameters
    ----------
    table : GeoDataFrame
        The risk grid; each crime type becomes a layer of its name.
    marking : Marking
        The headline stands in the identifier that a GIS shows, the facts in the metadata of file and layers.
    path : Path
        The file to write.

    Raises
    ------
    OSError
        If a layer, its spatial index or its metadata did not arrive, as on a full disk.
    """
    facts = dict(marking.facts)
    for number, (crime_type, rows) in enumerate(table.groupby("crime_type", sort=False, observed=True)):
        pyogrio.write_dataframe(
            rows,
            path,
            layer=str(crime_type),
            driver="GPKG",
            append=number > 0,
            dataset_metadata=facts if number == 0 else None,
            layer_metadata=facts,
            layer_options={"IDENTIFIER": f"{crime_type}: {marking.headline}", "DESCRIPTION": facts["caveat"]},
        )
        _check(path, str(crime_type), len(rows))


def _check(path: Path, layer: str, count: int) -> None:
    """Raise if a layer is not complete: GDAL reports some failures to the terminal only."""
    info = pyogrio.read_info(path, layer=layer)
    indexed = info["capabilities"]["fast_spatial_filter"]
    if info["features"] != count or not indexed or not info["layer_metadata"]:
        msg = f"layer {layer} of {path.name} arrived incomplete"
        raise OSError(msg)
