"""Read a table that a user names, such as CSV, a sheet or Parquet, as text."""

import codecs
import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.local_file import local_file
from ilp_models.domain.parquet_file import open_parquet, read_columns
from ilp_models.domain.spreadsheet import is_spreadsheet, read_spreadsheet
from ilp_models.domain.text_output import csv_marks

_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text_table(path: str, sheet: str | None = None, setting: str = "", separator: str = ",") -> pd.DataFrame:
    """Return a CSV file, a sheet or a Parquet file as text, with leading and trailing spaces removed."""
    found = local_file(path, "The table ")
    try:
        if found.suffix == ".parquet":
            with open_parquet(found) as parquet:
                table = read_columns(parquet).to_pandas()
            table = _as_text(table)
        elif is_spreadsheet(found.name):
            table = _as_text(read_spreadsheet(found, None, sheet, setting).table.to_pandas())
        else:
            table = _read_csv(found, path, separator)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        msg = f"Cannot read the table {path} ({error}). Give a CSV, spreadsheet or Parquet file with column names."
        raise InputError(msg) from error
    table.columns = table.columns.astype(str).str.strip()
    return pd.DataFrame(table.map(str.strip))


def read_marked_table(path: str, setting: str, sheet: str | None = None) -> tuple[pd.DataFrame, str]:
    """Return a table of text, with commas or semicolons between its columns, and the decimal mark of its numbers."""
    found = local_file(path, setting)
    mark, separator = (".", ",") if is_spreadsheet(found.name) or found.suffix == ".parquet" else csv_marks(found)
    return read_text_table(path, sheet, separator=separator), mark


def _read_csv(found: Path, path: str, separator: str) -> pd.DataFrame:
    """Return a CSV file as text; empty lines are skipped, and cells that a row lacks at its end are empty."""
    with found.open(encoding=_encoding(found, path), errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=separator)
        try:
            header = next((row for row in reader if row), None)
            if header is None:
                msg = f"The table {path} is empty. Give a line with the names of the columns, and the rows below it."
                raise InputError(msg)
            rows = []
            for row in reader:
                if any(cell.strip() for cell in row[len(header) :]):
                    cells = f"{len(row)} cells, and the header has {len(header)} columns"
                    msg = (
                        f"{path}, line {reader.line_num} has {cells}. "
                        f"Put text that holds the separator {separator!r} in double quotes, or remove a cell."
                    )
                    raise InputError(msg)
                if row:
                    rows.append((row + [""] * len(header))[: len(header)])
        except csv.Error as error:
            msg = (
                f"{path}, line {reader.line_num} cannot be read ({error}). Check its quotes, or export the file again."
            )
            raise InputError(msg) from error
    return pd.DataFrame(rows, columns=_unique(header), dtype=str)


def _unique(names: Iterable[str]) -> list[str]:
    """Return names of which repeated ones have a number: ``a``, ``a.1``."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        found.append(f"{name}.{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype(object).map(lambda cell: "" if pd.isna(cell) else str(cell))


def _encoding(found: Path, path: str) -> str:
    """Return UTF-16 for a file with its mark, UTF-8 where all bytes fit, and else that of Windows in Western Europe."""
    content = found.read_bytes()
    if content.startswith(_UTF16):
        return "utf-16"
    if b"\0" in content:
        msg = f"The table {path} is binary, or UTF-16 text without a mark. Export it as CSV in UTF-8."
        raise InputError(msg)
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"
