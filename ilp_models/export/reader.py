"""Read a stored forecast (``forecast.parquet``) and check that the file was not changed."""

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ilp_models.domain.errors import StorageError
from ilp_models.domain.forecast import QUANTILE_COLUMNS, RiskForecast
from ilp_models.domain.panel import DIMS
from ilp_models.domain.parquet_file import open_parquet
from ilp_models.domain.recent_counts import RecentCounts, recent_columns
from ilp_models.export.geoparquet import METADATA_KEY, table_checksum
from ilp_models.export.marking import Provenance
from ilp_models.export.table import FLAGGED, OVERUSED, CellTable, FlaggedCells
from ilp_models.stats.distributions import LEVELS


def read_forecast(path: Path) -> RiskForecast:
    """Return the forecast that was written to a GeoParquet file, equal to the last bit.

    Parameters
    ----------
    path : Path
        File of :meth:`NextForecast.to_file`, or ``forecast.parquet`` of a run.

    Returns
    -------
    RiskForecast
        Expected counts and quantiles.

    Raises
    ------
    StorageError
        If the file is missing, damaged or changed.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(size_km=2, districts=2, weeks=30).read()
    >>> forecast = ilp.make_forecast(ilp.MovingAverage(4), events, ilp.SquareGrid(500))
    >>> path = forecast.to_file(folder / "grid.parquet")
    >>> ilp.read_forecast(path).digest() == forecast.forecast.digest()
    True
    """
    return read_stored(path)[0]


def read_stored(path: Path) -> tuple[RiskForecast, CellTable, Provenance, int]:
    """Return a stored forecast, its cells with shapes and parent areas, its provenance, and the format of its run."""
    table, record = _read(path)
    try:
        forecast = _forecast(table, record)
        changed = forecast.digest() != record["digest"]
        cells = table.drop_duplicates("cell")
        geometry = gpd.GeoSeries(cells.geometry.array, crs=table.crs)
        areas = cells["area"].astype(object).to_numpy()
        names = pd.Index(cells["cell"].to_numpy())
        recent, rule = _recent(table, record, forecast), record.get("flagged")
        flagged = FlaggedCells(_cube(table, FLAGGED, forecast), rule) if rule else None
        cell_table = CellTable(names, geometry, areas, _overused(table), recent, flagged)
        provenance = Provenance(**{name: record["facts"][name] for name in Provenance.__dataclass_fields__})
        run_format = int(record.get("run_format", 1))
    except (KeyError, TypeError, ValueError) as error:
        writer = (record.get("facts") or {}).get("code", "unknown")
        msg = (
            f"{path} was written by another version ({writer}), and this version cannot read it ({error!r}). "
            "Run the forecast again with this version."
        )
        raise StorageError(msg) from error
    if changed:
        raise StorageError(_changed_message(path))
    return forecast, cell_table, provenance, run_format


def _recent(table: gpd.GeoDataFrame, record: dict[str, Any], forecast: RiskForecast) -> RecentCounts | None:
    """Return the recorded counts before the forecast; None if the file does not have them."""
    stored = record.get("recent")
    if not stored:
        return None
    counts = {name: _cube(table, name, forecast).astype(float) for name in recent_columns(stored["unit"])}
    return RecentCounts(stored["unit"], pd.Period(stored["last"], freq=record["freq"]), counts)


def _cube(table: gpd.GeoDataFrame, name: str, forecast: RiskForecast) -> xr.DataArray:
    values = table[name].to_numpy(dtype=float, na_value=np.nan) if name != FLAGGED else table[name].to_numpy()
    return forecast.expected.copy(data=values.reshape(forecast.expected.shape))


def _overused(table: gpd.GeoDataFrame) -> dict[str, npt.NDArray[np.float64]] | None:
    """Return the share of records at over-used points by crime type and cell; None if the file does not have it."""
    if OVERUSED not in table:
        return None
    first = table[table["period"] == table["period"].iloc[0]]
    return {str(kind): rows[OVERUSED].to_numpy(dtype=float) for kind, rows in first.groupby("crime_type")}


def _forecast(table: gpd.GeoDataFrame, record: dict[str, Any]) -> RiskForecast:
    periods = pd.PeriodIndex(pd.to_datetime(table["period"].unique()), freq=record["freq"])
    coords = {"crime_type": table["crime_type"].unique(), "cell": pd.Index(table["cell"].unique()), "period": periods}
    shape = tuple(len(coords[name]) for name in DIMS)
    expected = xr.DataArray(table["expected"].to_numpy().reshape(shape), dims=DIMS, coords=coords, name="expected")
    levels = np.stack([table[name].to_numpy().reshape(shape) for name in QUANTILE_COLUMNS])
    quantiles = xr.DataArray(levels, dims=("quantile", *DIMS), coords={"quantile": list(LEVELS), **coords})
    stored = record["dispersion"]
    dispersion = xr.DataArray(
        np.array(stored["values"], dtype=float),
        dims=stored["dims"],
        coords={name: coords[name] for name in stored["dims"]},
    )
    cutoff = pd.Timestamp(record["cutoff"])
    return RiskForecast(expected, quantiles, dispersion, cutoff, record["forecaster"], record["recipe"])


def _read(path: Path) -> tuple[gpd.GeoDataFrame, dict[str, Any]]:
    """Return the table and the metadata record of a file whose checksum is right."""
    if not path.is_file():
        msg = f"{path} does not exist. Name the folder of a run that wrote forecast.parquet."
        raise StorageError(msg)
    try:
        with open_parquet(path) as parquet:
            facts = (parquet.schema_arrow.metadata or {}).get(METADATA_KEY)
        record: Any = None if facts is None else json.loads(facts)
        table = None if facts is None else gpd.read_parquet(path)
        changed = not isinstance(record, dict) or record.pop("seal", None) != table_checksum(table, record)
    except Exception as error:  # a damaged file can raise any error
        msg = f"{path} cannot be read as GeoParquet ({str(error).partition(chr(10))[0]}). Run the forecast again."
        raise StorageError(msg) from error
    if facts is None:
        msg = f"{path} was not written by ilp, or has lost its metadata. Run the forecast again."
        raise StorageError(msg)
    if changed:
        raise StorageError(_changed_message(path))
    return table, record


def _changed_message(path: Path) -> str:
    return f"{path} was changed after it was written: its content does not match its digest. Run the forecast again."
