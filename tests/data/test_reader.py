import gzip
import random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.data.file_format import find_files
from ilp_models.data.reader import read_records
from ilp_models.domain.errors import InputError

PLAIN = 'a,b,c\n1,2,3\n4,5\n6,7,8\n1,2,3,4\n\n9,9,"x\ny"\n5,5,NULL\n'


@pytest.fixture
def read(tmp_path):
    def reading(content, name="file.csv", encoding="auto", separator="auto", wanted=("a", "c")):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_records(find_files(str(tmp_path / name), None), wanted, encoding, separator)

    return reading


def test_only_wanted_columns_are_read_and_broken_rows_keep_their_number(read):
    records = read(PLAIN)
    assert records.table.fillna("-").to_dict("list") == {"a": ["1", "6", "9", "5"], "c": ["3", "8", "x\ny", "-"]}
    assert records.ragged == ("file.csv record 2", "file.csv record 4")
    assert records.number.tolist() == [1, 3, 5, 6]
    assert records.columns_left == ("b",)
    assert records.label(2) == "file.csv record 5"


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_separator_and_encoding_are_detected(read, separator, encoding):
    content = "a,ü,c\né,2,3\n".replace(",", separator).encode(encoding)
    for name, packed in (("file.csv", content), ("file.csv.gz", gzip.compress(content))):
        records = read(packed, name)
        assert records.table.to_dict("list") == {"a": ["é"], "c": ["3"]}
        assert bool(records.notes) == (encoding == "cp1252")


def test_declared_separator_and_encoding_are_used(read):
    records = read("a~c\nñ~1,5\n".encode("utf-16-le"), encoding="utf-16-le", separator="~")
    assert records.table.to_dict("list") == {"a": ["ñ"], "c": ["1,5"]}


def test_the_separator_is_the_one_that_gives_the_wanted_columns(read):
    assert read("a;c;x,y,z,w\n1;2;3\n").table.to_dict("list") == {"a": ["1"], "c": ["2"]}


def test_blank_lines_before_the_header_are_skipped(read):
    assert read("\n\n a , b,c \n1,2,3\n").table.to_dict("list") == {"a": ["1"], "c": ["3"]}


def test_files_are_read_in_order_and_one_may_have_no_record(tmp_path):
    for name, lines in {"1.csv": "c,a\nx,1\n", "2.csv": "a,c\n", "3.csv": "a,c,d\n2,y,0\n"}.items():
        (tmp_path / name).write_text(lines)
    pd.DataFrame({"a": ["3"], "c": ["z"]}).to_parquet(tmp_path / "4.parquet")
    records = read_records(find_files(str(tmp_path), None), ("a", "c"), "auto", "auto")
    assert records.table.to_dict("list") == {"a": ["1", "2", "3"], "c": ["x", "y", "z"]}
    assert records.file.tolist() == [0, 2, 3]


cells = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1, max_size=8).filter(
    lambda value: value.strip() and value not in ("NULL", "null", "NA", "N/A", "#N/A", "NaN", "nan", "(null)", "None")
)


@settings(max_examples=25)
@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=5), st.sampled_from([",", ";", "\t", "|"]))
def test_files_written_by_pandas_are_read_back(tmp_path_factory, lines, separator):
    path = tmp_path_factory.mktemp("written") / "file.csv"
    pd.DataFrame(lines, columns=["a", "b", "c"]).to_csv(path, index=False, sep=separator)
    records = read_records(find_files(str(path), None), ("a", "c"), "auto", "auto")
    assert records.table.to_numpy().tolist() == [[first, last] for first, _, last in lines]


def cut_off(content):
    return gzip.compress(content)[:-2000]


NOISE = "a,b,c\n" + "".join(f"{random.Random(i).random()},2,3\n" for i in range(3000))  # noqa: S311 - no secret


@pytest.mark.parametrize(
    ("content", "name", "settings", "message"),
    [
        ("", "file.csv", {}, r"file.csv: the file is empty; export"),
        ("a,b,c\n", "file.csv", {}, r"a header and no record; export the records again"),
        ("a,b,c", "file.csv", {}, r"a header and no record; export the records again"),
        ("a;b;c\n1;2;3\n", "file.csv", {"separator": ","}, r"one column when split at ',', 3 when split at ';'; set"),
        ("a,b,cc\n1,2,3\n", "file.csv", {}, r"no column 'c' \(did you mean 'cc'\?\); the file has a, b, cc\. Correct"),
        ("a,a,c\n1,2,3\n", "file.csv", {}, r"column 'a' occurs 2 times; rename"),
        (
            "a,c\né,1\n".encode("cp1252"),
            "file.csv",
            {"encoding": "utf-8"},
            r"not text in the encoding utf-8 at byte 4; set",
        ),
        (NOISE.encode() * 3 + b"\xe9,1,2\n", "file.csv", {"encoding": "utf-8"}, r"not text in the encoding utf-8; set"),
        ("a,c\né,1\n".encode("utf-16-le"), "file.csv", {}, r"binary, or UTF-16 text; set"),
        (b"a,c\n\x81\x8d,1\n", "file.csv", {}, r"neither UTF-8 nor Windows-1252 text; set data.encoding"),
        (b"PK\x03\x04rest", "file.csv", {}, r"zip archive or a spreadsheet; unpack it"),
        (b"PAR1rest", "file.csv", {}, r"rename it to end in .parquet"),
        (cut_off(NOISE.encode()), "file.csv.gz", {}, r"gzip file is damaged or truncated .* download it again"),
        (cut_off(NOISE.encode()), "file.csv.gz", {"encoding": "utf-8"}, r"gzip file is damaged or truncated"),
        (b"a,b,c\n1,2,3\n", "file.csv.gz", {}, r"gzip file is damaged or truncated \(Not a gzipped file"),
        ("a,b,c\n1,2,3\n", "file.parquet", {}, r"not a Parquet file, or damaged; export it again"),
        (
            'a,b,c\n"1,2,3\n' + "4,5,6\n" * 40,
            "file.csv",
            {},
            r"record 1 spans 41 lines; close its quotation mark",
        ),
    ],
)
def test_an_unreadable_file_is_refused_in_one_line(read, content, name, settings, message):
    with pytest.raises(InputError, match=message) as caught:
        read(content, name, **settings)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_a_parquet_file_without_a_wanted_column_lists_its_columns(tmp_path):
    pd.DataFrame({"Latitude": [1.0], "c": ["z"]}).to_parquet(tmp_path / "e.parquet")
    with pytest.raises(
        InputError, match=r"no column 'latitud' \(did you mean 'Latitude'\?\); the file has Latitude, c"
    ):
        read_records(find_files(str(tmp_path / "e.parquet"), None), ("latitud",), "auto", "auto")
