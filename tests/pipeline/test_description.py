"""Describe records from Python, and write page, workbook and CSV files."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

import ilp_models as ilp
from ilp_models.domain.description import Description
from ilp_models.domain.errors import InputError
from ilp_models.pipeline.description import FACTS, NOT_A_FORECAST, WORKBOOK, named_tables


@pytest.fixture(scope="module")
def events():
    return ilp.SimulatedCity(weeks=110, size_km=3, districts=3).read()


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


def test_equal_descriptions_have_equal_files(description, events, tmp_path):
    again = ilp.describe_events(events, ilp.SquareGrid(1000))
    first, second = (
        ilp.write_description(one, tmp_path / name).parent for one, name in ((description, "a"), (again, "b"))
    )
    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }


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
    ],
)
def test_bad_arguments_are_refused(events, settings, message):
    with pytest.raises(InputError, match=message):
        ilp.describe_events(events, ilp.SquareGrid(1000), **settings)


def test_one_event_and_one_place_are_described(events, tmp_path):
    alone = replace(events, table=events.table.tail(1).reset_index(drop=True))
    point = replace(events, table=events.table.assign(x=events.table["x"].iloc[0], y=events.table["y"].iloc[0]))
    for position, one in enumerate((alone, point)):
        page = ilp.write_description(ilp.describe_events(one, ilp.SquareGrid(1000)), tmp_path / str(position))
        assert "nan" not in page.read_text(encoding="utf-8").lower().replace("nanometre", "")


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
