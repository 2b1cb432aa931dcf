"""Compose the interactive map of the weekly report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.grid import Grid, parent_labels
from ilp_models.domain.layer import Layer
from ilp_models.domain.place_names import place_names
from ilp_models.report.formatting import period_label, period_noun
from ilp_models.report.interactive_map import InteractiveMap, MapMeasure
from ilp_models.report.last_map import LastMap
from ilp_models.stats.distributions import quantiles

Floats = npt.NDArray[np.float64]

_WITH_REASONS: Final = 100  # highest cells of each crime type; sentences for all cells would be most of the page


@dataclass(frozen=True, eq=False)
class MapEvidence:
    """What the map of a week shows in addition to the forecast; a part that is None is left out."""

    recorded: Floats | None = None  # counts of the latest period with complete records, shape (types, cells)
    recorded_period: pd.Period | None = None
    flagged: Floats | None = None  # part of each cell by the audited rule, shape (types, cells)
    places: npt.NDArray[np.object_] | None = None  # name of the place of each cell
    layers: Sequence[Layer] = ()  # of the user
    last: LastMap | None = None  # the map of the latest recorded period


def weekly_map(
    forecast: RiskForecast, grid: Grid, evidence: MapEvidence, reasons: pd.DataFrame | None = None, mark: str = ""
) -> InteractiveMap:
    """Return the map of the first period: expected and recorded counts, change and flagged cells of each type."""
    period = forecast.periods[0]
    noun, kinds = period_noun(period), list(map(str, forecast.expected.indexes["crime_type"]))
    several = len(kinds) > 1
    expected = forecast.expected.values[:, :, 0]
    low, high = forecast.quantiles.values[0, :, :, 0], forecast.quantiles.values[-1, :, :, 0]
    if several:
        low, high = (np.vstack(pair) for pair in zip(_pooled_interval(forecast), (low, high), strict=True))
    pooled = _with_sum(expected) if several else expected
    measures = [
        MapMeasure(f"Expected this {noun}", "amount", pooled, note="Classes: 50, 80, 90, 95 and 99 % of the cells."),
        MapMeasure(f"In nine of ten such {noun}s", "range", low, high),
    ]
    if evidence.recorded is not None and evidence.recorded_period is not None:
        recorded = _with_sum(evidence.recorded) if several else evidence.recorded
        label = f"{evidence.recorded_period.start_time:%-d %B} to {evidence.recorded_period.end_time:%-d %B %Y}"
        last = f"Recorded last {noun}"
        measures += [
            MapMeasure(last, "count", recorded, note=f"The last complete {noun} of the records: {label}."),
            MapMeasure(
                f"Change: expected minus recorded last {noun}",
                "change",
                pooled - recorded,
                note=f"One {noun} in one cell varies by chance: a high count is usually followed by a lower one.",
            ),
        ]
    if evidence.flagged is not None:
        flags = (evidence.flagged > 0).astype(float)
        flags = np.vstack([flags.max(axis=0), flags]) if several else flags
        measures.append(MapMeasure("Flagged by the audited rule", "class", flags, words=("no", "yes")))
    if evidence.last is not None:
        change = evidence.last.gone + 2.0 * evidence.last.lasting + 3.0 * evidence.last.new
        words = ("not flagged", "gone", "lasting", "new")
        measures.append(MapMeasure(f"Flags since last {noun}, any type", "class", change[None], words=words))
    return InteractiveMap(
        title=f"Map of expected crimes by cell, {period_label(period)}. Arrow keys choose a cell.",
        geometry=grid.geometry,
        crs=grid.crs,
        names=list(map(str, place_names(grid) if evidence.places is None else evidence.places)),
        codes=list(map(str, grid.cells)),
        types=(["all types"] if several else []) + kinds,
        measures=measures,
        areas=parent_labels(grid),
        layers=evidence.layers,
        reasons={} if reasons is None else _by_cell(reasons, period, kinds, grid.cells),
        mark=mark,
    )


def _with_sum(values: Floats) -> Floats:
    return np.vstack([values.sum(axis=0, keepdims=True), values])


def _pooled_interval(forecast: RiskForecast) -> tuple[Floats, Floats]:
    """Return the 90 % interval of all types together, if they vary independently given the forecast."""
    expected = forecast.expected.values[:, :, 0]
    spread = forecast.dispersion.broadcast_like(forecast.expected).transpose(*forecast.expected.dims).values[:, :, 0]
    total = expected.sum(axis=0)
    dispersion = (spread * expected**2).sum(axis=0) / np.where(total > 0, total, 1.0) ** 2
    ends = quantiles(total, np.round(dispersion, 2), (0.05, 0.95))  # few different dispersions: few steps
    return ends[0][None], ends[1][None]


def _by_cell(reasons: pd.DataFrame, period: pd.Period, kinds: list[str], cells: pd.Index) -> dict[tuple[int, int], str]:
    """Return the words on the highest cells of the first period, by position of type (after the pool) and cell."""
    rows = reasons[pd.to_datetime(reasons["period"]) == period.start_time]
    rows = rows.sort_values("expected", ascending=False, kind="stable").groupby("crime_type").head(_WITH_REASONS)
    first = 1 if len(kinds) > 1 else 0
    where = cells.astype(str).get_indexer(pd.Index(rows["cell"].astype(str)))
    return {
        (kinds.index(kind) + first, int(cell)): str(words)
        for kind, cell, words in zip(rows["crime_type"].astype(str), where, rows["words"], strict=True)
        if cell >= 0 and kind in kinds
    }
