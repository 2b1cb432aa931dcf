"""Damaged files of every kind: a clear error or an honest result, never a traceback, a hang or silent acceptance.

`ILP_FUZZ_EXAMPLES=2000` lengthens the search.
"""

import io
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

import ilp_models as ilp
from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.data.layers import LayerFile, read_layers
from ilp_models.domain.digest import folder_digests
from ilp_models.domain.errors import IlpError
from ilp_models.pipeline.reaudit import check_repeatable
from ilp_models.pipeline.run_folder import APPROVED, RunFolder, load_approved
from tests.attacks.mutations import damaged
from tests.pipeline.conftest import admitted, shelf  # noqa: F401 - fixtures
from tests.pipeline.small_city import copy_run, run_task

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("undrawn"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),  # of GDAL
]
EXAMPLES = int(os.environ.get("ILP_FUZZ_EXAMPLES", "40"))
search = settings(
    max_examples=EXAMPLES,
    report_multiple_bugs=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
SQUARE = (-79.5, 43.6, -79.4, 43.7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def points(count=60):
    rng = np.random.default_rng(3)
    return rng.uniform(SQUARE[0], SQUARE[2], count), rng.uniform(SQUARE[1], SQUARE[3], count)


def result_or_refusal(read):
    """Return what was read, or None after an error that says something."""
    try:
        return read()
    except IlpError as error:
        message = str(error)
    assert message.strip()
    return None


# The register


@pytest.fixture(scope="module")
def book(folder):
    register = Register(folder / "register.jsonl")
    for number, act in enumerate(("decided", "approved", "exported", "withdrawn")):
        moment = datetime(2026, 1, 5 + number, tzinfo=UTC)
        register.append(RegisterEntry(act, "who", "d" * 64, moment, {"files": {"a": "b"}, "n": number}))
    return register


@search
@given(data=st.data())
def test_a_damaged_register_never_counts_as_whole(data, book):
    whole = book.path.read_bytes()
    last = book.verify().digest
    copy = book.path.with_name("damaged.jsonl")
    copy.write_bytes(changed := data.draw(damaged(whole)))
    try:
        Register(copy, last).verify()
    except IlpError:
        assert changed != whole
    else:
        assert changed == whole
    try:
        state = Register(copy).verify()
    except IlpError:
        return
    assert whole.startswith(changed)  # only lines at the end can be missing without the digest of the last one
    assert state.lines == book.verify().lines[: state.entries]


# Run folders


@pytest.fixture(scope="module")
def approved(admitted, shelf, folder):  # noqa: F811
    place = copy_run(admitted, folder / "run")
    shutil.copy(shelf / "register.jsonl", folder / "book.jsonl")
    words = (f"source='{place}'", f"register='{folder}/book.jsonl'", "tracking=memory")
    run_task("approve", folder, *words, "reviewer='R. Viewer'", "reason='all checks passed'")
    load_approved(place, register=folder / "book.jsonl")
    return place


@search
@given(data=st.data())
def test_a_damaged_run_folder_is_never_accepted(data, approved):
    name = data.draw(st.sampled_from(sorted(folder_digests(approved, APPROVED))))
    file, whole = approved / name, (approved / name).read_bytes()
    changed = data.draw(damaged(whole))
    try:
        file.write_bytes(changed)
        for read in (
            lambda: load_approved(approved, register=approved.parent / "book.jsonl"),
            lambda: RunFolder.from_path(approved).permitted_decision(Register(approved.parent / "book.jsonl")),
        ):
            try:
                read()
            except IlpError:
                assert changed != whole
            else:
                assert changed == whole
    finally:
        file.write_bytes(whole)


@search
@given(data=st.data())
def test_an_audit_with_a_damaged_archive_is_not_repeated_as_the_same(data, approved):
    names = [name for name in folder_digests(approved, APPROVED) if name.startswith("audit/")]
    file = approved / data.draw(st.sampled_from(sorted(names)))
    whole = file.read_bytes()
    try:
        file.write_bytes(data.draw(damaged(whole)))
        check_repeatable(str(approved))
    except IlpError:
        pass
    finally:
        file.write_bytes(whole)


@search
@given(data=st.data())
def test_a_forecast_with_damaged_bytes_is_not_read_as_another(data, approved):
    whole = (approved / "forecast.parquet").read_bytes()
    digest = ilp.read_forecast(approved / "forecast.parquet").digest()
    copy = approved.parent / "forecast.parquet"
    copy.write_bytes(data.draw(damaged(whole)))
    try:
        again = ilp.read_forecast(copy)
    except IlpError:
        return
    assert again.digest() == digest


# Records


def csv_of(count=60):
    lon, lat = points(count)
    days = pd.date_range("2024-01-01", periods=count, freq="6D")
    kinds = np.where(np.arange(count) % 3, "Burglary", "Assault")
    return pd.DataFrame({"Date": days.strftime("%Y-%m-%d %H:%M"), "Offence": kinds, "Lat": lat, "Lon": lon})


def read_crimes(path):
    columns = {"occurred_at": "Date", "crime_type": "Offence", "lat": "Lat", "lon": "Lon"}
    return ilp.read_events(str(path), columns=columns, time_zone="America/Toronto")


def assert_all_rows_counted(events):
    """Check that every row was read as an event or is named by a rule that removed it."""
    intake = events.intake
    removed = sum(one.count for one in intake.findings if one.unit == "rows" and one.action != "flagged")
    assert len(events) == intake.rows_kept
    assert intake.rows_kept + removed >= intake.rows_read


@search
@given(data=st.data())
def test_damaged_records_are_counted_or_refused(data, folder):
    path = folder / "crimes.csv"
    path.write_bytes(data.draw(damaged(csv_of().to_csv(index=False).encode())))
    events = result_or_refusal(lambda: read_crimes(path))
    if events is not None:
        assert_all_rows_counted(events)
        assert np.isfinite(events.table[["x", "y"]]).all(axis=None)


@search
@given(data=st.data())
def test_damaged_parquet_records_are_counted_or_refused(data, folder):
    whole, path = folder / "whole.parquet", folder / "crimes.parquet"
    if not whole.exists():
        csv_of().to_parquet(whole)
    path.write_bytes(data.draw(damaged(whole.read_bytes())))
    events = result_or_refusal(lambda: read_crimes(path))
    if events is not None:
        assert_all_rows_counted(events)


# Other files


def geojson(folder, name, geometry, **columns):
    path = Path(folder, name)
    if not path.exists():
        gpd.GeoDataFrame(columns, geometry=geometry, crs="EPSG:4326").to_file(path, driver="GeoJSON")
    return path.read_bytes()


@pytest.fixture(scope="module")
def events(folder):
    path = folder / "good.csv"
    csv_of().to_csv(path, index=False)
    return read_crimes(path)


@search
@given(data=st.data())
def test_a_damaged_layer_is_read_or_refused(data, folder, events):
    whole = geojson(folder, "bars-whole.geojson", [Point(*pair) for pair in zip(*points(8), strict=True)])
    path = folder / "bars.geojson"
    path.write_bytes(data.draw(damaged(whole)))
    layers = result_or_refusal(lambda: read_layers({"bars": LayerFile("bars", str(path))}, events))
    assert layers is None or layers.known


@search
@given(data=st.data())
def test_damaged_areas_are_read_or_refused(data, folder, events):
    west, south, east, north = SQUARE
    middle = (west + east) / 2
    whole = geojson(
        folder,
        "beats-whole.geojson",
        [box(west, south, middle, north), box(middle, south, east, north)],
        beat=["A", "B"],
    )
    path = folder / "beats.geojson"
    path.write_bytes(data.draw(damaged(whole)))
    grid = result_or_refusal(lambda: ilp.AreaGrid(str(path), name="beat").build(events))
    assert grid is None or (grid.area_m2 > 0).all()


RESIDENTS = "area,dimension,group,population\n" + "".join(
    f"{area},origin,{group},{number}\n" for area in ("A", "B") for group, number in (("x", 120), ("y", 80))
)


@search
@given(data=st.data())
def test_a_damaged_parquet_group_table_is_read_or_refused(data, folder, events):
    whole, path = folder / "residents-whole.parquet", folder / "residents.parquet"
    if not whole.exists():
        pd.read_csv(io.StringIO(RESIDENTS)).to_parquet(whole)
    path.write_bytes(data.draw(damaged(whole.read_bytes())))
    residents = result_or_refusal(lambda: ilp.GroupTable(str(path)).to_cells(ilp.SquareGrid(500).build(events)))
    assert all(np.isfinite(one.total).all() and (one.total >= 0).all() for one in residents or ())


@search
@given(data=st.data())
def test_a_damaged_group_table_is_read_or_refused(data, folder, events):
    path = folder / "residents.csv"
    path.write_bytes(data.draw(damaged(RESIDENTS.encode())))
    residents = result_or_refusal(lambda: ilp.GroupTable(str(path)).to_cells(ilp.SquareGrid(500).build(events)))
    assert all(np.isfinite(one.total).all() and (one.total >= 0).all() for one in residents or ())


@search
@given(data=st.data())
def test_a_damaged_decision_is_never_read_as_another(data, approved):
    whole = (approved / "decision.json").read_bytes()
    seal = json.loads(whole)["seal"]
    file = approved / "decision.json"
    try:
        file.write_bytes(data.draw(damaged(whole)))
        decision = RunFolder.from_path(approved).decision()
    except IlpError:
        return
    finally:
        file.write_bytes(whole)
    assert decision.seal == seal
