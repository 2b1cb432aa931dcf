"""Dose: hours that were really worked in places and periods of a trial, without persons, cars or positions."""

from dataclasses import dataclass
from typing import Final

import pandas as pd

CELL: Final = "cell"
UNIT: Final = "unit"


@dataclass(frozen=True, eq=False)
class Dose:
    """Hours by place and day on which a period starts.

    Attributes
    ----------
    source : str
        Name of the file.
    place_kind : str
        ``cell`` or ``unit``.
    table : DataFrame
        ``row`` (of the file), ``place``, ``period`` (a date in the period), ``hours``, and ``crews``, the number of
        patrol units; NaN where it is not known.
    dropped : tuple of str
        Columns that were not used.
    """

    source: str
    place_kind: str
    table: pd.DataFrame
    dropped: tuple[str, ...] = ()

    @property
    def hours(self) -> float:
        """All hours of the table."""
        return float(self.table["hours"].sum())

    def __repr__(self) -> str:
        """Return source, rows and hours in one line."""
        return f"<Dose: {self.source}, {len(self.table):,} rows by {self.place_kind}, {self.hours:,.1f} hours>"
