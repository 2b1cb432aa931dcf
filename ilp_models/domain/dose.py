"""Dose: hours that were really worked in places and periods of a trial, without persons, cars or positions."""

from dataclasses import dataclass
from typing import Final

import pandas as pd

CELL: Final = "cell"
UNIT: Final = "unit"
PERIOD: Final = "period"
HOURS: Final = "hours"
CREWS: Final = "crews"
PLACE: Final = "place"
SHEET: Final = "hours"  # of the workbook that a shift fills in
PLANNED: Final = {"hours": "planned hours", "cells": "planned cells"}  # its column of the plan, by unit of the budget


@dataclass(frozen=True, eq=False)
class Dose:
    """Hours by place and day on which a period starts.

    Attributes
    ----------
    source : str
        Name of the file; of several files, their number.
    place_kind : str
        ``cell`` or ``unit``.
    table : DataFrame
        ``file`` and its ``row``, ``place``, ``period`` (a date in the period), ``hours``, and ``crews``, the number of
        patrol units; NaN where it is not known.
    dropped : tuple of str
        Columns that were not used.
    not_reported : int
        Rows without hours, which are not in the table.
    """

    source: str
    place_kind: str
    table: pd.DataFrame
    dropped: tuple[str, ...] = ()
    not_reported: int = 0

    @property
    def hours(self) -> float:
        """All hours of the table."""
        return float(self.table[HOURS].sum())

    def __repr__(self) -> str:
        """Return source, rows and hours in one line."""
        return f"<Dose: {self.source}, {len(self.table):,} rows by {self.place_kind}, {self.hours:,.1f} hours>"
