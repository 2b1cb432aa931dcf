import io
import json
from datetime import date, time

import pandas as pd
import pyarrow as pa
import pytest

from ilp_models.domain import sheet_process
from ilp_models.domain.sheet_process import main, read_sheet
from tests.data.sheets import write_xlsx

MORNING, DAY = pd.Timestamp("2022-01-03 08:00").to_pydatetime(), date(2022, 1, 4)
ROWS = [
    ["Title of the export"],
    [],
    ["When", "What", "N"],
    [MORNING, "Theft", 1.0],
    [],
    [DAY, None, 2.5],
]


def test_the_header_is_found_and_rows_are_numbered_as_in_the_file(tmp_path):
    answer, table = read_sheet(str(write_xlsx(tmp_path / "a.xlsx", ROWS)), None, ["When", "N"])
    assert answer == {"sheet": "Sheet1", "others": [], "header": ["When", "What", "N"]}
    assert table["When"].to_pylist() == [MORNING, pd.Timestamp(DAY)]
    assert table["N"].to_pylist() == ["1", "2.5"]
    assert table[""].to_pylist() == [4, 6]


def test_without_wanted_names_the_first_wide_row_of_texts_is_the_header(tmp_path):
    answer, table = read_sheet(str(write_xlsx(tmp_path / "a.xlsx", ROWS)), None, None)
    assert answer["header"] == ["When", "What", "N"]
    assert table["What"].to_pylist() == ["Theft", None]


@pytest.mark.parametrize(
    ("sheets", "name", "problem"),
    [
        ({"one": [["a"]], "two": [["b"]]}, None, "several"),
        ({"one": [["a"]]}, "two", "unknown"),
        ({"one": []}, None, "empty"),
        ({"one": []}, "one", "empty"),
    ],
)
def test_a_sheet_that_cannot_be_chosen_is_a_problem(sheets, name, problem, tmp_path):
    answer, table = read_sheet(str(write_xlsx(tmp_path / "a.xlsx", **sheets)), name, None)
    assert answer["problem"] == problem
    assert table is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", None),
        (2.0, "2"),
        (0.1, "0.1"),
        (1e15, "1000000000000000.0"),
        (True, "True"),
        (date(2022, 1, 3), "2022-01-03 00:00:00"),
        (time(8, 30, 0, 999), "08:30:00"),
    ],
)
def test_cells_are_texts_as_in_a_csv_file(value, text):
    assert sheet_process._text(value) == text


def test_an_answer_is_a_line_of_json_and_then_the_table(tmp_path, monkeypatch):
    monkeypatch.setattr(sheet_process, "_limit", lambda _: None)  # it would limit the process of the tests
    path = write_xlsx(tmp_path / "a.xlsx", ROWS)
    target = io.BytesIO()
    main(io.StringIO(json.dumps({"path": str(path), "sheet": None, "columns": ["N"], "bytes": 1})), target)
    line, _, content = target.getvalue().partition(b"\n")
    assert json.loads(line)["sheet"] == "Sheet1"
    assert pa.ipc.open_stream(content).read_all()["N"].to_pylist() == ["1", "2.5"]
    target = io.BytesIO()
    main(io.StringIO(json.dumps({"path": str(path), "names_only": True, "bytes": 1})), target)
    assert target.getvalue() == b'{"sheets": ["Sheet1"]}\n'
    path.write_text("no spreadsheet")
    target = io.BytesIO()
    main(io.StringIO(json.dumps({"path": str(path), "names_only": True, "bytes": 1})), target)
    assert json.loads(target.getvalue())["problem"] == "unreadable"
