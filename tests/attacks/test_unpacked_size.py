"""Small files that become huge: reading them stops before the memory is used."""

import gzip
import io
import re
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from ilp_models.data import file_format, reader
from ilp_models.data.file_format import SourceFile, find_files
from ilp_models.data.reader import read_records
from ilp_models.data.row_blocks import MAX_EXAMPLES, RowSelection
from ilp_models.domain import parquet_file, spreadsheet
from ilp_models.domain.errors import IlpError, InputError, StorageError
from ilp_models.domain.parquet_file import MAX_BYTES, open_parquet
from ilp_models.domain.text_table import read_text_table
from ilp_models.pipeline import audit_archive
from ilp_models.pipeline.audit_archive import _residents
from tests.data.sheets import write_ods_content, write_xlsx

pytestmark = pytest.mark.slow

GIB = 1 << 30


def repeated(path, table, times, **settings):
    with pq.ParquetWriter(path, table.schema, **settings) as writer:
        for _ in range(times):
            writer.write_table(table)
    return path


def rows_of_zeros(path):
    """Many whole numbers in a few kilobytes."""
    return repeated(path, pa.table({"a": np.zeros(1 << 20, np.int64)}), 5)


def one_long_text(path):
    """A text of a megabyte in 100 rows, stored once."""
    text = pa.DictionaryArray.from_arrays(np.zeros(100, np.int32), ["x" * (1 << 20)])
    return repeated(path, pa.table({"a": text}), 1, store_schema=False)


def several_long_texts(path):
    """Long texts in small row groups, so that no single one is above the limit."""
    text = pa.DictionaryArray.from_arrays(np.zeros(10, np.int32), ["x" * (1 << 20)])
    return repeated(path, pa.table({"a": text}), 6, store_schema=False)


def long_bytes(path):
    text = pa.DictionaryArray.from_arrays(np.zeros(100, np.int32), pa.array([b"x" * (1 << 20)]))
    return repeated(path, pa.table({"a": text}), 1, store_schema=False)


def zipped_numbers(path):
    """Pages that compression makes small."""
    table = pa.table({"a": np.zeros(1 << 20, np.int64)})
    return repeated(path, table, 5, use_dictionary=False, compression="zstd")


def wide_values(path):
    values = pa.array([bytes(1 << 16)] * 800, pa.binary(1 << 16))
    return repeated(path, pa.table({"a": values}), 1, compression="zstd")


def lists(path):
    """One row with a list of many values."""
    values = pa.array(np.zeros(1 << 20, np.int64))
    return repeated(path, pa.table({"a": pa.ListArray.from_arrays(pa.array([0, 1 << 20], pa.int32()), values)}), 5)


BOMBS = [rows_of_zeros, one_long_text, several_long_texts, long_bytes, zipped_numbers, wide_values, lists]


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_parquet_file_does_not_fill_the_memory(bomb, tmp_path, monkeypatch):
    limit = 32 << 20
    monkeypatch.setattr(parquet_file, "MAX_BYTES", limit)
    path, pool = bomb(tmp_path / "crime.parquet"), pa.default_memory_pool()
    assert path.stat().st_size < 4 << 20
    before = pool.bytes_allocated()
    for read in (
        lambda: open_parquet(path),
        lambda: open_parquet(path, ["a"]),
        lambda: read_records((SourceFile(path, "crime.parquet"),), ("a",), "auto", "auto"),
        lambda: read_text_table(str(path)),
    ):
        with pytest.raises(InputError, match=r"GiB of memory when it is unpacked"):
            read()
        assert pool.bytes_allocated() - before < limit


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("wanted", ["0", "no such value"])
def test_a_small_parquet_file_that_is_filtered_does_not_fill_the_memory(bomb, wanted, tmp_path, monkeypatch):
    limit = 32 << 20
    monkeypatch.setattr(parquet_file, "MAX_BYTES", limit)
    path, pool = bomb(tmp_path / "crime.parquet"), pa.default_memory_pool()
    before, peak = pool.bytes_allocated(), []
    blocks = reader.column_blocks

    def watched(*given):
        found, schema = blocks(*given)
        return (peak.append(pool.bytes_allocated()) or block for block in found), schema

    monkeypatch.setattr(reader, "column_blocks", watched)
    selection = RowSelection({"a": [wanted]}, ())
    try:
        records = read_records((SourceFile(path, "crime.parquet"),), ("a",), selection=selection)
    except InputError as error:
        assert re.search(r"GiB of memory", str(error))  # noqa: PT017 - either outcome is sound
    else:
        assert len(records.table) <= MAX_EXAMPLES
    assert all(used - before < 3 * limit for used in peak)  # kept rows, and a block


