"""The long table of a risk grid: one row per crime type, cell and period."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
import xarray as xr

from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import QUANTILE_COLUMNS, RiskForecast
from ilp_models.domain.grid import Grid, parent_labels
from ilp_models.domain.panel import DIMS
from ilp_models.domain.recent_counts import RecentCounts
from ilp_models.export.marking import Marking

DEGREES: Final = ("lat", "lon")  # columns
COLUMNS: Final = (
    "cell",
    "area",
    "crime_type",
    "period",
    "start",
    "end",
    "expected",
    *QUANTILE_COLUMNS,
    "rank",
    "share",
    *DEGREES,
    "geometry",
    "grade",
    "decision",
)


FLAGGED: Final = "flagged"  # column; only after an audit
OVERUSED: Final = "overused_points"  # column; only if the records are known
_DECIMALS: Final = 6  # of degrees


@dataclass(frozen=True, eq=False)
class FlaggedCells:
    """The cells that the audited map flags, by crime type, cell and period, and the rule that chose them."""

    cells: xr.DataArray  # true or false
    rule: str  # such as: the highest 5 % of the land, ranked by count


@dataclass(frozen=True, eq=False)
class CellTable:
    """Names, shapes and parent areas of the cells of a grid, and what else is known of them."""

    cells: pd.Index
    geometry: gpd.GeoSeries  # one polygon per cell, projected CRS (metres)
    area: npt.NDArray[np.object_]  # label of the parent area, or empty text
    overused: Mapping[str, npt.NDArray[np.float64]] | None = None  # by type: share of records at over-used points
    recent: RecentCounts | None = None
    flagged: FlaggedCells | None = None

    @classmethod
    def from_grid(cls, grid: Grid, overused: pd.DataFrame | None = None, recent: RecentCounts | None = None) -> Self:
        """Return the cells of a grid with the first level of its parent areas.

        ``overused`` is the table of :func:`ilp_models.domain.overused_points.overused_by_cell`.
        """
        shares = None
        if overused is not None:
            names = grid.cells.astype(str)
            shares = {
                str(kind): rows.set_index("cell")["share"].reindex(names).fillna(0.0).to_numpy(dtype=float)
                for kind, rows in overused.groupby("crime_type")
            }
        return cls(grid.cells, gpd.GeoSeries(list(grid.geometry), crs=grid.crs), parent_labels(grid), shares, recent)

    @property
    def centres(self) -> dict[str, npt.NDArray[np.float64]]:
        """Latitude and longitude of the centre of each cell, degrees (WGS84)."""
        points = self.geometry.centroid.to_crs("EPSG:4326")
        return dict(zip(DEGREES, (one.round(_DECIMALS).to_numpy() for one in (points.y, points.x)), strict=True))

    @property
    def facts(self) -> dict[str, str]:
        """What the columns on flagged cells and recorded crimes mean."""
        flagged = {} if self.flagged is None else {FLAGGED: self.flagged.rule}
        return flagged if self.recent is None else {**flagged, "recorded": self.recent.text}

    def digest(self) -> str:
        """Return a SHA-256 over names, shapes, CRS and parent areas."""
        crs = "" if self.geometry.crs is None else self.geometry.crs.to_json()
        shapes = list(shapely.to_wkb(self.geometry.to_numpy()))
        return digest_of(crs, list(map(str, self.cells)), list(map(str, self.area)), shapes)


def risk_table(forecast: RiskForecast, cell_table: CellTable, marking: Marking) -> gpd.GeoDataFrame:
    """Return the risk grid that every format writes."""
    if not forecast.expected.indexes["cell"].equals(cell_table.cells):
        sizes = f"{forecast.expected.sizes['cell']} and {len(cell_table.cells)}"
        msg = f"Forecast and grid have different cells ({sizes}). Use the grid of the forecast."
        raise InputError(msg)
    types, cells, periods = forecast.expected.shape
    expected = forecast.expected.values
    row = np.tile(np.repeat(np.arange(cells), periods), types)
    periods_of_row = np.tile(np.arange(periods), types * cells)
    first, last = ([one.date() for one in times] for times in (forecast.periods.start_time, forecast.periods.end_time))
    columns: dict[str, object] = {
        "cell": cell_table.cells.to_numpy()[row],
        "area": cell_table.area[row],
        "crime_type": np.repeat(forecast.expected.indexes["crime_type"].to_numpy(), cells * periods),
        "period": forecast.periods.start_time.strftime("%Y-%m-%d").to_numpy()[periods_of_row],
        "start": np.array(first, dtype=object)[periods_of_row],
        "end": np.array(last, dtype=object)[periods_of_row],
        "expected": expected.ravel(),
    }
    for level, name in enumerate(QUANTILE_COLUMNS):
        columns[name] = forecast.quantiles.values[level].ravel()
    columns["rank"] = _ranks(expected).ravel()
    columns["share"] = _shares(expected).ravel()
    columns |= _known_columns(forecast, cell_table)
    columns |= {name: values[row] for name, values in cell_table.centres.items()}
    columns["geometry"] = cell_table.geometry.array[row]
    columns["grade"] = marking.grade
    columns["decision"] = marking.decision
    return gpd.GeoDataFrame(columns, geometry="geometry", crs=cell_table.geometry.crs)


def _known_columns(forecast: RiskForecast, cell_table: CellTable) -> dict[str, object]:
    """Return the columns that only some forecasts have: flagged, recorded counts, over-used points."""
    expected, columns = forecast.expected, dict[str, object]()
    if cell_table.flagged is not None:
        columns[FLAGGED] = cell_table.flagged.cells.transpose(*DIMS).values.ravel()
    for name, count in (cell_table.recent.counts if cell_table.recent is not None else {}).items():
        values = count.broadcast_like(expected).transpose(*DIMS).values.ravel()
        columns[name] = pd.array(values, dtype="Int64")
    if cell_table.overused is not None:
        none = np.zeros(len(cell_table.cells))
        kinds = map(str, expected.indexes["crime_type"])
        shares = np.concatenate([cell_table.overused.get(kind, none) for kind in kinds])
        columns[OVERUSED] = np.repeat(shares, expected.sizes["period"])
    return columns


def _ranks(expected: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """Return ranks over cells (1 is the highest), shape (types, cells, periods)."""
    types, cells, periods = expected.shape
    flat = pd.DataFrame(expected.transpose(1, 0, 2).reshape(cells, types * periods))
    ranks = flat.rank(ascending=False, method="min").to_numpy().astype(np.int32)
    return np.asarray(ranks.reshape(cells, types, periods).transpose(1, 0, 2))


def _shares(expected: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the share of each cell in the sum over cells; 0 if the sum is 0."""
    total = expected.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(expected, total, out=np.zeros_like(expected), where=total > 0))


def round_significant(values: pd.Series, digits: int = 6) -> pd.Series:
    """Return numbers rounded to significant digits, for text formats."""
    return values.map(lambda value: float(f"{value:.{digits}g}"))
