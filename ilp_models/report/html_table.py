"""Any table as a page shows it: labels and cells as text, and whether something has no number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ilp_models.report.formatting import MISSING, number


@dataclass(frozen=True)
class HtmlTable:
    """A table ready to print.

    Parameters
    ----------
    caption : str
        What it holds.
    labels : tuple of str
        Names of the columns in words.
    numeric : tuple of bool
        Which columns are set as numbers.
    rows : tuple of tuple of str
        Cells as text.
    more : int, default 0
        Rows left out.
    """

    caption: str
    labels: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int = 0

    @property
    def gaps(self) -> bool:
        """Whether a cell has no number."""
        return any(MISSING in row for row in self.rows)

    @classmethod
    def from_frame(cls, caption: str, table: pd.DataFrame, most: int = 60, keep: Sequence[str] = ()) -> "HtmlTable":
        """Return a table as text."""
        flat = table.reset_index() if any(name is not None for name in table.index.names) else table
        names = [name for name in keep if name in flat.columns] if keep else list(flat.columns)
        shown = flat[names].head(most)
        numeric = tuple(
            pd.api.types.is_numeric_dtype(shown[name]) and not pd.api.types.is_bool_dtype(shown[name]) for name in names
        )
        columns = [[_cell(value) for value in shown[name]] for name in names]
        labels = tuple(_label(str(name)) for name in names)
        return cls(caption, labels, numeric, tuple(zip(*columns, strict=True)), len(flat) - len(shown))


def _cell(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return number(float(value))
    return "" if value is None or value is pd.NaT else str(value)


def _label(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