def test_a_filtered_file_may_be_larger_than_the_memory_if_what_is_kept_is_not(tmp_path, monkeypatch):
    rows = 300_000
    table = pa.table({"f": ["north", *["south"] * (rows - 1)], "n": np.arange(rows)})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=50_000)
    with gzip.open(tmp_path / "a.csv.gz", "wt") as text:
        table.to_pandas().to_csv(text, index=False)
    selection = RowSelection({"f": ["north"]}, ("f",))
    for name in ("a.parquet", "a.csv.gz"):
        files = find_files(str(tmp_path / name), None)
        whole = read_records(files, ("f", "n"), selection=selection)
        for module in (parquet_file, file_format):
            monkeypatch.setattr(module, "MAX_BYTES", 1_600_000)
        with pytest.raises(InputError, match="when it is unpacked"):
            read_records(files, ("f", "n"))
        found = read_records(files, ("f", "n"), selection=selection)
        pd.testing.assert_frame_equal(found.table, whole.table)
        assert found.dropped == whole.dropped == rows - len(found.table)
        with pytest.raises(InputError, match=rf"{name}: the rows that match data\.filters, .* need more than .* GiB"):
            read_records(files, ("f", "n"), selection=RowSelection({"f": ["south"]}, ()))
        monkeypatch.undo()


def test_labels_and_ragged_rows_of_a_filtered_gzip_file_count_too(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_file, "MAX_BYTES", 1_000_000)
    selection = RowSelection({"f": ["north"]}, ("n",))
    for name, line, words in (
        ("labels", "south,{0:060d}\n", "the labels that are counted"),
        ("ragged", "south,1,2\n", "rows have"),
    ):
        path = tmp_path / f"{name}.csv.gz"
        with gzip.open(path, "wt") as text:
            text.write("f,n\nnorth,1\n")
            text.writelines(line.format(number) for number in range(60_000))
        with pytest.raises(InputError, match=words):
            read_records(find_files(str(path), None), ("f", "n"), selection=selection)


def test_a_lack_of_memory_is_not_called_damage(tmp_path, monkeypatch):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")

    def full(*_):
        raise pa.ArrowMemoryError

    monkeypatch.setattr(reader, "column_blocks", full)
    with pytest.raises(MemoryError):
        read_records(find_files(str(tmp_path / "a.parquet"), None), ("a",))


def test_other_columns_do_not_count(tmp_path):
    path = tmp_path / "crime.parquet"
    text = pa.DictionaryArray.from_arrays(np.zeros(20_000, np.int32), ["x" * (1 << 20)])
    pq.write_table(pa.table({"a": text, "b": np.arange(20_000)}), path, store_schema=False)
    with open_parquet(path, ["b"]) as parquet:
        assert parquet.read(columns=["b"]).num_rows == 20_000


def test_ordinary_texts_are_counted_as_they_are(tmp_path, monkeypatch):
    path, words = tmp_path / "crime.parquet", ["Assault", "Theft", None, ""] * 1_000
    pq.write_table(pa.table({"a": words}), path)
    assert parquet_file._text_bytes(path, ["a"], in_blocks=False) == 12_000
    monkeypatch.setattr(parquet_file, "MAX_BYTES", 20_000)
    open_parquet(path).close()
    monkeypatch.setattr(parquet_file, "MAX_BYTES", 11_999)
    with pytest.raises(InputError):
        open_parquet(path)


