"""GeoParquet: the file from which a forecast can be rebuilt to the last bit, and that notices when it was changed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import shapely
import xarray as xr
from pyarrow import ArrowException

from ilp_models.domain.errors import StorageError
from ilp_models.domain.forecast import QUANTILE_COLUMNS, RiskForecast
from ilp_models.domain.panel import DIMS
from ilp_models.export.marking import Marking, Provenance
from ilp_models.export.table import CellTable
from ilp_models.stats.distributions import LEVELS

_KEY: Final = b"ilp_models"


def write(forecast: RiskForecast, table: gpd.GeoDataFrame, marking: Marking, path: Path) -> None:
    """Write a risk grid as GeoParquet in its projected CRS."""
    record: dict[str, Any] = {
        "facts": dict(marking.facts),
        "freq": forecast.periods.freqstr,
        "cutoff": forecast.cutoff.isoformat(),
        "forecaster": forecast.forecaster,
        "recipe": forecast.recipe,
        "digest": forecast.digest(),
        "dispersion": {"dims": list(forecast.dispersion.dims), "values": forecast.dispersion.values.tolist()},
    }
    write_table(table, {**record, "seal": _seal(table, record)}, path)


def write_table(table: gpd.GeoDataFrame, record: Mapping[str, Any], path: Path) -> None:
    """Write a table as GeoParquet with a record of this package in its metadata."""
    table.to_parquet(path, compression="zstd", index=False)
    stored = pq.read_table(path)
    metadata = {**(stored.schema.metadata or {}), _KEY: json.dumps(record).encode()}
    pq.write_table(stored.replace_schema_metadata(metadata), path, compression="zstd")


def read_forecast(path: Path) -> RiskForecast:
    """Return the very forecast that was written to a GeoParquet file."""
    return read_stored(path)[0]


def read_stored(path: Path) -> tuple[RiskForecast, CellTable, Provenance]:
    """Return a stored forecast, its cells with their shapes and parent areas, and where it came from."""
    table, record = _read(path)
    forecast = _forecast(table, record)
    if forecast.digest() != record["digest"]:
        raise StorageError(_changed(path))
    once = table.drop_duplicates("cell")
    geometry = gpd.GeoSeries(once.geometry.array, crs=table.crs)
    places = CellTable(pd.Index(once["cell"].to_numpy()), geometry, once["area"].astype(object).to_numpy())
    facts = {name: record["facts"][name] for name in Provenance.__dataclass_fields__}
    return forecast, places, Provenance(**facts)


def _forecast(table: gpd.GeoDataFrame, record: dict[str, Any]) -> RiskForecast:
    periods = pd.PeriodIndex(pd.to_datetime(table["period"].unique()), freq=record["freq"])
    coords = {"crime_type": table["crime_type"].unique(), "cell": pd.Index(table["cell"].unique()), "period": periods}
    shape = tuple(len(coords[name]) for name in DIMS)
    expected = xr.DataArray(table["expected"].to_numpy().reshape(shape), dims=DIMS, coords=coords, name="expected")
    levels = np.stack([table[name].to_numpy().reshape(shape) for name in QUANTILE_COLUMNS])
    quantiles = xr.DataArray(levels, dims=("quantile", *DIMS), coords={"quantile": list(LEVELS), **coords})
    spread = record["dispersion"]
    dispersion = xr.DataArray(
        np.array(spread["values"], dtype=float),
        dims=spread["dims"],
        coords={name: coords[name] for name in spread["dims"]},
    )
    cutoff = pd.Timestamp(record["cutoff"])
    return RiskForecast(expected, quantiles, dispersion, cutoff, record["forecaster"], record["recipe"])


def _read(path: Path) -> tuple[gpd.GeoDataFrame, dict[str, Any]]:
    """Return the table and the record of a file whose seal holds."""
    if not path.is_file():
        msg = f"{path} is not there; give the folder of a run that wrote forecast.parquet."
        raise StorageError(msg)
    try:
        metadata = pq.read_schema(path).metadata or {}
        table = gpd.read_parquet(path) if _KEY in metadata else None
    except (ArrowException, OSError, ValueError) as error:
        msg = f"{path} cannot be read as GeoParquet ({str(error).partition(chr(10))[0]}); run the forecast again."
        raise StorageError(msg) from error
    if table is None:
        msg = f"{path} was not written by ilp, or lost its metadata; run the forecast again."
        raise StorageError(msg)
    record: dict[str, Any] = json.loads(metadata[_KEY])
    if record.pop("seal", None) != _seal(table, record):
        raise StorageError(_changed(path))
    return table, record


def _changed(path: Path) -> str:
    return f"{path} was changed after it was written: its content does not match its digest. Run the forecast again."


def _seal(table: gpd.GeoDataFrame, record: dict[str, Any]) -> str:
    """Return a SHA-256 over every column and the record: it notices changes, it does not prove who wrote the file."""
    known = hashlib.sha256(json.dumps(record, sort_keys=True).encode())
    for name in table.columns:
        known.update(name.encode())
        column = table[name]
        if name == table.geometry.name:
            known.update(b"".join(shapely.to_wkb(column.to_numpy())))
        elif pd.api.types.is_numeric_dtype(column):
            known.update(np.ascontiguousarray(column.to_numpy()).tobytes())
        else:
            known.update("\x00".join(column.astype(str)).encode())
    return known.hexdigest()
