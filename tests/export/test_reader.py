import json
import re
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr

from ilp_models.domain.errors import StorageError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.recent_counts import RecentCounts
from ilp_models.export.geoparquet import METADATA_KEY, RUN_FORMAT, table_checksum, write_table
from ilp_models.export.reader import read_forecast, read_stored
from ilp_models.export.table import CellTable, FlaggedCells
from ilp_models.export.writers import Export
from tests.builders import city, forecast_on, history_of, poisson_counts, square_grid
from tests.export.decisions import provenance_of

GRID = square_grid()


def stored(folder, forecast):
    return Export(("parquet",)).write(forecast, GRID, provenance_of(forecast), None, folder)[0]


@pytest.mark.parametrize("periods", [1, 3])
def test_the_forecast_is_restored_exactly(tmp_path, periods):
    forecast = forecast_on(GRID, periods=periods)
    again = read_forecast(stored(tmp_path, forecast))
    assert again.digest() == forecast.digest()
    assert again.dispersion.equals(forecast.dispersion)
    assert again.periods.equals(forecast.periods)
    assert (again.cutoff, again.forecaster, again.recipe) == (forecast.cutoff, "ewma", forecast.recipe)


@pytest.mark.parametrize("freq", ["D", "M", "W-TUE"])
def test_other_calendars_and_unit_dispersion_are_restored(tmp_path, freq):
    weekly = forecast_on(GRID, periods=2)
    periods = pd.period_range("2022-02-01", periods=2, freq=freq)
    expected = weekly.expected.assign_coords(period=periods)
    spread = xr.full_like(expected, 0.1)
    forecast = RiskForecast.negative_binomial(expected, spread, pd.Timestamp("2022-01-31 06:30:00.123456"))
    again = read_forecast(stored(tmp_path, forecast))
    assert again.digest() == forecast.digest()
    assert again.dispersion.equals(spread)


def test_cells_and_provenance_are_restored(tmp_path):
    forecast = forecast_on(GRID, periods=2)
    _, cells, provenance, run_format = read_stored(stored(tmp_path, forecast))
    assert cells.cells.equals(GRID.cells)
    assert cells.area.tolist() == GRID.parents["neighbourhood"].tolist()
    assert cells.geometry.geom_equals(gpd.GeoSeries(list(GRID.geometry), crs=GRID.crs)).all()
    assert cells.geometry.crs == GRID.crs
    assert provenance == provenance_of(forecast)
    assert run_format == RUN_FORMAT


def test_recent_counts_and_flagged_cells_are_restored(tmp_path):
    grid = city()
    forecast = forecast_on(grid, periods=2, types=("a", "b"))
    recent = RecentCounts.from_history(history_of(poisson_counts((2, 12, 5)), grid), forecast.periods)
    flags = forecast.expected > forecast.expected.median()
    places = replace(CellTable.from_grid(grid, recent=recent), flagged=FlaggedCells(flags, "true: above the median"))
    path = Export(("parquet",)).write(forecast, places, provenance_of(forecast), None, tmp_path)[0]
    cells = read_stored(path)[1]
    assert (cells.recent.unit, cells.recent.last_period, cells.recent.text) == ("week", recent.last_period, recent.text)
    for name, counts in recent.counts.items():
        np.testing.assert_array_equal(*xr.broadcast(cells.recent.counts[name], counts))
    assert cells.flagged.rule == "true: above the median"
    np.testing.assert_array_equal(cells.flagged.cells, flags)
    assert cells.digest() == CellTable.from_grid(grid).digest()


@pytest.mark.parametrize("column", ["flagged", "last_week"])
def test_changed_counts_and_flags_are_an_error(tmp_path, column):
    grid = city()
    forecast = forecast_on(grid, types=("a", "b"))
    recent = RecentCounts.from_history(history_of(poisson_counts((2, 12, 5)), grid), forecast.periods)
    places = replace(CellTable.from_grid(grid, recent=recent), flagged=FlaggedCells(forecast.expected > 0.1, "rule"))
    path = Export(("parquet",)).write(forecast, places, provenance_of(forecast), None, tmp_path)[0]
    edit(path, column, lambda values: 1 - values.astype(int) if column == "last_week" else ~values)
    with pytest.raises(StorageError, match="changed after it was written"):
        read_forecast(path)


