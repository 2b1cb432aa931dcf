import os
import subprocess
import sys
from datetime import date, datetime, time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ilp_models
from ilp_models.data.file_format import find_files
from ilp_models.data.layers import read_layers
from ilp_models.data.reader import read_records
from ilp_models.domain.errors import InputError
from tests.builders import events_at
from tests.data.csv_records import COLUMNS, HEADER, rows
from tests.data.sheets import XLS, write_ods, write_xlsx

pytestmark = pytest.mark.slow

NAMES = HEADER.split(",")


def records(count=60):
    """Return the rows of a sheet: a date cell, text, two numbers and text."""
    table = [line.split(",") for line in rows(count)]
    return [[datetime.fromisoformat(when), what, float(lat), float(lon), beat] for when, what, lat, lon, beat in table]


@pytest.fixture
def read(tmp_path):
    def reading(wanted, lines=None, sheet=None, name="crimes.xlsx", **more):
        path = write_xlsx(tmp_path / name, lines, **more)
        return read_records(find_files(str(path), None), wanted, sheet=sheet)

    return reading


@pytest.mark.parametrize("name", ["r.xlsx", "r.ods", "r.xls", "R.XLSX"])
def test_a_spreadsheet_gives_the_events_of_the_same_records_as_csv(source, tmp_path, name):
    lines = records(3)
    path = tmp_path / name
    if name.endswith(".ods"):
        write_ods(path, [NAMES, *lines])
    elif name.endswith(".xls"):
        path.write_bytes(XLS)
    else:
        write_xlsx(path, [NAMES, *lines])
    columns = {role: column for role, column in COLUMNS.items() if role != "area"}
    made = source("", "x.csv", columns, path=str(path)).read()
    expected = source("\n".join([HEADER, *rows(3)]) + "\n", "records.csv", columns).read()
    if name.endswith(".xls"):  # its three records have other places
        assert made.table["occurred_at"].tolist() == expected.table["occurred_at"].tolist()
        assert made.crime_types == expected.crime_types
    else:
        assert made.digest() == expected.digest()


def test_every_check_of_records_applies_to_a_sheet(source, tmp_path):
    lines = records()
    lines[3][0] = "no date"
    lines[5][2], lines[5][3] = 0.0, 0.0
    lines[7][1] = None
    lines[9][3] = "#DIV/0!"
    path = write_xlsx(tmp_path / "r.xlsx", [[*NAMES, "Suspect name"], *[[*line, "Smith, A"] for line in lines]])
    events = source("", "x.csv", path=str(path), max_rejected_share=0.1, time_formats=["ISO8601"]).read()
    found = {one.rule: one for one in events.intake.findings}
    assert found["time missing or unreadable"].count == 1
    assert found["time missing or unreadable"].examples[0].startswith("r.xlsx row 5")
    assert found["coordinates are zero"].count == 1
    assert found["crime type missing"].count == 1
    assert found["coordinates missing or not numeric"].count == 1
    assert events.intake.person_columns_left == ("Suspect name",)
    assert len(events) == 56
    with pytest.raises(InputError, match="looks like personal data"):
        source("", "x.csv", {**COLUMNS, "area": "Suspect name"}, path=str(path))


def test_only_wanted_columns_leave_the_reader(read):
    found = read(("a",), [["a", "Suspect name"], ["1", "Smith, A"]])
    assert list(found.table) == ["a"]
    assert found.columns_left == ("Suspect name",)


def test_cells_become_what_a_csv_file_holds(read):
    lines = [
        ["day", "mixed", "clock", "code", "number", "flag", "null"],
        [date(2021, 5, 3), datetime.fromisoformat("2021-05-03T10:30"), time(9, 5), "0012", 12, True, "N/A"],
        [None, "13/05/2021", None, "0013", 43.651234567, False, "x"],
    ]
    table = read(tuple(lines[0]), lines).table
    assert table["day"].tolist() == [pd.Timestamp("2021-05-03"), pd.NaT]
    assert table["mixed"].tolist() == ["2021-05-03 10:30:00", "13/05/2021"]
    assert table["clock"].fillna("-").tolist() == ["09:05:00", "-"]
    assert table["code"].tolist() == ["0012", "0013"]
    assert table["number"].tolist() == ["12", "43.651234567"]
    assert table["flag"].tolist() == ["True", "False"]
    assert table["null"].fillna("-").tolist() == ["-", "x"]


def test_days_that_a_spreadsheet_exchanged_with_months_stop_the_run(source, tmp_path):
    days = [date(2021, 1, 1 + i % 28) for i in range(120)]
    cells = [one.replace(month=one.day, day=one.month) if one.day <= 12 else one.strftime("%d/%m/%Y") for one in days]
    lines = [[cell, "Theft", 43.65 + i % 7 / 100, -79.4 + i % 5 / 100, "B"] for i, cell in enumerate(cells)]
    path = write_xlsx(tmp_path / "r.xlsx", [NAMES, *lines])
    columns = {role: column for role, column in COLUMNS.items() if role != "area"}
    with pytest.raises(InputError, match="A spreadsheet has exchanged day and month"):
        source("", "x.csv", columns, path=str(path), time_formats=["ISO8601", "%d/%m/%Y"]).read()


