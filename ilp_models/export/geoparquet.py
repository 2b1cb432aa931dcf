"""Write GeoParquet files from which a forecast can be restored exactly, with a checksum that detects changes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import shapely

from ilp_models.domain.digest import digest_of
from ilp_models.domain.forecast import RiskForecast
from ilp_models.export.marking import Marking
from ilp_models.export.table import CellTable

METADATA_KEY: Final = b"ilp_models"
# Of run folders; 1 without a mark. Raise it when decision.json, audit/ or model/ changes so that an earlier version
# cannot read it, or this one cannot read earlier ones. 2: settings and fields of findings renamed.
RUN_FORMAT: Final = 6


def write_geoparquet(
    forecast: RiskForecast, cell_table: CellTable, table: gpd.GeoDataFrame, marking: Marking, path: Path
) -> None:
    """Write a risk grid as GeoParquet in its projected CRS, with all parts of the forecast in the metadata."""
    recent, flagged = cell_table.recent, cell_table.flagged
    record: dict[str, Any] = {
        "run_format": RUN_FORMAT,
        "facts": dict(marking.facts),
        "freq": forecast.periods.freqstr,
        "cutoff": forecast.cutoff.isoformat(),
        "forecaster": forecast.forecaster,
        "recipe": forecast.recipe,
        "digest": forecast.digest(),
        "dispersion": {"dims": list(forecast.dispersion.dims), "values": forecast.dispersion.values.tolist()},
        "recent": None if recent is None else {"unit": recent.unit, "last": recent.last_period.start_time.isoformat()},
        "flagged": None if flagged is None else flagged.rule,
    }
    write_table(table, {**record, "seal": table_checksum(table, record)}, path)


def write_table(table: gpd.GeoDataFrame, record: Mapping[str, Any], path: Path) -> None:
    """Write a table as GeoParquet with a JSON record in the file metadata."""
    table.to_parquet(path, compression="zstd", index=False)
    stored = pq.read_table(path)
    metadata = {**(stored.schema.metadata or {}), METADATA_KEY: json.dumps(record).encode()}
    pq.write_table(stored.replace_schema_metadata(metadata), path, compression="zstd")


def table_checksum(table: gpd.GeoDataFrame, record: Mapping[str, Any]) -> str:
    """Return a SHA-256 over every column and the record; it detects changes but does not prove the author."""
    columns: list[object] = []
    for name in table.columns:
        column = table[name]
        if name == table.geometry.name:
            columns.append([name, list(shapely.to_wkb(column.to_numpy()))])
        elif isinstance(column.dtype, pd.Int64Dtype):
            columns.append([name, column.to_numpy(dtype=float, na_value=np.nan)])
        elif pd.api.types.is_numeric_dtype(column):
            columns.append([name, column.to_numpy()])
        else:
            columns.append([name, list(column.astype(str))])
    return digest_of(json.dumps(record, sort_keys=True), columns)
