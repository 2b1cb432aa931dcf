"""Write labels safely: in CSV files that spreadsheets open, and as names of layers."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Final

import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.printable import printable

DECIMALS: Final = {"point": (".", ","), "comma": (",", ";")}  # decimal mark and separator of columns
# What spreadsheets take for the start of a formula, also in fullwidth form, or for a new line or cell.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BREAKS: Final = re.compile(r"[\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
_LAYER_SIGN: Final = re.compile(r"[^\w .,&'\-]+")
_RESERVED: Final = ("gpkg", "sqlite", "rtree", "layer_styles")
_LONGEST: Final = 60
_LONGEST_HEADER: Final = 100_000  # characters


def escape_formula(label: str) -> str:
    """Return a label on one line that a spreadsheet does not read as a formula."""
    line = printable(_BREAKS.sub(" ", label))
    risky = label.startswith(_FORMULA) or line.lstrip(" '\"\u00a0\u3000").startswith(_FORMULA)
    return f"'{line}" if risky else line


def check_decimal(decimal: str, setting: str) -> None:
    """Raise InputError unless the decimal mark of CSV files is known."""
    if decimal not in DECIMALS:
        msg = f"{setting}={decimal!r} is unknown. Choose one of {', '.join(DECIMALS)}."
        raise InputError(msg)


def write_table(table: pd.DataFrame, target: Path | IO[str], decimal: str = "point") -> None:
    """Write a table as CSV in which no text is a formula or breaks a line.

    A file starts with a byte order mark, without which Excel misreads letters such as é. With ``decimal="comma"``,
    semicolons separate the columns.
    """
    safe = pd.DataFrame({at: _safe_column(column) for at, (_, column) in enumerate(table.items())}, index=table.index)
    safe.columns = pd.Index([escape_formula(str(name)) for name in table.columns])
    mark, separator = DECIMALS[decimal]
    safe.to_csv(target, index=False, encoding="utf-8-sig", lineterminator="\n", sep=separator, decimal=mark)


def csv_marks(path: Path) -> tuple[str, str]:
    """Return decimal mark and separator of a CSV file, from its header."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline(_LONGEST_HEADER)
    return DECIMALS["comma" if header.count(";") > header.count(",") else "point"]


def layer_names(labels: Iterable[str]) -> dict[str, str]:
    """Return a name for each label that GIS software accepts, unique without regard to case."""
    names: dict[str, str] = {}
    used: set[str] = set()
    for label in dict.fromkeys(labels):
        name = _layer_name(label)
        number = 1
        while name.casefold() in used:
            number += 1
            name = f"{_layer_name(label)} {number}"
        used.add(name.casefold())
        names[label] = name
    return names


def _safe_column(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column):
        column = column.astype(object)  # much faster to read value by value
    if column.dtype == object:
        safe = {text: escape_formula(text) for text in {value for value in column if isinstance(value, str)}}
        return column.map(lambda value: safe[value] if isinstance(value, str) else value)
    return column


def _layer_name(label: str) -> str:
    words = " ".join(_LAYER_SIGN.sub(" ", printable(label, lines=False)).split())[:_LONGEST].strip(" .,&'-_")
    if not words:
        return "layer"
    return f"layer {words}" if words.casefold().startswith(_RESERVED) else words
