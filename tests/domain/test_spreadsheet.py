import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.spreadsheet import is_spreadsheet, read_spreadsheet, sheet_names
from tests.data.sheets import write_xlsx

ROWS = [["What", "N"], ["Theft", 1.0]]


def test_a_spreadsheet_is_known_by_its_ending():
    assert all(map(is_spreadsheet, ("a.xlsx", "A.XLS", "a.ods", "a.xlsm")))
    assert not any(map(is_spreadsheet, ("a.csv", "xlsx", "a.xlsx.csv")))


def test_columns_rows_and_the_sheets_that_were_not_read(tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", one=ROWS, two=[], three=[["x"]])
    sheet = read_spreadsheet(path, ["N"], "one")
    assert sheet.header == ("What", "N")
    assert sheet.table.column_names == ["N"]
    assert sheet.number.tolist() == [2]
    assert sheet.note == "a.xlsx: the sheet 'one' was read, not 'two', 'three'."
    assert sheet_names(path) == ("one", "two", "three")


@pytest.mark.parametrize(
    ("name", "setting", "words"),
    [
        (None, "data.sheet", "has several sheets: 'one', 'two'. Set data.sheet to the name of one."),
        (None, "", "Give a file with one of them."),
        ("no", "data.sheet", "has no sheet 'no'. Set data.sheet to one of 'one', 'two'."),
    ],
)
def test_a_sheet_must_be_named_where_there_are_several(name, setting, words, tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", one=ROWS, two=ROWS)
    with pytest.raises(InputError, match=words):
        read_spreadsheet(path, None, name, setting)


@pytest.mark.parametrize(
    ("content", "words"), [(b"a,b\n1,2\n", "is not a spreadsheet, although its name says so"), (b"PK\x03\x04", "zip")]
)
def test_other_content_is_refused(content, words, tmp_path):
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(InputError, match=words):
        sheet_names(tmp_path / "a.xlsx")
