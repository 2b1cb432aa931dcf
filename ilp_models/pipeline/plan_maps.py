"""Maps of a plan: its places for a shift and for middle managers, and neighbourhoods for the public."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
import xarray as xr

from ilp_models.pipeline.allocation_result import AllocationResult
from ilp_models.report.formatting import period_label
from ilp_models.report.interactive_map import InteractiveMap, MapMeasure
from ilp_models.report.maps import MapGeometry, plot_cells
from ilp_models.report.page import FigureFile
from ilp_models.report.plots import save_figure


def plan_map(result: AllocationResult, path: Path, top: npt.NDArray[np.int64]) -> tuple[InteractiveMap, FigureFile]:
    """Return the map of effort and expected crimes in the first period, and its figure with the cells ``top``."""
    period = period_label(result.allocation.periods[0])
    effort, expected = result.allocation.effort.values[:, 0], result.expected[:, 0]
    recent = result.run.places.recent
    measures = [
        MapMeasure("Receives effort", "class", (effort > 0).astype(float)[None], words=("no", "yes")),
        MapMeasure(f"Effort, {result.allocation.unit}", "amount", effort[None]),
        MapMeasure("Expected crimes, all types", "amount", expected[None]),
    ]
    if recent is not None:
        recorded = recorded_by_cell(recent.last)[None]
        measures.append(MapMeasure(f"Recorded last {recent.unit}, all types", "count", recorded))
    shown = InteractiveMap(
        title=f"Map of the plan, {period}. Arrow keys choose a cell.",
        geometry=result.grid.geometry,
        crs=result.grid.crs,
        names=list(map(str, result.places)),
        codes=list(map(str, result.grid.cells)),
        types=["all types"],
        measures=measures,
        areas=result.areas,
    )
    geometry = MapGeometry.from_cells(result.grid.geometry, result.areas)
    save_figure(plot_cells(geometry, expected, top, f"All types: {period}"), path)
    figure = FigureFile(
        path,
        f"Map of expected crimes; the {len(top)} places that cover most expected crime are outlined and numbered.",
        f"Expected crimes of all types. Outlined: the {len(top)} places that cover most.",
    )
    return shown, figure


def community_map(result: AllocationResult, table: pd.DataFrame, path: Path) -> tuple[InteractiveMap, FigureFile]:
    """Return the map of neighbourhoods with what the public may see of them, and its figure."""
    shapes = [shapely.union_all(result.grid.geometry[result.areas == area]) for area in table["area"]]
    geometry = np.array(shapes, dtype=object)
    cover = table["coverage"].to_numpy(dtype=float)
    both = np.where(table["under_protected"], 1.0, 0.0)
    measures = [
        MapMeasure("Expected crime that the plan covers, %", "amount", 100 * cover[None]),
        MapMeasure("Recorded crimes for each 1,000 residents", "amount", _row(table, "recorded_per_1000")),
        MapMeasure("Recorded crimes", "amount", _row(table, "recorded")),
        MapMeasure("Much crime and little cover", "class", both[None], words=("no", "yes")),
    ]
    names = [str(area) for area in table["area"]]
    shown = InteractiveMap(
        title=f"Map of neighbourhoods, {result.period_text}. Arrow keys choose a neighbourhood.",
        geometry=geometry,
        crs=result.grid.crs,
        names=names,
        codes=[""] * len(names),
        types=["all types"],
        measures=measures,
        areas=np.array(names, dtype=object),
    )
    drawn = MapGeometry.from_cells(geometry, np.array(names, dtype=object))
    drawn = replace(drawn, legend="expected crime that the plan covers, %")
    none = np.empty(0, dtype=np.int64)
    save_figure(plot_cells(drawn, np.nan_to_num(100 * cover), none, "Cover by neighbourhood"), path)
    alt = f"Map of {len(names)} neighbourhoods: the share of expected crime that the plan covers."
    return shown, FigureFile(path, alt, "Share of the expected crime that the plan covers. Darker means more.")


def recorded_by_cell(counts: xr.DataArray) -> npt.NDArray[Any]:
    """Return recorded crimes of all types in each cell."""
    values = counts.values if counts.ndim == 2 else counts.values[:, :, 0]
    return np.asarray(values.sum(axis=0), dtype=float)


def _row(table: pd.DataFrame, name: str) -> npt.NDArray[Any]:
    return table[name].to_numpy(dtype=float)[None]
