"""Read what settings are suggested from: all columns of the files whose names do not look like personal data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
import pyarrow as pa

from ilp_models.data.file_format import AUTO, SourceFile, detect_format, find_files, is_value
from ilp_models.data.geographic_records import read_points
from ilp_models.data.personal_data import looks_personal
from ilp_models.data.reader import read_records
from ilp_models.domain.errors import InputError
from ilp_models.domain.parquet_file import open_parquet
from ilp_models.domain.spreadsheet import read_spreadsheet

_SEPARATORS: Final = (",", ";", "\t", "|")


@dataclass(frozen=True, eq=False)
class Preview:
    """Records as published, without columns of personal data."""

    table: pd.DataFrame
    files: tuple[SourceFile, ...]
    person_columns: tuple[str, ...]
    header: tuple[str, ...]  # all other columns


def read_preview(path: str | Sequence[str], pattern: str | None, sheet: str | None) -> Preview:
    """Return the records of a path; columns must be in every file, and values of other columns are never read."""
    files = find_files(path, pattern)
    headers = [_header(file, sheet) for file in files]
    first = headers[0]
    shared = [name for name in first if name and first.count(name) == 1 and all(name in one for one in headers)]
    if len(shared) < 2 or any(map(is_value, shared)):
        msg = (
            f"{files[0].name}: the first line does not look like the names of columns. Add a header line, and remove "
            "titles above it."
        )
        raise InputError(msg)
    persons = tuple(name for name in dict.fromkeys(first) if looks_personal(name))
    wanted = tuple(name for name in shared if name not in persons)
    records = read_records(files, wanted, sheet=sheet)
    if records.table.empty:
        msg = f"{files[0].name}: no record has as many fields as the header. Export it again, with one header line."
        raise InputError(msg)
    return Preview(records.table, files, persons, tuple(name for name in shared if name not in persons))


def _header(file: SourceFile, sheet: str | None) -> tuple[str, ...]:
    if file.is_spreadsheet:
        return read_spreadsheet(file.path, (), sheet).header
    if file.is_geographic:
        return read_points(file.path, (), sheet).header
    if file.is_parquet:
        try:
            with open_parquet(file.path, ()) as parquet:
                return tuple(parquet.schema_arrow.names)
        except (pa.ArrowException, OSError) as error:
            msg = f"{file.name} is not a Parquet file, or damaged; export it again."
            raise InputError(msg) from error
    return max((detect_format(file, AUTO, mark, ()).header for mark in _SEPARATORS), key=len)
