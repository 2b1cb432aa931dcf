"""Describe records from Python, and write page, workbook and CSV files."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

import ilp_models as ilp
from ilp_models.domain.description import Description
from ilp_models.domain.disclaimers import NOT_A_FORECAST
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.intake import IntakeReport
from ilp_models.pipeline.description import FACTS, WORKBOOK, named_tables
from ilp_models.report.description_page import headlines

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def events():
    city = ilp.SimulatedCity(weeks=110, size_km=3, districts=3).read()
    return replace(city, table=city.table.iloc[::4].reset_index(drop=True))  # pairs take time


@pytest.fixture(scope="module")
def description(events):
    return ilp.describe_events(events, ilp.SquareGrid(1000))


def test_every_part_is_described_by_default(description):
    assert description.part("change").tables["change"]["count"].sum() > 0
    assert "Description: " in repr(description)
    assert "<table>" in description._repr_html_()
    with pytest.raises(InputError, match="no part 'hour'; it has change"):
        description.part("hour")


def test_files_hold_the_tables(description, tmp_path):
    page = ilp.write_description(description, tmp_path / "new" / "folder")
    for name, table in named_tables(description).items():
        written = pd.read_csv(page.parent / f"{name}.csv")
        assert len(written) == len(table)
        assert list(written.columns) == list(table.columns)
    facts = json.loads((page.parent / FACTS).read_text(encoding="utf-8"))
    assert facts["about"] == NOT_A_FORECAST
    assert facts["simulated"] is True
    assert facts["digest"] == description.data.events.digest()
    assert facts["parts"][1]["facts"]["weeks"] == 52
    assert NOT_A_FORECAST in page.read_text(encoding="utf-8")


def test_the_workbook_has_a_sheet_for_each_table_and_area(description, tmp_path):
    page = ilp.write_description(description, tmp_path)
    book = CalamineWorkbook.from_path(page.parent / WORKBOOK)
    assert book.sheet_names == [*named_tables(description), *description.data.areas]
    rows = book.get_sheet_by_name(description.data.areas[0]).to_python()
    change = description.part("change").tables["change"]
    assert len(rows) - 1 == (change["area"] == description.data.areas[0]).sum()


def test_tables_of_an_earlier_description_go_and_files_of_others_stay(events, description, tmp_path):
    ilp.write_description(description, tmp_path)
    (tmp_path / "mine.csv").write_text("mine", encoding="utf-8")
    (tmp_path / "change.csv").write_text("changed by hand", encoding="utf-8")
    facts = json.loads((tmp_path / FACTS).read_text(encoding="utf-8"))
    facts["tables"] |= {"mine.csv": "", "../other.csv": ""}
    (tmp_path / FACTS).write_text(json.dumps(facts), encoding="utf-8")
    hours = ilp.describe_events(events, ilp.SquareGrid(1000), parts=[ilp.HourProfile()])
    ilp.write_description(hours, tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["change.csv", "hours.csv", "mine.csv"]


def test_equal_descriptions_have_equal_files(description, events, tmp_path):
    again = ilp.describe_events(events, ilp.SquareGrid(1000))
    first, second = (
        ilp.write_description(one, tmp_path / name).parent for one, name in ((description, "a"), (again, "b"))
    )
    files, others = ({path.name: path.read_bytes() for path in one.rglob("*.*")} for one in (first, second))
    assert files == others


def test_hostile_area_labels_become_safe_sheets_and_cells(events, tmp_path):
    labels = np.array(
        ["=HYPERLINK(0)/[1]:*?" + "x" * 40, "History", "history", "<script>alert(1)</script>"], dtype=object
    )
    table = events.table.assign(area=pd.Categorical(labels[np.arange(len(events)) % 4]))
    page = ilp.write_description(
        ilp.describe_events(replace(events, table=table), ilp.SquareGrid(1000), parts=[ilp.ChangeTable()]), tmp_path
    )
    names = CalamineWorkbook.from_path(page.parent / WORKBOOK).sheet_names
    assert len({name.casefold() for name in names}) == len(names) == 2 + 4
    assert max(map(len, names)) <= 31
    assert "<script>alert" not in page.read_text(encoding="utf-8")
    assert "\n=HYPERLINK" not in (page.parent / "change.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parts": []}, "different names"),
        ({"parts": [ilp.ChangeTable(), ilp.ChangeTable()]}, "different names"),
        ({"area_level": "beat"}, "area_level='beat' is no level"),
        ({"area_level": 3}, "area_level=3 must be the name of a level of areas, or a list"),
        ({"area_level": ["area", None]}, "must be the name of a level of areas, or a list"),
        ({"area_level": {"area": "beat"}}, "must be the name of a level of areas, or a list"),
    ],
)
def test_bad_arguments_are_refused(events, settings, message):
    with pytest.raises(InputError, match=message):
        ilp.describe_events(events, ilp.SquareGrid(1000), **settings)


def test_one_event_and_one_place_are_described(events, tmp_path):
    alone = replace(events, table=events.table.tail(1).reset_index(drop=True))
    few = events.table.iloc[::5].reset_index(drop=True)  # all pairs of one place are near
    point = replace(events, table=few.assign(x=few["x"].iloc[0], y=few["y"].iloc[0]))
    for position, one in enumerate((alone, point)):
        page = ilp.write_description(ilp.describe_events(one, ilp.SquareGrid(1000)), tmp_path / str(position))
        assert "nan" not in page.read_text(encoding="utf-8").lower().replace("nanometre", "")


@pytest.mark.parametrize(
    "call", [ilp.describe_events, ilp.run_backtest, ilp.make_forecast], ids=lambda one: one.__name__
)
def test_a_table_is_no_events_and_a_number_no_grid(events, call):
    model = {"run_backtest": [{"ewma": ilp.EWMA()}], "make_forecast": [ilp.EWMA()]}.get(call.__name__, [])
    with pytest.raises(InputError, match=r"events is a DataFrame, not Events\. Read records with ilp\.read_events"):
        call(*model, events.table, ilp.SquareGrid(1000))
    with pytest.raises(InputError, match=r"grid=500 does not divide .* such as ilp\.SquareGrid\(500\)"):
        call(*model, events, 500)


def test_no_event_is_refused(events):
    with pytest.raises(InputError, match="no"):
        ilp.describe_events(replace(events, table=events.table.iloc[:0]), ilp.SquareGrid(1000))


def test_the_description_knows_its_parts(description):
    assert isinstance(description, Description)
    assert [part.name for part in description.parts] == [
        "change",
        "hours",
        "near_repeats",
        "hot_spots",
        "concentration",
    ]


def test_an_area_named_as_a_table_hides_no_sheet(events, tmp_path):
    table = events.table.assign(area=pd.Categorical(np.array(["hours", "change"])[np.arange(len(events)) % 2]))
    parts = [ilp.ChangeTable(), ilp.HourProfile()]
    described = ilp.describe_events(replace(events, table=table), ilp.SquareGrid(1000), parts=parts)
    book = CalamineWorkbook.from_path(ilp.write_description(described, tmp_path).parent / WORKBOOK)
    assert book.sheet_names == ["change", "change_periods", "hours", "change (area)", "hours (area)"]
    assert book.get_sheet_by_name("hours").to_python()[0][:4] == ["area", "crime type", "weekday", "hour"]
    first = book.get_sheet_by_name("change").to_python()[1]
    assert isinstance(first[3], date)  # a spreadsheet can sort and filter it


def test_more_areas_than_a_workbook_can_show_are_named(description, tmp_path, monkeypatch):
    few, many = (tmp_path / name for name in ("few", "many"))
    ilp.write_description(description, few)
    monkeypatch.setattr("ilp_models.pipeline.description._AREA_SHEETS", 2)
    page = ilp.write_description(description, many).read_text(encoding="utf-8")
    assert f"no sheet for each area, because {len(description.data.areas)} areas are more than 2." in page
    assert "no sheet for each area" not in (few / "description.html").read_text(encoding="utf-8")
    sheets = [len(CalamineWorkbook.from_path(str(one / WORKBOOK)).sheet_names) for one in (few, many)]
    assert sheets[0] - sheets[1] == len(description.data.areas)


def test_a_table_that_is_too_long_is_left_out_of_the_workbook_only(description, tmp_path, monkeypatch):
    monkeypatch.setattr("ilp_models.export.workbook.MAX_ROWS", 1000)
    page = ilp.write_description(description, tmp_path)
    rows = len(description.part("change").tables["periods"])
    assert "change_periods" not in CalamineWorkbook.from_path(tmp_path / WORKBOOK).sheet_names
    assert f"change_periods has {rows:,} rows, more than a sheet holds" in page.read_text(encoding="utf-8")
    assert len(pd.read_csv(tmp_path / "change_periods.csv")) == rows


@pytest.mark.parametrize(
    "parts", [[ilp.ChangeTable], {"change": ilp.ChangeTable()}, "change", ["change"], ilp.ChangeTable], ids=str
)
def test_what_is_no_part_is_refused(events, parts):
    with pytest.raises(InputError, match="no part of a description"):
        ilp.describe_events(events, ilp.SquareGrid(1000), parts=parts)


def test_one_part_and_an_iterator_of_parts_are_described(events):
    for parts in (ilp.ChangeTable(), (part for part in [ilp.ChangeTable()])):
        described = ilp.describe_events(events, ilp.SquareGrid(1000), parts=parts)
        assert [part.name for part in described.parts] == ["change"]


def test_a_file_in_place_of_the_folder_is_refused(description, tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(StorageError, match="was not written"):
        ilp.write_description(description, tmp_path / "file")


def test_records_by_month_are_described_by_month(events, tmp_path):
    month = events.table["occurred_at"].dt.to_period("M").dt.start_time.astype("datetime64[us]")
    start, end = pd.Timestamp("2019-02-01"), pd.Timestamp("2021-02-01")
    table = events.table.assign(occurred_at=month)[(month >= start) & (month < end)].reset_index(drop=True)
    report = IntakeReport("a", (), 0, 0, start, end, "UTC", events.crs, "month")
    dated = replace(events, table=table, start=start, end=end, intake=report)
    described = ilp.describe_events(dated, ilp.SquareGrid(1000))
    hot = described.part("hot_spots").tables["hot_periods"]
    assert hot.groupby("crime_type")["events"].sum().sum() == (table["occurred_at"] >= "2020-01-01").sum()
    assert hot["last"].max() == pd.Timestamp("2021-01-31")
    years = described.part("concentration").tables["years"]
    assert years.loc[0, "events"] == len(table)
    assert described.part("near_repeats").facts["types_tested"] == 0
    page = ilp.write_description(described, tmp_path).read_text(encoding="utf-8")
    assert "Near repeats are not tested" in page
    assert "significant hot spots in the last month" in page
    with pytest.raises(InputError, match="period_unit=week is finer"):
        ilp.describe_events(dated, ilp.SquareGrid(1000), parts=[ilp.ChangeTable()])


def test_what_is_not_tested_is_not_called_absent(events):
    point = (
        events.table.iloc[::5].reset_index(drop=True).assign(x=events.table["x"].iloc[0], y=events.table["y"].iloc[0])
    )
    short = events.table[events.table["occurred_at"] < events.start + pd.Timedelta(days=30)]
    parts = [ilp.NearRepeats(draws=19), ilp.HotSpots()]
    found = [
        headlines(ilp.describe_events(one, ilp.SquareGrid(1000), parts=parts).parts)
        for one in (
            replace(events, table=point),
            replace(events, table=short, end=events.start + pd.Timedelta(days=30)),
            replace(events, table=events.table.tail(1)),
        )
    ]
    assert found[0][1].startswith("Hot spots are not tested in the last 28 days")
    assert found[1][1].endswith("There is no earlier period to compare with.")
    assert found[2][0].startswith("Near repeats are not tested")