@pytest.mark.parametrize("at", [4, 50, -9, -12])
def test_a_parquet_file_with_changed_bytes_is_refused_or_read(at, tmp_path):
    path = tmp_path / "crime.parquet"
    pq.write_table(pa.table({"a": ["Assault"] * 100}), path)
    content = bytearray(path.read_bytes())
    for value in range(0, 256, 5):
        content[at] = value
        path.write_bytes(content)
        try:
            table = read_records((SourceFile(path, "crime.parquet"),), ("a",), "auto", "auto").table
        except IlpError:
            continue
        assert len(table) <= 100


def test_a_gzip_file_is_measured_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "crime.csv.gz"
    path.write_bytes(gzip.compress(b"a\n" + b"1\n" * 1_000_000))
    monkeypatch.setattr(file_format, "MAX_BYTES", 1_000_000)
    for encoding in ("auto", "utf-8"):
        with pytest.raises(InputError, match="GiB when it is unpacked"):
            read_records(find_files(str(path), None), ("a",), encoding, ",")


def far_cell(path):
    """Two cells, one of them in the last row and column: a table of 17 billion cells."""
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write(0, 0, "a")
    sheet.write(1_048_575, 16_383, "b")
    book.close()


def repeated_cells(path):
    """One cell that is declared for every row and column."""
    cell = '<table:table-cell table:number-columns-repeated="16384" office:value-type="float" office:value="1"/>'
    write_ods_content(path, f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-row>')


def one_long_cell(path):
    """A text of 30 megabytes that a million cells share."""
    write_xlsx(path, [["a", "b"], *[["x" * 30_000, "y"]] * 20])
    changed = path.with_suffix(".tmp")
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as target:
        for one in archive.namelist():
            content = archive.read(one)
            if one == "xl/sharedStrings.xml":
                content = content.replace(b"x" * 30_000, b"x" * 30_000_000)
            if one == "xl/worksheets/sheet1.xml":
                rows = b"".join(
                    b'<row r="%d"><c r="A%d" t="s"><v>2</v></c></row>' % (at, at) for at in range(30, 9_000)
                )
                content = content.replace(b"</sheetData>", rows + b"</sheetData>")
            target.writestr(one, content)
    changed.replace(path)


@pytest.mark.parametrize(
    ("bomb", "name"),
    [(far_cell, "c.xlsx"), (repeated_cells, "c.ods"), (one_long_cell, "c.xlsx")],
)
def test_a_small_spreadsheet_does_not_fill_the_memory(bomb, name, tmp_path):
    path = tmp_path / name
    bomb(path)
    assert path.stat().st_size < 1 << 20
    for read in (lambda: read_records(find_files(str(path), None), ("a",)), lambda: read_text_table(str(path))):
        with pytest.raises(InputError, match=r"needs more than 4 GiB of memory, or is damaged|Cell limit exceeded"):
            read()


def test_a_spreadsheet_is_measured_before_it_is_read(tmp_path, monkeypatch):
    path = write_xlsx(tmp_path / "c.xlsx", [["a"], *[["x"]] * 20_000])
    assert path.stat().st_size < 200_000
    monkeypatch.setattr(spreadsheet, "MAX_BYTES", 200_000)
    with pytest.raises(InputError, match="GiB when it is unpacked"):
        read_records(find_files(str(path), None), ("a",))


def test_archived_arrays_are_measured_before_they_are_read(tmp_path, monkeypatch):
    path = tmp_path / "residents.npz"
    np.savez_compressed(path, **{"0_total": np.zeros(1 << 20)})
    monkeypatch.setattr(audit_archive, "MAX_BYTES", 1 << 20)
    with pytest.raises(StorageError, match="when it is unpacked"):
        _residents(path, [{"groups": []}])


def test_an_array_that_declares_a_huge_shape_is_refused(tmp_path):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(117) + "\n"
    npy = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("0_total.npy", npy)
    path = tmp_path / "residents.npz"
    path.write_bytes(packed.getvalue())
    with pytest.raises((MemoryError, ValueError, EOFError)):
        _residents(path, [{"groups": []}])


def test_the_limit_is_declared():
    assert MAX_BYTES == 4 * GIB
