"""Allocations as files: GeoParquet, GeoPackage and CSV, and the tables of their products, all marked."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio

from ilp_models.domain.allocation import Allocation
from ilp_models.domain.caveat import SCOPE
from ilp_models.domain.errors import InputError
from ilp_models.export.delimited import beside, inert
from ilp_models.export.marking import Marking
from ilp_models.export.table import Places, significant

COLUMNS: Final = ("cell", "area", "period", "effort", "covered", "inclusion", "geometry", "grade", "decision")
_KEY: Final = b"ilp_models"
_LAYER: Final = "allocation"


def marked(marking: Marking, allocation: Allocation, more: Mapping[str, Any]) -> Marking:
    """Return a marking that also says what was allocated, how and by whose choice.

    Parameters
    ----------
    marking : Marking
        Of the forecast it rests on.
    allocation : Allocation
        What is given.
    more : mapping
        Further facts, such as who chose and why.

    Returns
    -------
    Marking
        With the facts added as text.
    """
    facts = {
        "allocator": allocation.allocator,
        "objective": allocation.objective,
        "budget": f"{allocation.budget:g} {allocation.unit} in each period",
        "units": f"effort: {allocation.unit} per cell and period; covered: {allocation.objective}; inclusion: "
        "probability with which the cell got effort",
        "overrides": "; ".join(
            f"{one.cell} in {one.period}: {one.effort:g}, {one.who}: {one.reason}" for one in allocation.overrides
        )
        or "none",
        **{name: str(value) for name, value in more.items()},
    }
    return replace(marking, facts={**marking.facts, **facts})


def allocation_table(allocation: Allocation, places: Places, marking: Marking) -> gpd.GeoDataFrame:
    """Return the long table of an allocation that every format writes.

    Parameters
    ----------
    allocation : Allocation
        Effort and what it covers.
    places : Places
        The cells, in its order.
    marking : Marking
        Grade and decision, repeated in each row so that they survive copying.

    Returns
    -------
    GeoDataFrame
        The columns of ``COLUMNS``, one row a cell and period, also where there is no effort.

    Raises
    ------
    InputError
        If places and allocation are not of the same cells.
    """
    cells, periods = allocation.effort.shape
    if not allocation.effort.indexes["cell"].equals(places.cells):
        msg = (
            f"Allocation and places hold different cells ({cells} and {len(places.cells)}); use those of the forecast."
        )
        raise InputError(msg)
    row = np.repeat(np.arange(cells), periods)
    columns: dict[str, Any] = {
        "cell": places.cells.to_numpy()[row],
        "area": places.area[row],
        "period": np.tile(allocation.periods.start_time.strftime("%Y-%m-%d").to_numpy(), cells),
        "effort": allocation.effort.values.ravel(),
        "covered": allocation.covered.values.ravel(),
        "inclusion": allocation.inclusion.values.ravel(),
        "geometry": places.geometry.array[row],
        "grade": marking.grade,
        "decision": marking.decision,
    }
    return gpd.GeoDataFrame(columns, geometry="geometry", crs=places.geometry.crs)


def write_allocation(table: gpd.GeoDataFrame, marking: Marking, folder: Path) -> list[Path]:
    """Return ``allocation.parquet``, ``allocation.gpkg``, ``allocation.csv`` and the facts beside the last.

    Parameters
    ----------
    table : GeoDataFrame
        As :func:`allocation_table`.
    marking : Marking
        Goes into the metadata of each file.
    folder : Path
        Where to write.

    Returns
    -------
    list of Path
        Four files.
    """
    facts = dict(marking.facts)
    parquet, package, text = (folder / f"allocation.{form}" for form in ("parquet", "gpkg", "csv"))
    table.to_parquet(parquet, compression="zstd", index=False)
    stored = pq.read_table(parquet)
    metadata = {**(stored.schema.metadata or {}), _KEY: json.dumps({"facts": facts}).encode()}
    pq.write_table(stored.replace_schema_metadata(metadata), parquet, compression="zstd")
    pyogrio.write_dataframe(
        table,
        package,
        layer=_LAYER,
        driver="GPKG",
        dataset_metadata=facts,
        layer_metadata=facts,
        layer_options={"IDENTIFIER": f"{_LAYER}: {marking.headline}", "DESCRIPTION": facts["caveat"]},
    )
    centres = table.geometry.centroid.to_crs("EPSG:4326")
    rows = pd.DataFrame(table.drop(columns=["geometry", "grade", "decision"]))
    rows = rows.assign(lat=centres.y.round(6).to_numpy(), lon=centres.x.round(6).to_numpy())
    return [parquet, package, *write_rows(rows, marking, text)]


def write_rows(rows: pd.DataFrame, marking: Marking, path: Path) -> list[Path]:
    """Return a CSV and the facts beside it.

    Parameters
    ----------
    rows : DataFrame
        Any table: text is made harmless to spreadsheets, numbers keep six digits.
    marking : Marking
        Scope, grade and decision stand in each row, all facts in the file beside it.
    path : Path
        The CSV to write.

    Returns
    -------
    list of Path
        Two files.
    """
    plain = {
        name: significant(column)
        if pd.api.types.is_float_dtype(column)
        else column
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
        else column.fillna("").astype(str).map(inert)
        for name, column in rows.items()
    }
    table = pd.DataFrame(plain).assign(caveat=SCOPE, grade=marking.grade, decision=marking.decision)
    table.to_csv(path, index=False, encoding="utf-8", lineterminator="\n")
    facts = json.dumps(dict(marking.facts), indent=2, ensure_ascii=False)
    beside(path).write_text(facts + "\n", encoding="utf-8")
    return [path, beside(path)]
