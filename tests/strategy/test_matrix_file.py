"""Form of a group file: CSV in several dialects, spreadsheets, and what does not belong there."""

import pytest
import xlsxwriter

from ilp_models.domain.errors import InputError
from ilp_models.strategy.groups.matrix_file import COLUMNS, read_group_file
from tests.strategy.group_files import FIELDS, rows_of, text_of, write_matrix


def write_sheets(path, sheets, hidden=()):
    book = xlsxwriter.Workbook(path)
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for at, row in enumerate(rows):
            sheet.write_row(at, 0, row)
        if name in hidden:
            sheet.hide()
    book.close()
    return path


def sheets_of(rows=None):
    return {
        "authorisation": [("field", "value"), *FIELDS.items()],
        "scores": [COLUMNS, *(rows_of() if rows is None else rows)],
    }


@pytest.mark.parametrize(
    ("how", "encoding"),
    [({}, "utf-8"), ({}, "utf-8-sig"), ({"separator": ";"}, "utf-8-sig"), ({"separator": ";"}, "cp1252")],
)
def test_dialects_of_csv_give_the_same_text(tmp_path, how, encoding):
    plain = read_group_file(write_matrix(tmp_path))
    (tmp_path / "other.csv").write_text(text_of(**how).replace("\n", "\r\n"), encoding=encoding, newline="")
    other = read_group_file(tmp_path / "other.csv")
    assert (other.fields, other.header, other.rows) == (plain.fields, plain.header, plain.rows)
    assert plain.rows[0] == (14, ("G01", "5", "S1", "violence", "high", "B2 R-14", "high"))


@pytest.mark.slow
def test_a_spreadsheet_gives_the_same_text_and_its_columns_may_have_any_order(tmp_path):
    plain = read_group_file(write_matrix(tmp_path))
    sheet = read_group_file(write_sheets(tmp_path / "groups.xlsx", sheets_of()))
    assert (sheet.fields, sheet.header) == (plain.fields, plain.header)
    assert [cells for _, cells in sheet.rows] == [cells for _, cells in plain.rows]
    assert sheet.rows[0][0] == 2
    turned = {name: [row[::-1] for row in rows] if name == "scores" else rows for name, rows in sheets_of().items()}
    other = read_group_file(write_sheets(tmp_path / "turned.xlsx", turned))
    assert other.rows == sheet.rows


def test_rows_that_a_spreadsheet_program_pads_with_separators_are_read(tmp_path):
    path = tmp_path / "groups.csv"
    lines = text_of().splitlines()
    path.write_text("\n".join(line + "," * (6 - line.count(",")) if "," in line else ",,,,,," for line in lines))
    assert read_group_file(path).fields == FIELDS


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((*COLUMNS, "John Smith"), "column 8 of the scores does not belong to a group file"),
        ((*COLUMNS, "date of birth"), "column 8 of the scores does not belong"),
        ((*COLUMNS[:-1], "confidense"), "column 7 .* Rename it to confidence"),
        (COLUMNS[:-1], "has no column confidence"),
        ((*COLUMNS, "Score"), "has more than one column score"),
    ],
)
def test_other_columns_are_refused_without_their_names(tmp_path, columns, message):
    rows = [[*row, "x"][: len(columns)] for row in rows_of()]
    with pytest.raises(InputError, match=message) as caught:
        read_group_file(write_matrix(tmp_path, rows, columns=columns))
    assert "Smith" not in str(caught.value)
    assert "birth" not in str(caught.value)
    book = write_sheets(tmp_path / "groups.xlsx", {**sheets_of(), "scores": [columns, *rows]})
    with pytest.raises(InputError, match=message):
        read_group_file(book)


@pytest.mark.parametrize("hidden", [(), ("Anna Novak",)])
def test_other_sheets_are_refused_also_hidden_ones_and_without_their_names(tmp_path, hidden):
    book = write_sheets(tmp_path / "groups.xlsx", {**sheets_of(), "Anna Novak": [("x",)]}, hidden)
    with pytest.raises(InputError, match="has 3 sheets, hidden ones included, and sheet 3 does not belong") as caught:
        read_group_file(book)
    assert "Anna" not in str(caught.value)


def test_a_missing_sheet_is_named_and_others_are_not(tmp_path):
    book = write_sheets(tmp_path / "groups.xlsx", {"authorisation": sheets_of()["authorisation"]})
    with pytest.raises(InputError, match="authorisation or scores is missing"):
        read_group_file(book)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not begin with the row field,value"),
        ("group,scorer,attribute\nG01,S1,x\n", "does not begin with the row field,value"),
        ("field,value\npurpose,x\n", "has no row with group"),
        (text_of(rows=[]), "has no scores"),
        (text_of() + "G01,5,S1,violence,high,R-1,high,John Smith\n", "more cells than columns"),
        (text_of().replace("reviewer,R. Viewer", "reviewer,R. Viewer,John Smith"), "more than two cells"),
        (text_of().replace("reviewer,", "purpose,"), "has a field twice"),
        (text_of() + '"' + "x" * 200_000, "cannot be read as CSV"),
    ],
)
def test_text_in_another_form_is_refused(tmp_path, text, message):
    path = tmp_path / "groups.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_group_file(path)
    assert "Smith" not in str(caught.value)


def test_the_scheme_is_between_authorisation_and_scores_with_columns_in_any_order(tmp_path):
    plain = read_group_file(write_matrix(tmp_path))
    rows = [("violence", "nil=0, high=4", "3"), ("reach", "nil=0, high=4", "1")]
    file = read_group_file(write_matrix(tmp_path, declared=rows, name="declared.csv"))
    assert plain.declared is None
    assert (file.fields, file.declared) == (plain.fields, ((14, rows[0]), (15, rows[1])))
    assert [cells for _, cells in file.rows] == [cells for _, cells in plain.rows]
    text = text_of(declared=[row[::-1] for row in rows]).replace("attribute,scale,weight", "Weight,Scale,Attribute")
    (tmp_path / "turned.csv").write_text(text)
    assert read_group_file(tmp_path / "turned.csv").declared == file.declared


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("attribute,scale,weight", "attribute,scale", "row 13: the scheme has the columns attribute, scale, weight"),
        ("attribute,scale,weight", "attribute,scale,weight,John Smith", "row 13: the scheme has the columns"),
        ("attribute,scale,weight", "attribute,scale,weight,weight", "row 13: the scheme has the columns"),
        ("violence,x,3", "violence,x,3,John Smith", "row 14 has more cells than columns"),
    ],
)
def test_a_scheme_in_another_form_is_refused(tmp_path, old, new, message):
    (tmp_path / "groups.csv").write_text(text_of(declared=[("violence", "x", "3")]).replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        read_group_file(tmp_path / "groups.csv")
    assert "Smith" not in str(caught.value)


@pytest.mark.parametrize("name", ["groups.pdf", "groups", "groups.csv.gz", "groups.parquet"])
def test_other_kinds_of_files_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match="neither a CSV file nor a spreadsheet"):
        read_group_file(tmp_path / name)


def test_binary_content_under_the_name_of_a_csv_file_is_refused(tmp_path):
    path = tmp_path / "groups.csv"
    path.write_bytes(b"field,value\n" + bytes(range(256)) * 50)
    with pytest.raises(InputError):
        read_group_file(path)


def test_the_digest_is_that_of_the_file(tmp_path):
    one = read_group_file(write_matrix(tmp_path))
    other = read_group_file(write_matrix(tmp_path, rows_of(members=6), name="other.csv"))
    assert len(one.digest) == 64
    assert one.digest != other.digest
