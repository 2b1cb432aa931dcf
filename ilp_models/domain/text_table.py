"""Read a table that a user names, such as CSV, a sheet or Parquet, as text."""

from pathlib import Path

import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.local_file import local_file
from ilp_models.domain.parquet_file import open_parquet, read_columns
from ilp_models.domain.spreadsheet import is_spreadsheet, read_spreadsheet


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
            encoding = "utf-8-sig" if _is_utf8(found) else "cp1252"
            table = pd.read_csv(
                found,
                sep=separator,
                dtype=str,
                keep_default_na=False,
                encoding=encoding,
                encoding_errors="replace",
                compression=None,  # the name must not decide what is unpacked
            )
    except InputError:
        raise
    except (OSError, ValueError) as error:
        msg = f"Cannot read the table {path} ({error}). Give a CSV, spreadsheet or Parquet file with column names."
        raise InputError(msg) from error
    table.columns = table.columns.astype(str).str.strip()
    return pd.DataFrame(table.map(str.strip))


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype(object).map(lambda cell: "" if pd.isna(cell) else str(cell))


def _is_utf8(path: Path) -> bool:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return True
