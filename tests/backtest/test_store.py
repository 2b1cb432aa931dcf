import errno
import os
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import xarray as xr

from ilp_models.backtest.store import ForecastStore
from ilp_models.domain.errors import StorageError
from ilp_models.domain.forecast import COLUMNS
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Cost, ReplayTerms
from tests.builders import TYPES, forecast_on, square_grid

GRID = square_grid(2, 3)
RECIPE = "0123456789abcdef"
CUTOFF = pd.Timestamp("2022-01-03")


@pytest.fixture
def store(tmp_path):
    return ForecastStore(tmp_path / "forecasts")


@pytest.fixture
def forecast():
    return forecast_on(GRID, periods=2)


@pytest.fixture
def observed(forecast):
    return np.random.default_rng(1).poisson(0.4, forecast.expected.shape).astype(np.int32)


def test_stored_forecast_is_read_back(store, forecast, observed):
    store.write(forecast, observed)
    one, two = store.replays(RECIPE, "ewma", [CUTOFF], "W-SUN")
    for lead, replay in enumerate((one, two), start=1):
        period = [lead - 1]
        assert (replay.forecaster, replay.recipe, replay.lead) == ("ewma", RECIPE, lead)
        assert replay.crime_types == TYPES
        assert replay.expected.indexes["cell"].equals(GRID.cells)
        assert replay.periods.equals(forecast.periods[period])
        np.testing.assert_array_equal(replay.expected.values, forecast.expected.values[..., period])
        np.testing.assert_array_equal(replay.quantiles.values, forecast.quantiles.values[..., period])
        np.testing.assert_array_equal(replay.observed.values, observed[..., period])
        np.testing.assert_array_equal(replay.dispersion.values[:, 0], forecast.dispersion.values)


def test_opens_as_one_hive_table_with_the_documented_columns(store, forecast, observed):
    store.write(forecast, observed)
    store.write(forecast.named("lightgbm", RECIPE), observed)
    table = ds.dataset(store.root / RECIPE, partitioning="hive", exclude_invalid_files=True).to_table().to_pandas()
    assert set(table.columns) == set(COLUMNS)
    assert len(table) == 2 * forecast.expected.size
    assert set(table["forecaster"]) == {"ewma", "lightgbm"}
    assert set(pd.to_datetime(table["cutoff"])) == {CUTOFF}
    mine = table[table["forecaster"] == "ewma"].reset_index(drop=True)
    documented = forecast.to_table(observed)
    for name in set(COLUMNS) - {"forecaster", "cutoff"}:
        assert mine[name].astype(object).tolist() == documented[name].astype(object).tolist()
    assert store.path(RECIPE, "ewma", CUTOFF).relative_to(store.root).parts == (
        RECIPE,
        "forecaster=ewma",
        "cutoff=2022-01-03",
        "part-0.parquet",
    )


def test_missing_cutoffs_are_those_without_a_partition(store, forecast, observed):
    later = CUTOFF + pd.Timedelta(weeks=1)
    assert store.missing(RECIPE, "ewma", [CUTOFF, later]) == [CUTOFF, later]
    store.write(forecast, observed)
    assert store.missing(RECIPE, "ewma", [CUTOFF, later]) == [later]
    assert store.missing("f" * 16, "ewma", [CUTOFF]) == [CUTOFF]
    assert store.missing(RECIPE, "lightgbm", [CUTOFF]) == [CUTOFF]


def read(store):
    return store.replays(RECIPE, "ewma", [CUTOFF], "W-SUN")


@pytest.mark.parametrize("left", [0, 3, 0.5, -1])
def test_truncated_partition_is_reported_with_a_fix(left, store, forecast, observed):
    store.write(forecast, observed)
    path = store.path(RECIPE, "ewma", CUTOFF)
    content = path.read_bytes()
    path.write_bytes(content[: int(left * len(content)) if isinstance(left, float) else left])
    with pytest.raises(StorageError, match=r"is damaged \(\w+\)\. Delete the file and run again\.$") as told:
        read(store)
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


def test_flipped_bytes_are_detected(store, forecast, observed):
    store.write(forecast, observed)
    path = store.path(RECIPE, "ewma", CUTOFF)
    content = path.read_bytes()
    sound = [
        (one.expected.values, one.quantiles.values, one.observed.values, one.dispersion.values) for one in read(store)
    ]
    refused = 0
    for position in range(5, len(content), 97):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x15]) + content[position + 1 :])
        try:
            replays = read(store)
        except StorageError:
            refused += 1
            continue
        for one, parts in zip(replays, sound, strict=True):
            for found, part in zip((one.expected, one.quantiles, one.observed, one.dispersion), parts, strict=True):
                np.testing.assert_array_equal(found.values, part, err_msg=f"byte {position} of {len(content)}")
    assert refused > len(content) / 97 / 2


def test_foreign_file_is_reported(store, forecast, observed):
    store.write(forecast, observed)
    path = store.path(RECIPE, "ewma", CUTOFF)
    pq.write_table(pq.read_table(path, partitioning=None).replace_schema_metadata(None), path)
    with pytest.raises(StorageError, match="is damaged"):
        read(store)