def edit(path, column, change):
    table = pq.read_table(path)
    values = change(table[column].to_pandas())
    position = table.column_names.index(column)
    pq.write_table(table.set_column(position, column, pa.array(values, table.schema.field(column).type)), path)


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("expected", lambda values: values + np.where(values.index == 3, 1e-12, 0)),
        ("rank", lambda values: values[::-1]),
        ("area", lambda values: values.replace("West", "North")),
        ("grade", lambda values: values.replace("research", "allocation")),
        ("geometry", lambda values: values[::-1]),
    ],
)
def test_a_changed_column_is_an_error(tmp_path, column, change):
    path = stored(tmp_path, forecast_on(GRID))
    edit(path, column, change)
    with pytest.raises(StorageError, match="changed after it was written"):
        read_forecast(path)


def test_changed_facts_are_an_error(tmp_path):
    path = stored(tmp_path, forecast_on(GRID))
    table = pq.read_table(path)
    record = json.loads(table.schema.metadata[b"ilp_models"])
    record["facts"]["grade"] = "allocation"
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, b"ilp_models": json.dumps(record)}), path)
    with pytest.raises(StorageError, match="changed after it was written"):
        read_forecast(path)


@pytest.mark.parametrize("damaged", [b"", b"{", b"\xff", b'"a', b"[" * 100_000])
def test_damaged_facts_are_an_error(tmp_path, damaged):
    path = stored(tmp_path, forecast_on(GRID))
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, METADATA_KEY: damaged}), path)
    with pytest.raises(StorageError, match=r"cannot be read as GeoParquet \(.*\)\. Run the forecast again\."):
        read_forecast(path)


def test_a_damaged_shape_is_an_error(tmp_path):
    path = stored(tmp_path, forecast_on(GRID))
    table = pq.read_table(path)
    place = table.schema.get_field_index("geometry")
    shapes = [shape[:-1] + bytes([shape[-1] ^ 1]) for shape in table["geometry"].to_pylist()]  # rings are open
    field = table.schema.field("geometry")
    pq.write_table(table.set_column(place, field, pa.array(shapes, field.type)), path)
    with pytest.raises(StorageError, match=r"cannot be read as GeoParquet \(.*LinearRing.*\)\. Run the forecast again"):
        read_forecast(path)


def test_a_missing_text_is_an_error(tmp_path):
    path = stored(tmp_path, forecast_on(GRID))
    table = pq.read_table(path)
    texts = pa.array([None, *table["cell"].to_pylist()[1:]], table.schema.field("cell").type)
    pq.write_table(table.set_column(table.schema.get_field_index("cell"), table.schema.field("cell"), texts), path)
    with pytest.raises(StorageError, match=r"cannot be read as GeoParquet \(.*\)\. Run the forecast again\."):
        read_forecast(path)


@pytest.mark.parametrize("other", ["[]", "1", "null", "{}"])
def test_facts_that_are_no_record_are_an_error(tmp_path, other):
    path = stored(tmp_path, forecast_on(GRID))
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, METADATA_KEY: other}), path)
    with pytest.raises(StorageError, match="changed after it was written"):
        read_forecast(path)


@pytest.mark.parametrize("part", ["dispersion", "freq", "digest", "facts"])
def test_a_file_of_another_version_is_refused_with_the_version_that_wrote_it(tmp_path, part):
    path = stored(tmp_path, forecast_on(GRID))
    table, record = gpd.read_parquet(path), json.loads(pq.read_schema(path).metadata[METADATA_KEY])
    del record["seal"]
    record["renamed"] = record.pop(part)
    write_table(table, {**record, "seal": table_checksum(table, record)}, path)
    writer = "unknown" if part == "facts" else re.escape(record["facts"]["code"])
    refusal = rf"written by another version \({writer}\), .* Run the forecast again with this version\.$"
    with pytest.raises(StorageError, match=refusal):
        read_forecast(path)


def test_other_files_are_errors(tmp_path):
    with pytest.raises(StorageError, match="does not exist"):
        read_forecast(tmp_path / "forecast.parquet")
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(StorageError, match="cannot be read"):
        read_forecast(tmp_path / "text.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "plain.parquet")
    with pytest.raises(StorageError, match="not written by ilp"):
        read_forecast(tmp_path / "plain.parquet")
    whole = stored(tmp_path, forecast_on(GRID))
    (tmp_path / "half.parquet").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(StorageError, match="cannot be read"):
        read_forecast(tmp_path / "half.parquet")
