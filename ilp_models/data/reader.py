"""The declared columns of all files in one table, every other column left unread."""

import codecs
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from ilp_models.data.file_format import FileFormat, detect_format, missing_columns, not_in_encoding, unreadable
from ilp_models.data.files import SourceFile
from ilp_models.domain.errors import InputError

_BLANK: Final = ["", "NULL", "null", "NA", "N/A", "#N/A", "NaN", "nan", "(null)", "None"]
_BLOCK_BYTES: Final = 1 << 23
_LINES_IN_A_ROW: Final = 20
_UTF8: Final = ("utf-8", "utf-8-sig")


@dataclass(frozen=True, eq=False)
class RawRecords:
    """What was read: the declared columns as published, and where each row stood.

    Parameters
    ----------
    table : DataFrame
        The declared columns under the publisher's names; text from delimited files, typed from Parquet.
    files : tuple of SourceFile
        What was read, in order.
    file : ndarray of int64
        Position in ``files`` of each row.
    number : ndarray of int64
        Number of each row among the records of its file, from 1.
    ragged : tuple of str
        Rows whose number of fields is not that of the header, by file and number; they are not in the table.
    columns_left : tuple of str
        Columns of the files that were not read.
    notes : tuple of str
        What was guessed in reading.
    """

    table: pd.DataFrame
    files: tuple[SourceFile, ...]
    file: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]
    ragged: tuple[str, ...]
    columns_left: tuple[str, ...]
    notes: tuple[str, ...]

    def where(self, row: int) -> str:
        """Return the place of a row in words."""
        return f"{self.files[self.file[row]].path.name} record {self.number[row]}"


@dataclass(frozen=True, eq=False)
class _Part:
    table: pa.Table
    header: tuple[str, ...]
    ragged: tuple[int, ...] = ()
    note: str = ""


def read_records(files: tuple[SourceFile, ...], wanted: tuple[str, ...], encoding: str, separator: str) -> RawRecords:
    """Return the wanted columns of all files in one table."""
    parts = [_parquet(file, wanted) if file.is_parquet else _text(file, wanted, encoding, separator) for file in files]
    sizes = [part.table.num_rows for part in parts]
    ragged = tuple(
        f"{file.path.name} record {number}" for file, part in zip(files, parts, strict=True) for number in part.ragged
    )
    if sum(sizes) + len(ragged) == 0:
        msg = f"{files[0].name}: a header and no record{' in any file' if len(files) > 1 else ''}; export again."
        raise InputError(msg)
    left = dict.fromkeys(column for part in parts for column in part.header if column not in wanted)
    tables = [part.table.to_pandas() for part in parts if part.table.num_rows]
    numbers = [_numbers(size, part.ragged) for size, part in zip(sizes, parts, strict=True)]
    return RawRecords(
        table=pd.concat(tables or [parts[0].table.to_pandas()], ignore_index=True),
        files=files,
        file=np.repeat(np.arange(len(files)), sizes),
        number=np.concatenate(numbers),
        ragged=ragged,
        columns_left=tuple(left),
        notes=tuple(part.note for part in parts if part.note),
    )


def _numbers(size: int, ragged: Iterable[int]) -> npt.NDArray[np.int64]:
    skipped = np.asarray(tuple(ragged), dtype=np.int64)
    return np.setdiff1d(np.arange(1, size + len(skipped) + 1), skipped)


def _parquet(file: SourceFile, wanted: tuple[str, ...]) -> _Part:
    try:
        parquet = pq.ParquetFile(file.path)
        header = tuple(parquet.schema_arrow.names)
        problem = missing_columns(file, wanted, header)
        table = None if problem else parquet.read(columns=list(wanted))
    except (pa.ArrowException, OSError) as error:
        msg = f"{file.name}: not a Parquet file, or a damaged one; export it again, or name it .csv if it is text."
        raise InputError(msg) from error
    if problem:
        raise InputError(problem)
    return _Part(table, header)


def _text(file: SourceFile, wanted: tuple[str, ...], encoding: str, separator: str) -> _Part:
    dialect = detect_format(file, encoding, separator, wanted)
    if dialect.skip == 0:
        return _Part(pa.table({column: pa.array([], pa.string()) for column in wanted}), dialect.header)
    ragged: list[int] = []
    swallowed: list[int] = []

    def skip(row: Any) -> str:
        ragged.append(row.number - dialect.skip)
        swallowed.append(row.text.count("\n") + 1)
        return "skip"

    try:
        table = _parse(file, dialect, wanted, skip)
    except UnicodeError as error:
        raise InputError(not_in_encoding(file, dialect.encoding, error)) from error
    except pa.ArrowInvalid as error:
        raise InputError(_malformed(file, dialect, error)) from error
    except OSError as error:
        raise InputError(unreadable(file, error)) from error
    if max(swallowed, default=0) > _LINES_IN_A_ROW:
        number = ragged[int(np.argmax(swallowed))]
        msg = f"{file.name}: record {number} runs on over {max(swallowed)} lines; close its quotation mark."
        raise InputError(msg)
    note = f"{file.name} is not UTF-8 and was read as Windows-1252." if dialect.encoding == "cp1252" != encoding else ""
    return _Part(table, dialect.header, tuple(ragged), note)


def _parse(file: SourceFile, dialect: FileFormat, wanted: tuple[str, ...], skip: Any) -> pa.Table:
    """Read on one thread: only then do skipped rows know their number."""
    codec = codecs.lookup(dialect.encoding).name
    with pa.input_stream(
        str(file.path), compression="gzip" if file.path.name.lower().endswith(".gz") else None
    ) as stream:
        return pa_csv.read_csv(
            stream,
            read_options=pa_csv.ReadOptions(
                use_threads=False,
                block_size=_BLOCK_BYTES,
                column_names=list(dialect.header),
                skip_rows=dialect.skip,
                encoding="utf8" if codec in _UTF8 else codec,
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=dialect.separator, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=pa_csv.ConvertOptions(
                include_columns=list(wanted),
                column_types=dict.fromkeys(wanted, pa.string()),
                null_values=_BLANK,
                strings_can_be_null=True,
            ),
        )


def _malformed(file: SourceFile, dialect: FileFormat, error: Exception) -> str:
    if "UTF8" in str(error):
        return not_in_encoding(file, dialect.encoding, error)
    return f"{file.name}: not delimited text ({str(error).splitlines()[0]}); look for an unclosed quotation mark."