def test_full_disk_leaves_no_partial_file(store, forecast, observed, monkeypatch):
    def half(table, where, **settings):
        where.write_bytes(b"PAR1 and then the disk was full")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(where))

    monkeypatch.setattr("ilp_models.backtest.store.pq.write_table", half)
    with pytest.raises(StorageError, match=r"No space left on device\. Free disk space or set output="):
        store.write(forecast, observed)
    assert not [path for path in store.root.rglob("*") if path.is_file()]
    monkeypatch.undo()
    store.write(forecast, observed)
    assert len(read(store)) == 2


def test_unwritable_folder_is_reported(tmp_path, forecast, observed):
    (tmp_path / "taken").write_text("a file")
    store = ForecastStore(tmp_path / "taken")
    with pytest.raises(StorageError, match=r"Cannot store the forecast .*Not a directory"):
        store.write(forecast, observed)
    with (
        pytest.raises(StorageError, match=r"Cannot write forecasts to .*Set another folder: output="),
        store.writing([RECIPE]),
    ):
        pass


def test_recipe_has_one_writer_and_killed_runs_release_the_lock(store):
    program = """
        import sys
        from pathlib import Path
        from ilp_models.backtest.store import ForecastStore
        with ForecastStore(Path(sys.argv[1])).writing([sys.argv[2]]):
            print("held", flush=True)
            sys.stdin.read()
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(store.root), RECIPE]
    told = r"^Another run is writing the forecasts in .*\. Wait until it ends .*output=<folder>\.$"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StorageError, match=told) as error, store.writing(["f" * 16, RECIPE]):
            pass
        assert str(store.root / RECIPE) in str(error.value)
        with store.writing(["f" * 16]):
            pass
        other.kill()
    with store.writing([RECIPE, RECIPE]):
        pass


@pytest.mark.parametrize("dims", [DIMS[:2], DIMS])
def test_dispersion_by_cell_or_unit_is_read_back(dims, store, forecast, observed):
    shape = [len(forecast.expected.indexes[name]) for name in dims]
    spread = xr.DataArray(np.random.default_rng(0).gamma(1.0, 1.0, shape), dims=dims)
    store.write(replace(forecast, dispersion=spread), observed)
    for lead, replay in enumerate(read(store)):
        assert replay.dispersion.dims == DIMS
        there = spread.values if dims != DIMS else spread.values[..., lead]
        np.testing.assert_array_equal(replay.dispersion.values[..., 0], there)


def test_costs_are_stored_outside_the_digest(store, forecast, observed):
    moved = {
        name: getattr(forecast, name).assign_coords(period=forecast.periods + 2) for name in ("expected", "quantiles")
    }
    later = replace(forecast, cutoff=CUTOFF + pd.Timedelta(weeks=2), **moved)
    path = store.path(RECIPE, "ewma", CUTOFF)
    store.write(forecast, observed, Cost(1, 1, 2.0, 1.0, 0.5, 0.25, 3.0))
    digest = pq.read_schema(path).metadata[b"ilp_models.digest"]
    assert [one.cost.fit_seconds for one in read(store)] == [2.0, 2.0]  # of both leads together
    store.write(later, observed, Cost(0, 1, 0.0, 0.0, 0.5, 0.25, 4.0))
    both = store.replays(RECIPE, "ewma", [CUTOFF, later.cutoff], "W-SUN")
    assert both[0].cost == Cost(1, 2, 2.0, 1.0, 1.0, 0.5, 4.0)
    store.write(forecast, observed)
    assert pq.read_schema(path).metadata[b"ilp_models.digest"] == digest
    assert [one.cost for one in read(store)] == [None, None]


def test_replay_terms_are_stored_outside_the_digest(store, forecast, observed):
    moved = {
        name: getattr(forecast, name).assign_coords(period=forecast.periods + 2) for name in ("expected", "quantiles")
    }
    later = replace(forecast, cutoff=CUTOFF + pd.Timedelta(weeks=2), **moved)
    store.write(forecast, observed, terms=ReplayTerms(1, 13))
    assert [(one.terms, one.delay) for one in read(store)] == [(ReplayTerms(1, 13), 1)] * 2
    store.write(later, observed, terms=ReplayTerms(2, 13))
    cutoffs = [CUTOFF, later.cutoff]
    assert store.replays(RECIPE, "ewma", cutoffs, "W-SUN")[0].terms == ReplayTerms(2, 13)
    store.write(later, observed)
    assert [(one.terms, one.delay) for one in store.replays(RECIPE, "ewma", cutoffs, "W-SUN")] == [(None, 0)] * 2


def test_unreadable_cost_is_reported_as_damage(store, forecast, observed):
    store.write(forecast, observed)
    path = store.path(RECIPE, "ewma", CUTOFF)
    rows = pq.read_table(path, partitioning=None)
    pq.write_table(rows.replace_schema_metadata({**rows.schema.metadata, b"ilp_models.cost": b"cheap"}), path)
    with pytest.raises(StorageError, match="is damaged"):
        read(store)


def test_stored_cutoffs_are_listed(store, forecast, observed):
    later = CUTOFF + pd.Timedelta(weeks=1)
    for one in (
        replace(forecast, cutoff=later),
        forecast,
        forecast.named("glm", RECIPE),
        forecast.named("x", "f" * 16),
    ):
        store.write(one, observed)
    assert store.stored_cutoffs(RECIPE) == {"ewma": [CUTOFF, later], "glm": [CUTOFF]}
    assert store.stored_cutoffs("0" * 16) == {}
