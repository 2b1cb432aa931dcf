"""Read the declared columns of all files into one table; other columns are never read."""

import codecs
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from ilp_models.data.file_format import (
    AUTO,
    FileFormat,
    SourceFile,
    detect_format,
    is_packed,
    missing_columns,
    not_in_encoding,
    unreadable,
)
from ilp_models.data.geographic_records import read_points
from ilp_models.data.row_blocks import (
    BlockFilter,
    CountedValues,
    RowSelection,
    Select,
    SelectedRows,
    counted_values,
    whole_table,
)
from ilp_models.domain import parquet_file
from ilp_models.domain.errors import InputError
from ilp_models.domain.parquet_file import column_blocks, open_parquet
from ilp_models.domain.spreadsheet import read_spreadsheet

_NULL_TEXTS: Final = ["", "NULL", "null", "NA", "N/A", "#N/A", "NaN", "nan", "(null)", "None"]
_BLOCK_BYTES: Final = 1 << 20  # Arrow reads several blocks ahead
_MAX_RECORD_BYTES: Final = 1 << 23  # a longer record is an unclosed quotation mark
_MAX_LINES_PER_ROW: Final = 20
_RAGGED_BYTES: Final = 200  # a row number, its lines, and its text in the intake report
_UTF8: Final = ("utf-8", "utf-8-sig")


@dataclass(frozen=True, eq=False)
class RawRecords:
    """The declared columns as published, and the file and number of each row.

    With a row selection the table has the rows that match, and few others (see `BlockFilter`).
    """

    table: (
        pd.DataFrame
    )  # columns under the publisher's names; text from delimited files, typed from Parquet and spreadsheets
    files: tuple[SourceFile, ...]  # in the order of reading
    file: npt.NDArray[np.int64]  # position in files of each row
    number: npt.NDArray[np.int64]  # of each row among the records of its file, or in its sheet, from 1
    ragged: tuple[str, ...]  # file and number of rows with more or fewer fields than the header; not in the table
    columns_left: tuple[str, ...]  # columns of the files that were not read
    notes: tuple[str, ...]  # assumptions made while reading
    dropped: int = 0  # rows that do not match the selection and are not in the table
    counted: Mapping[str, CountedValues] = field(default_factory=dict)  # over all rows, also those dropped

    def all_values(self, column: str) -> CountedValues:
        """Return the values of a column in all rows of the files, also in rows that are not in the table."""
        return self.counted.get(column) or CountedValues.from_column(self.table[column])

    def label(self, row: int) -> str:
        """Return file and number of a row, such as ``may.csv record 7``."""
        file = self.files[self.file[row]]
        return f"{file.path.name} {'row' if file.is_spreadsheet else 'record'} {self.number[row]}"


@dataclass(frozen=True, eq=False)
class _Part:
    rows: SelectedRows
    header: tuple[str, ...]
    ragged: tuple[int, ...] = ()
    note: str = ""
    in_sheet: npt.NDArray[np.int64] | None = None  # number of each row that was read; None: records are numbered

    @property
    def number(self) -> npt.NDArray[np.int64]:
        """The number of each row that was kept."""
        if self.in_sheet is not None:
            return self.in_sheet[self.rows.position]
        skipped = np.asarray(self.ragged, dtype=np.int64)
        before = np.searchsorted(skipped - np.arange(len(skipped)), self.rows.position + 1, side="right")
        return self.rows.position + 1 + before


def read_records(
    files: tuple[SourceFile, ...],
    wanted: tuple[str, ...],
    encoding: str = AUTO,
    separator: str = AUTO,
    sheet: str | None = None,
    selection: RowSelection | None = None,
) -> RawRecords:
    """Return the wanted columns of all files in one table, of all rows or of those that a selection keeps."""
    select: Select = whole_table if selection is None else BlockFilter(selection)
    parts = [_part(file, wanted, (encoding, separator, sheet), select) for file in files]
    ragged = tuple(
        f"{file.path.name} record {number}" for file, part in zip(files, parts, strict=True) for number in part.ragged
    )
    with_rows = [part for part in parts if part.rows.size]
    if not with_rows and not ragged:
        extent = " in any file" if len(files) > 1 else ""
        msg = f"{files[0].name}: a header and no record{extent}; export the records again."
        raise InputError(msg)
    unread = dict.fromkeys(column for part in parts for column in part.header if column not in wanted)
    sizes = [len(part.rows.position) for part in parts]
    tables = [part.rows.table.to_pandas() for part in with_rows or parts[:1]]
    counted = with_rows[0].rows.counted if with_rows else {}
    return RawRecords(
        table=pd.concat(tables, ignore_index=True),
        files=files,
        file=np.repeat(np.arange(len(files)), sizes),
        number=np.concatenate([part.number for part in parts]),
        ragged=ragged,
        columns_left=tuple(unread),
        notes=tuple(part.note for part in parts if part.note),
        dropped=sum(part.rows.size for part in parts) - sum(sizes),
        counted={name: counted_values([part.rows.counted[name] for part in with_rows]) for name in counted},
    )


def _part(file: SourceFile, wanted: tuple[str, ...], reading: tuple[str, str, str | None], select: Select) -> _Part:
    encoding, separator, sheet = reading
    if file.is_parquet:
        return _parquet(file, wanted, select)
    if not file.is_spreadsheet and not file.is_geographic:
        return _text(file, wanted, (encoding, separator), select)
    number, note = None, ""
    if file.is_spreadsheet:
        found = read_spreadsheet(file.path, wanted, sheet)
        table, header, number, note = found.table, found.header, found.number, found.note
    else:
        points = read_points(file.path, wanted, sheet)
        table, header = points.table, points.header
    problem = missing_columns(file, wanted, tuple(filter(None, header)))
    if problem:
        raise InputError(problem)
    table = _without_null_texts(table)
    return _Part(select(table.to_batches(), table.schema), tuple(filter(None, header)), note=note, in_sheet=number)


