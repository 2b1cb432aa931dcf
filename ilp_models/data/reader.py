"""Read the declared columns of all files into one table; other columns are never read."""

import codecs
from collections.abc import Iterable
from dataclasses import dataclass, replace
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
    missing_columns,
    not_in_encoding,
    unreadable,
)
from ilp_models.data.geographic_records import read_points
from ilp_models.domain.errors import InputError
from ilp_models.domain.parquet_file import open_parquet, read_columns
from ilp_models.domain.spreadsheet import read_spreadsheet

_NULL_TEXTS: Final = ["", "NULL", "null", "NA", "N/A", "#N/A", "NaN", "nan", "(null)", "None"]
_BLOCK_BYTES: Final = 1 << 23
_MAX_LINES_PER_ROW: Final = 20
_UTF8: Final = ("utf-8", "utf-8-sig")


@dataclass(frozen=True, eq=False)
class RawRecords:
    """The declared columns as published, and the file and number of each row."""

    table: (
        pd.DataFrame
    )  # columns under the publisher's names; text from delimited files, typed from Parquet and spreadsheets
    files: tuple[SourceFile, ...]  # in the order of reading
    file: npt.NDArray[np.int64]  # position in files of each row
    number: npt.NDArray[np.int64]  # of each row among the records of its file, or in its sheet, from 1
    ragged: tuple[str, ...]  # file and number of rows with more or fewer fields than the header; not in the table
    columns_left: tuple[str, ...]  # columns of the files that were not read
    notes: tuple[str, ...]  # assumptions made while reading

    def label(self, row: int) -> str:
        """Return file and number of a row, such as ``may.csv record 7``."""
        file = self.files[self.file[row]]
        return f"{file.path.name} {'row' if file.is_spreadsheet else 'record'} {self.number[row]}"


@dataclass(frozen=True, eq=False)
class _Part:
    table: pa.Table
    header: tuple[str, ...]
    ragged: tuple[int, ...] = ()
    note: str = ""
    number: npt.NDArray[np.int64] | None = None  # rows of a sheet; None: records are numbered


def read_records(
    files: tuple[SourceFile, ...],
    wanted: tuple[str, ...],
    encoding: str = AUTO,
    separator: str = AUTO,
    sheet: str | None = None,
) -> RawRecords:
    """Return the wanted columns of all files in one table."""
    parts = [_part(file, wanted, encoding, separator, sheet) for file in files]
    sizes = [part.table.num_rows for part in parts]
    ragged = tuple(
        f"{file.path.name} record {number}" for file, part in zip(files, parts, strict=True) for number in part.ragged
    )
    if sum(sizes) + len(ragged) == 0:
        extent = " in any file" if len(files) > 1 else ""
        msg = f"{files[0].name}: a header and no record{extent}; export the records again."
        raise InputError(msg)
    unread = dict.fromkeys(column for part in parts for column in part.header if column not in wanted)
    tables = [part.table.to_pandas() for part in parts if part.table.num_rows]
    numbers = [
        _numbers(size, part.ragged) if part.number is None else part.number
        for size, part in zip(sizes, parts, strict=True)
    ]
    return RawRecords(
        table=pd.concat(tables or [parts[0].table.to_pandas()], ignore_index=True),
        files=files,
        file=np.repeat(np.arange(len(files)), sizes),
        number=np.concatenate(numbers),
        ragged=ragged,
        columns_left=tuple(unread),
        notes=tuple(part.note for part in parts if part.note),
    )


def _numbers(size: int, ragged: Iterable[int]) -> npt.NDArray[np.int64]:
    skipped = np.asarray(tuple(ragged), dtype=np.int64)
    return np.setdiff1d(np.arange(1, size + len(skipped) + 1), skipped)


def _part(file: SourceFile, wanted: tuple[str, ...], encoding: str, separator: str, sheet: str | None) -> _Part:
    if file.is_parquet:
        return _parquet(file, wanted)
    if file.is_spreadsheet:
        found = read_spreadsheet(file.path, wanted, sheet)
        part = _Part(found.table, found.header, note=found.note, number=found.number)
    elif file.is_geographic:
        points = read_points(file.path, wanted, sheet)
        part = _Part(points.table, points.header)
    else:
        return _text(file, wanted, encoding, separator)
    problem = missing_columns(file, wanted, tuple(filter(None, part.header)))
    if problem:
        raise InputError(problem)
    return replace(part, table=_without_null_texts(part.table), header=tuple(filter(None, part.header)))


def _without_null_texts(table: pa.Table) -> pa.Table:
    for at, column in enumerate(table.column_names):
        if table.schema.field(column).type == pa.string():
            empty = pc.is_in(table[column], value_set=pa.array(_NULL_TEXTS))
            table = table.set_column(at, column, pc.if_else(empty, None, table[column]))
    return table


def _parquet(file: SourceFile, wanted: tuple[str, ...]) -> _Part:
    try:
        with open_parquet(file.path, wanted) as parquet:
            header = tuple(parquet.schema_arrow.names)
            problem = missing_columns(file, wanted, header)
            table = None if problem else read_columns(parquet, wanted)
    except (pa.ArrowException, OSError, UnicodeError) as error:
        msg = f"{file.name}: not a Parquet file, or damaged; export it again, or rename it to .csv if it is text."
        raise InputError(msg) from error
    if problem:
        raise InputError(problem)
    return _Part(table, header)


def _text(file: SourceFile, wanted: tuple[str, ...], encoding: str, separator: str) -> _Part:
    file_format = detect_format(file, encoding, separator, wanted)
    if file_format.skip == 0:
        return _Part(pa.table({column: pa.array([], pa.string()) for column in wanted}), file_format.header)
    ragged: list[int] = []
    line_counts: list[int] = []

    def skip(row: Any) -> str:
        ragged.append(row.number - file_format.skip)
        line_counts.append(row.text.count("\n") + 1)
        return "skip"

    try:
        table = _parse(file, file_format, wanted, skip)
    except UnicodeError as error:
        raise InputError(not_in_encoding(file, file_format.encoding, error)) from error
    except pa.ArrowInvalid as error:
        raise InputError(_malformed(file, file_format, error)) from error
    except OSError as error:
        raise InputError(unreadable(file, error)) from error
    if max(line_counts, default=0) > _MAX_LINES_PER_ROW:
        number = ragged[int(np.argmax(line_counts))]
        msg = f"{file.name}: record {number} spans {max(line_counts)} lines; close its quotation mark."
        raise InputError(msg)
    note = (
        f"{file.name} is not UTF-8 and was read as Windows-1252."
        if file_format.encoding == "cp1252" != encoding
        else ""
    )
    return _Part(table, file_format.header, tuple(ragged), note)


def _parse(file: SourceFile, file_format: FileFormat, wanted: tuple[str, ...], skip: Any) -> pa.Table:
    """Read text with Arrow on one thread, because only then do skipped rows have a number."""
    codec = codecs.lookup(file_format.encoding).name
    with pa.input_stream(
        str(file.path), compression="gzip" if file.path.name.lower().endswith(".gz") else None
    ) as stream:
        return pa_csv.read_csv(
            stream,
            read_options=pa_csv.ReadOptions(
                use_threads=False,
                block_size=_BLOCK_BYTES,
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
        )


def _malformed(file: SourceFile, file_format: FileFormat, error: Exception) -> str:
    if "UTF8" in str(error):
        return not_in_encoding(file, file_format.encoding, error)
    return f"{file.name}: not delimited text ({str(error).splitlines()[0]}); look for an unclosed quotation mark."
