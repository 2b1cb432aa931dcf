"""Read census tables as tables of counts: one row per area, one column per count."""

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.local_file import local_file

Paths = str | Sequence[str]


def existing_paths(path: Paths) -> list[str]:
    """Return a path or several paths as a list; raise InputError if a file does not exist."""
    paths = [path] if isinstance(path, str) else list(path)
    if not paths:
        msg = f"audit.groups.source.path={path}: there is no such file. Correct the path."
        raise InputError(msg)
    for name in paths:
        local_file(name, "audit.groups.source.path=")
    return paths


def check_columns(table: pd.DataFrame, columns: Sequence[str], where: str) -> None:
    """Raise InputError if a table lacks one of the columns; the message names the nearest column names."""
    for column in columns:
        if column not in table.columns:
            near = get_close_matches(column, map(str, table.columns), n=3, cutoff=0.5)
            nearest = f"; the nearest are {', '.join(map(repr, near))}" if near else ""
            msg = f"{where} has no {column!r}{nearest}. Check the file and audit.groups.source.dimensions."
            raise InputError(msg)


def parse_counts(text: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return text as counts >= 0; thousands separators (commas) are removed."""
    values = text.apply(lambda column: pd.to_numeric(column.str.replace(",", ""), errors="coerce")).astype(float)
    bad = ~(values.ge(0) & values.lt(np.inf)).to_numpy()
    if bad.any():
        row, column = np.argwhere(bad)[0]
        cell = text.iloc[row, column]
        msg = (
            f"{where}: column {text.columns[column]!r} of area {text.index[row]!r} is {cell!r}, which is not a count. "
            "If the office suppresses small counts, use larger areas or fewer groups."
        )
        raise InputError(msg)
    return pd.DataFrame(values)


def join_tables(tables: Sequence[pd.DataFrame], columns: Sequence[str], where: str) -> pd.DataFrame:
    """Return the columns of several tables of the same areas as one table, indexed by area."""
    check_columns(pd.DataFrame(columns=[name for table in tables for name in table.columns]), columns, where)
    for table in tables:
        if not table.index.is_unique:
            area = table.index[table.index.duplicated()][0]
            msg = f"{where} has area {area!r} more than once. Keep one row per area."
            raise InputError(msg)
    first = tables[0]
    for other in tables[1:]:
        unmatched = first.index.symmetric_difference(other.index)
        if len(unmatched):
            msg = f"{where}: area {unmatched[0]!r} is in one file but not in another. Give files of the same areas."
            raise InputError(msg)
    holders = [next(table for table in tables if name in table.columns) for name in columns]
    return pd.DataFrame(
        {name: table[name].reindex(first.index) for name, table in zip(columns, holders, strict=True)},
        index=first.index,
    )


def select_areas(table: pd.DataFrame, names: pd.Series, prefixes: Sequence[str], where: str) -> pd.DataFrame:
    """Return the rows whose area name starts with one of the prefixes; all rows if there is no prefix."""
    if not prefixes:
        return table
    unused = [prefix for prefix in prefixes if not names.str.startswith(str(prefix)).any()]
    if unused:
        msg = f"{where} has no area whose name starts with {unused[0]!r}. Correct audit.groups.source.only."
        raise InputError(msg)
    return table[names.str.startswith(tuple(map(str, prefixes))).to_numpy()]
