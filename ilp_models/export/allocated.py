"""Allocations as files: GeoParquet, GeoPackage and CSV, and the tables of their products, all marked."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np

from ilp_models.domain.allocation import Allocation
from ilp_models.domain.errors import InputError
from ilp_models.export.delimited import write_rows
from ilp_models.export.geopackage import write_layer
from ilp_models.export.geoparquet import write_table
from ilp_models.export.marking import Marking
from ilp_models.export.table import CellTable

COLUMNS: Final = ("cell", "area", "period", "effort", "covered", "inclusion", "geometry", "grade", "decision")
_LAYER: Final = "allocation"


def marked(marking: Marking, allocation: Allocation, more: Mapping[str, Any]) -> Marking:
    """Return a marking that also says what was allocated, how and by whose choice."""
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


def allocation_table(allocation: Allocation, places: CellTable, marking: Marking) -> gpd.GeoDataFrame:
    """Return the long table of an allocation that every format writes."""
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
    """Return ``allocation.parquet``, ``allocation.gpkg``, ``allocation.csv`` and the facts beside the last."""
    parquet, package, text = (folder / f"allocation.{form}" for form in ("parquet", "gpkg", "csv"))
    write_table(table, {"facts": dict(marking.facts)}, parquet)
    write_layer(table, marking, package, _LAYER)
    return [parquet, package, *write_rows(table, marking.facts, text)]
