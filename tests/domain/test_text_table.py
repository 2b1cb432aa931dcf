"""Tables of text: encodings, rows with too many or too few cells, and files that are no tables."""

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ilp_models.domain.errors import InputError
from ilp_models.domain.text_table import read_text_table

CELLS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=8)


def read(folder, content, **options):
    path = folder / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_text_table(str(path), **options)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_encodings_give_the_same_text(tmp_path, encoding):
    found = read(tmp_path, "area,name\n1,Zürich\n2,Łódź\n".replace("Łódź", "Málaga").encode(encoding))
    assert found.to_dict("list") == {"area": ["1", "2"], "name": ["Zürich", "Málaga"]}


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_both_byte_orders_of_utf_16_are_read(tmp_path, mark):
    text = "a;b\r\nŁódź;2\r\n".encode("utf-16-le" if mark == b"\xff\xfe" else "utf-16-be")
    assert read(tmp_path, mark + text, separator=";").to_dict("list") == {"a": ["Łódź"], "b": ["2"]}


def test_utf_16_without_a_mark_and_other_binary_files_are_refused(tmp_path):
    for content in ("a,b\n1,2\n".encode("utf-16-le"), b"PK\x03\x04\x00\x00"):
        with pytest.raises(InputError, match=r"is binary, or UTF-16 text without a mark\. Export it as CSV"):
            read(tmp_path, content)


@pytest.mark.parametrize(
    ("text", "line"), [("a,b\n1,2\n3,4,5\n", 3), ("a,b\n1,2,3\n4,5,6\n", 2), ('a,b\n"x\ny",2\n\n3,4,5\n', 5)]
)
def test_a_row_with_too_many_cells_is_named(tmp_path, text, line):
    # in the second file every row has one cell more: its columns must not shift
    with pytest.raises(InputError, match=rf"table\.csv, line {line} has 3 cells, and the header has 2 columns"):
        read(tmp_path, text)


def test_short_rows_empty_lines_and_separators_at_the_end_are_read(tmp_path):
    found = read(tmp_path, "\n a , b\n1\n\n 2 ,3, \n4,5,,\n")
    assert found.to_dict("list") == {"a": ["1", "2", "4"], "b": ["", "3", "5"]}


def test_repeated_names_have_numbers(tmp_path):
    assert list(read(tmp_path, "a,b,a\n1,2,3\n")) == ["a", "b", "a.1"]


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_is_refused(tmp_path, text):
    with pytest.raises(InputError, match=r"is empty\. Give a line with the names"):
        read(tmp_path, text)


def test_a_cell_without_an_end_is_refused_with_its_line(tmp_path):
    with pytest.raises(InputError, match=r"line \d+ cannot be read .*Check its quotes"):
        read(tmp_path, 'a,b\n1,"' + "x" * 200_000 + "\n")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=5))
def test_what_pandas_writes_is_read_back(tmp_path, rows):
    table = pd.DataFrame(rows, columns=["a", "b"], dtype=str)
    table.to_csv(tmp_path / "table.csv", index=False)
    found = read_text_table(str(tmp_path / "table.csv"))
    assert found.to_numpy().tolist() == [[cell.strip() for cell in row] for row in rows]
