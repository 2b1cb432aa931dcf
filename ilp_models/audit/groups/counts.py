"""Publishers' files as tables of counts: areas by columns."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from ilp_models.domain.errors import InputError

Paths = str | Sequence[str]


def paths_of(path: Paths) -> list[str]:
    """Return a list of files that are all there."""
    paths = [path] if isinstance(path, str) else list(path)
    absent = [one for one in paths if not Path(one).is_file()]
    if absent or not paths:
        msg = f"audit.groups.source.path={absent[0] if absent else path}: there is no such file."
        raise InputError(msg)
    return paths


def read_text(path: str) -> pd.DataFrame:
    """Return a CSV or Parquet file as text, names and cells without blanks around them."""
    try:
        if Path(path).suffix == ".parquet":
            table = pd.read_parquet(path).astype(object).map(lambda cell: "" if pd.isna(cell) else str(cell))
        else:
            encoding = "utf-8-sig" if _is_utf8(path) else "cp1252"
            table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding=encoding, encoding_errors="replace")
    except (OSError, ValueError) as error:
        msg = f"The table {path} cannot be read ({error}); give a CSV or Parquet file with names in its first row."
        raise InputError(msg) from error
    table.columns = table.columns.astype(str).str.strip()
    return table.map(str.strip)


def need_columns(table: pd.DataFrame, columns: Sequence[str], where: str) -> None:
    """Return nothing if a table has some columns, each once."""
    for column in columns:
        if column not in table.columns:
            near = get_close_matches(column, map(str, table.columns), n=3, cutoff=0.5)
            nearest = f"; the nearest are {', '.join(map(repr, near))}" if near else ""
            msg = f"{where} has no {column!r}{nearest}. Check the file and the columns of the groups."
            raise InputError(msg)


def numbers(text: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return a table of text as numbers; commas of thousands are dropped."""
    values = text.apply(lambda column: pd.to_numeric(column.str.replace(",", ""), errors="coerce")).astype(float)
    bad = ~(values.ge(0) & values.lt(np.inf)).to_numpy()
    if bad.any():
        row, column = np.argwhere(bad)[0]
        cell = text.iloc[row, column]
        msg = (
            f"{where}: {text.columns[column]!r} of {text.index[row]!r} is {cell!r}, which is no count "
            "of residents; give larger areas or fewer groups where the office withholds numbers."
        )
        raise InputError(msg)
    return pd.DataFrame(values)


def joined(tables: Sequence[pd.DataFrame], columns: Sequence[str], where: str) -> pd.DataFrame:
    """Return the columns of several tables of the same areas as one table."""
    need_columns(pd.DataFrame(columns=[name for table in tables for name in table.columns]), columns, where)
    for table in tables:
        if not table.index.is_unique:
            msg = f"{where} repeats area {table.index[table.index.duplicated()][0]!r}; keep one row for each area."
            raise InputError(msg)
    first = tables[0]
    for other in tables[1:]:
        apart = first.index.symmetric_difference(other.index)
        if len(apart):
            msg = f"{where}: area {apart[0]!r} is in one file and not in another; give files of the same areas."
            raise InputError(msg)
    holders = [next(table for table in tables if name in table.columns) for name in columns]
    return pd.DataFrame(
        {name: table[name].reindex(first.index) for name, table in zip(columns, holders, strict=True)},
        index=first.index,
    )


def only_prefixed(table: pd.DataFrame, names: pd.Series, only: Sequence[str], where: str) -> pd.DataFrame:
    """Return the rows whose name starts with one of some words."""
    if not only:
        return table
    idle = [word for word in only if not names.str.startswith(str(word)).any()]
    if idle:
        msg = f"{where} has no area that starts with {idle[0]!r}; mend audit.groups.source.only."
        raise InputError(msg)
    return table[names.str.startswith(tuple(map(str, only))).to_numpy()]


def _is_utf8(path: str) -> bool:
    try:
        Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return True
