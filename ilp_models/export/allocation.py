"""Write allocations as GeoParquet, GeoPackage and CSV, each with its grade, decision and provenance."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np

from ilp_models.domain.allocation import Allocation
from ilp_models.domain.errors import InputError
from ilp_models.export.csv_tables import write_rows
from ilp_models.export.geopackage import add_styles, describe_columns, write_layer
from ilp_models.export.geoparquet import write_table
from ilp_models.export.marking import Marking
from ilp_models.export.qgis_style import EFFORT, map_groups, qgis_style
from ilp_models.export.table import DEGREES, CellTable

COLUMNS: Final = ("cell", "area", "period", "effort", "covered", "inclusion", *DEGREES, "geometry", "grade", "decision")
_LAYER: Final = "allocation"


def allocation_marking(marking: Marking, allocation: Allocation, more: Mapping[str, Any]) -> Marking:
    """Return the marking of a forecast with the facts of an allocation: method, objective, budget and overrides."""
    facts = {
        "allocator": allocation.allocator,
        "objective": allocation.objective,
        "budget": f"{allocation.budget:g} {allocation.unit} in each period",
        "units": f"effort: {allocation.unit} per cell and period; covered: {allocation.objective}; inclusion: "
        "probability that the cell receives effort",
        "overrides": "; ".join(
            f"{one.cell} in {one.period}: {one.effort:g}, {one.who}: {one.reason}" for one in allocation.overrides
        )
        or "none",
        **{name: str(value) for name, value in more.items()},
    }
    return replace(marking, facts={**marking.facts, **facts})


def allocation_table(allocation: Allocation, cell_table: CellTable, marking: Marking) -> gpd.GeoDataFrame:
    """Return the long table of an allocation that every format writes."""
    cells, periods = allocation.effort.shape
    if not allocation.effort.indexes["cell"].equals(cell_table.cells):
        msg = (
            f"Allocation and grid have different cells ({cells} and {len(cell_table.cells)}). Use the grid of the "
            "forecast."
        )
        raise InputError(msg)
    row = np.repeat(np.arange(cells), periods)
    columns: dict[str, Any] = {
        "cell": cell_table.cells.to_numpy()[row],
        "area": cell_table.area[row],
        "period": np.tile(allocation.periods.start_time.strftime("%Y-%m-%d").to_numpy(), cells),
        "effort": allocation.effort.values.ravel(),
        "covered": allocation.covered.values.ravel(),
        "inclusion": allocation.inclusion.values.ravel(),
        **{name: values[row] for name, values in cell_table.centres.items()},
        "geometry": cell_table.geometry.array[row],
        "grade": marking.grade,
        "decision": marking.decision,
    }
    return gpd.GeoDataFrame(columns, geometry="geometry", crs=cell_table.geometry.crs)


def write_allocation(table: gpd.GeoDataFrame, marking: Marking, folder: Path) -> list[Path]:
    """Write ``allocation.parquet``, ``allocation.gpkg`` and ``allocation.csv`` with ``.csv.json``; return the paths."""
    parquet, package, text = (folder / f"allocation.{form}" for form in ("parquet", "gpkg", "csv"))
    write_table(table, {"facts": dict(marking.facts)}, parquet)
    write_layer(table, marking, package, (_LAYER, _LAYER))
    columns = [name for name in table.columns if name != table.geometry.name]
    describe_columns(package, {_LAYER: columns})
    if groups := map_groups(table, ("period",), EFFORT):
        style = qgis_style(groups, columns, marking.note, EFFORT)
        add_styles(package, {_LAYER: style}, EFFORT.title, marking.note)
    return [parquet, package, *write_rows(table, marking, text)]