def _without_null_texts(table: pa.Table) -> pa.Table:
    for at, column in enumerate(table.column_names):
        if table.schema.field(column).type == pa.string():
            empty = pc.is_in(table[column], value_set=pa.array(_NULL_TEXTS))
            table = table.set_column(at, column, pc.if_else(empty, None, table[column]))
    return table


def _parquet(file: SourceFile, wanted: tuple[str, ...], select: Select) -> _Part:
    try:
        with open_parquet(file.path, wanted, in_blocks=select is not whole_table) as parquet:
            header = tuple(parquet.schema_arrow.names)
            problem = missing_columns(file, wanted, header)
            rows = None if problem else select(*column_blocks(parquet, wanted), file.name)
    except MemoryError:  # Arrow's is also an ArrowException
        raise
    except (pa.ArrowException, OSError, UnicodeError) as error:
        msg = f"{file.name}: not a Parquet file, or damaged; export it again, or rename it to .csv if it is text."
        raise InputError(msg) from error
    if rows is None:
        raise InputError(str(problem))
    return _Part(rows, header)


def _text(file: SourceFile, wanted: tuple[str, ...], reading: tuple[str, str], select: Select) -> _Part:
    encoding, separator = reading
    file_format = detect_format(file, encoding, separator, wanted, in_blocks=select is not whole_table)
    schema = pa.schema([(column, pa.string()) for column in wanted])
    if file_format.skip == 0:
        return _Part(select((), schema), file_format.header)
    try:
        rows, ragged, line_counts = _select_text(file, file_format, schema, select)
    except UnicodeError as error:
        raise InputError(not_in_encoding(file, file_format.encoding, error)) from error
    except pa.ArrowInvalid as error:
        raise InputError(_malformed(file, file_format, error)) from error
    except OSError as error:
        raise InputError(unreadable(file, error)) from error
    if max(line_counts, default=0) > _MAX_LINES_PER_ROW:
        number = ragged[line_counts.index(max(line_counts))]
        msg = f"{file.name}: record {number} spans {max(line_counts)} lines; close its quotation mark."
        raise InputError(msg)
    note = (
        f"{file.name} is not UTF-8 and was read as Windows-1252."
        if file_format.encoding == "cp1252" != encoding
        else ""
    )
    return _Part(rows, file_format.header, tuple(ragged), note)


def _select_text(
    file: SourceFile, file_format: FileFormat, schema: pa.Schema, select: Select
) -> tuple[SelectedRows, list[int], list[int]]:
    """Return the selected rows, and number and lines of rows with more or fewer fields than the header."""
    for block_bytes in (_BLOCK_BYTES, _MAX_RECORD_BYTES):
        ragged: list[int] = []
        line_counts: list[int] = []

        def skip(row: Any, ragged: list[int] = ragged, line_counts: list[int] = line_counts) -> str:
            ragged.append(row.number - file_format.skip)
            line_counts.append(row.text.count("\n") + 1)
            return "skip"

        try:
            blocks = _blocks(file, file_format, (block_bytes, skip), schema.names)
            blocks = _with_few_ragged(blocks, file, ragged)
            rows = select(blocks, schema, file.name if is_packed(file) else "")
        except pa.ArrowInvalid as error:
            if "straddl" not in str(error) or block_bytes == _MAX_RECORD_BYTES:
                raise
        else:
            break
    return rows, ragged, line_counts


def _with_few_ragged(blocks: Iterator[pa.RecordBatch], file: SourceFile, ragged: list[int]) -> Iterator[pa.RecordBatch]:
    """Yield the blocks of a file; InputError if the list of ragged rows of a packed file fills the memory."""
    for block in blocks:
        if is_packed(file) and len(ragged) * _RAGGED_BYTES > parquet_file.MAX_BYTES:
            msg = f"{file.name}: {len(ragged):,} rows have more or fewer fields than the header. Export it again."
            raise InputError(msg)
        yield block


def _blocks(
    file: SourceFile, file_format: FileFormat, parsing: tuple[int, Any], wanted: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Read text with Arrow on one thread, because only then do skipped rows have a number."""
    block_bytes, skip = parsing
    codec = codecs.lookup(file_format.encoding).name
    packed = "gzip" if is_packed(file) else None
    with (
        pa.input_stream(str(file.path), compression=packed) as stream,
        pa_csv.open_csv(
            stream,
            read_options=pa_csv.ReadOptions(
                use_threads=False,
                block_size=block_bytes,
                column_names=list(file_format.header),
                skip_rows=file_format.skip,
                encoding="utf8" if codec in _UTF8 else codec,
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=file_format.separator, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=pa_csv.ConvertOptions(
                include_columns=list(wanted),
                column_types=dict.fromkeys(wanted, pa.string()),
                null_values=_NULL_TEXTS,
                strings_can_be_null=True,
            ),
        ) as blocks,
    ):
        yield from blocks


def _malformed(file: SourceFile, file_format: FileFormat, error: Exception) -> str:
    if "UTF8" in str(error):
        return not_in_encoding(file, file_format.encoding, error)
    return f"{file.name}: not delimited text ({str(error).splitlines()[0]}); look for an unclosed quotation mark."