def test_a_title_empty_rows_and_merged_headers_are_skipped(read):
    lines = [
        ["Incidents of May"],
        [],
        ["When", "Place", None, "What"],
        ["When", "X", "Y", "What"],
        ["1", "2", "3", "4"],
        [],
        ["5", "6", "7", "8"],
    ]
    merged = [(0, 0, 0, 3, "t"), (2, 0, 3, 0, "When"), (2, 1, 2, 2, "Place"), (2, 3, 3, 3, "What")]
    lines[3][0] = lines[3][3] = None
    found = read(("When", "X", "Y", "What"), lines, merged=merged)
    assert found.table.to_numpy().tolist() == [["1", "2", "3", "4"], ["5", "6", "7", "8"]]
    assert found.number.tolist() == [5, 7]
    assert found.label(1) == "crimes.xlsx row 7"


def test_one_of_several_sheets_must_be_named(read):
    sheets = {"Crimes": [["a"], ["1"]], "Notes": [["b"], ["2"]], "Lists": [["a"], ["3"]], "Empty": []}
    with pytest.raises(InputError, match=r"has several sheets: 'Crimes', 'Notes'\. Set data.sheet to the name of one"):
        read(("a",), hidden=("Lists",), **sheets)
    found = read(("a",), sheet="Crimes", hidden=("Lists",), **sheets)
    assert found.table["a"].tolist() == ["1"]
    assert found.notes == ("crimes.xlsx: the sheet 'Crimes' was read, not 'Notes', 'Empty'.",)
    assert read(("a",), sheet="Lists", hidden=("Lists",), **sheets).table["a"].tolist() == ["3"]
    assert read(("a",), Crimes=[["a"], ["1"]], Empty=[]).table["a"].tolist() == ["1"]
    with pytest.raises(InputError, match=r"has no sheet 'Crime'\. Set data.sheet to one of 'Crimes', 'Notes'"):
        read(("a",), sheet="Crime", hidden=("Lists",), **sheets)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"not a spreadsheet, although its name says so"),
        (b"<html><table>", r"not a spreadsheet, although its name says so"),
        (b"PK\x03\x04rest", r"cannot be read \(File is not a zip file\); save it again"),
        (XLS[:900], r"cannot be read \(.+\)\. Remove its password"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), r"cannot be read \(.+\)\. Remove its password"),
    ],
)
def test_an_unreadable_spreadsheet_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "crimes.xls"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_records(find_files(str(path), None), ("a",))
    assert "\n" not in str(caught.value)


def test_missing_columns_and_empty_sheets_are_named(read):
    with pytest.raises(InputError, match=r"no column 'Wen' \(did you mean 'When'\?\); the file has When, What"):
        read(("Wen",), [["When", "What"], ["1", "2"]])
    with pytest.raises(InputError, match=r"the column 'a' occurs 2 times"):
        read(("a",), [["a", "a"], ["1", "2"]])
    with pytest.raises(InputError, match=r"its sheets are empty"):
        read(("a",), [])
    with pytest.raises(InputError, match=r"a header and no record"):
        read(("a",), [["a", "b"]])


def test_a_folder_may_mix_text_and_spreadsheets_without_lock_files(tmp_path):
    (tmp_path / "1.csv").write_text("a\nx\n")
    write_xlsx(tmp_path / "2.xlsx", [["a"], ["y"]])
    (tmp_path / "~$2.xlsx").write_bytes(b"lock")
    found = read_records(find_files(str(tmp_path), None), ("a",))
    assert found.table["a"].tolist() == ["x", "y"]
    assert [found.label(0), found.label(1)] == ["1.csv record 1", "2.xlsx row 2"]


def test_a_layer_may_be_a_sheet(tmp_path):
    path = write_xlsx(tmp_path / "stops.xlsx", Stops=[["E", "N"], [630_100, 4_834_000]], Other=[["E"], [1]])
    near = events_at([630_000.0, 634_000.0], [4_834_000.0, 4_838_000.0])
    layer = {"path": str(path), "sublayer": "Stops", "columns": {"x": "E", "y": "N"}, "crs": near.crs}
    (stops,) = read_layers({"stops": layer}, near).known
    assert (stops.geometry[0].x, stops.geometry[0].y) == pytest.approx((630_100, 4_834_000))


def test_no_module_of_the_current_folder_is_run(tmp_path):
    write_xlsx(tmp_path / "r.xlsx", [["a"], ["1"]])
    (tmp_path / "pyarrow.py").write_text("raise SystemExit('a module of the current folder')\n")
    program = (
        "from pathlib import Path; "
        "from ilp_models.domain.spreadsheet import read_spreadsheet; "
        "print(read_spreadsheet(Path('r.xlsx'), ['a']).table['a'].to_pylist())"
    )
    command = [sys.executable, "-P", "-c", program]
    env = {**os.environ, "PYTHONPATH": str(Path(ilp_models.__file__).parents[1])}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=env)
    assert done.stdout.strip() == "['1']", done.stderr


def test_times_are_rounded_to_milliseconds(read):
    lines = [["when"], *[[datetime.fromisoformat(f"2021-05-03T10:{minute:02}")] for minute in range(60)]]
    found = read(("when",), lines).table["when"]
    assert np.array_equal(found.dt.minute, np.arange(60))
    assert (found.dt.microsecond == 0).all()
