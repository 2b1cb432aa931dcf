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
    for number, (crime_type, rows) in enumerate(table.groupby("crime_type", sort=False, observed=True)):
        write_layer(rows, marking, path, str(crime_type), append=number > 0)


def write_layer(rows: gpd.GeoDataFrame, marking: Marking, path: Path, layer: str, *, append: bool = False) -> None:
    """Write one layer of a GeoPackage, and see that it arrived: GDAL reports some failures to the terminal only.

    Parameters
    ----------
    rows : GeoDataFrame
        What the layer holds.
    marking : Marking
        As for :func:`write`.
    path : Path
        The file to write.
    layer : str
        Name of the layer.
    append : bool, default False
        Whether the file is there already and keeps its other layers.

    Raises
    ------
    OSError
        As for :func:`write`.
    """
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
