"""Incidents of one crime type in order of time; records of the same time and place are one incident."""

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.history import History

Floats = npt.NDArray[np.float64]

DAY: Final = pd.Timedelta(days=1)


@dataclass(frozen=True, eq=False)
class Incidents:
    """Times and places of incidents, with the number of records of each."""

    day: Floats  # days since the start of observation, not decreasing; negative before it
    x: Floats  # metres
    y: Floats
    cell: npt.NDArray[np.int64]  # -1 outside all cells
    records: npt.NDArray[np.int64]  # records of the same time and place, >= 1

    def __len__(self) -> int:
        """Return the number of incidents."""
        return len(self.day)

    @property
    def records_per_incident(self) -> float:
        """The mean number of records per incident; 1 without incidents."""
        return float(self.records.mean()) if len(self) else 1.0

    @property
    def repeated_records(self) -> int:
        """The number of records that repeat another one."""
        return int(self.records.sum()) - len(self)

    @classmethod
    def from_arrays(cls, day: Floats, x: Floats, y: Floats, cell: npt.NDArray[np.int64] | None = None) -> Self:
        """Return incidents in order of time, then place; records of the same time and place become one."""
        where = np.zeros(len(day), dtype=np.int64) if cell is None else cell
        order = np.lexsort((where, y, x, day))
        day, x, y, where = day[order], x[order], y[order], where[order]
        new = np.ones(len(day), dtype=bool)
        new[1:] = (np.diff(day) != 0) | (np.diff(x) != 0) | (np.diff(y) != 0)
        records = np.diff(np.append(np.flatnonzero(new), len(day)))
        return cls(day[new], x[new], y[new], where[new], records.astype(np.int64))

    def between(self, first: float, last: float) -> Self:
        """Return the incidents from a day to before another."""
        part = slice(*np.searchsorted(self.day, (first, last), side="left"))
        return type(self)(self.day[part], self.x[part], self.y[part], self.cell[part], self.records[part])

    def shifted(self, day: float) -> Self:
        """Return the same incidents with `day` as day 0."""
        return replace(self, day=self.day - day)


def incidents_by_type(history: History, *, earlier_days: float = 0.0, outside_cells: bool = False) -> list[Incidents]:
    """Return the incidents of each crime type in the settled periods, or also earlier and outside all cells."""
    first, last = settled_span(history)
    earliest = first - earlier_days * DAY
    table = history.events.table
    settled = replace(history.events, table=table[(table["occurred_at"] >= earliest) & (table["occurred_at"] < last)])
    cell, table = history.grid.locate(settled), settled.table
    day = ((table["occurred_at"] - first) / DAY).to_numpy(dtype=float)
    x, y = (table[name].to_numpy(dtype=float) for name in ("x", "y"))
    kind = table["crime_type"].cat.codes.to_numpy()
    selected = [(kind == code) & (outside_cells | (cell >= 0)) for code in range(len(history.events.crime_types))]
    return [Incidents.from_arrays(day[some], x[some], y[some], cell[some]) for some in selected]


def settled_span(history: History) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the start of the first settled period and the end of the last."""
    periods = history.panel.periods
    return periods[0].start_time, (periods[-1] + 1).start_time


def days_of(delay: str, setting: str) -> float:
    """Return a duration such as ``1 day`` in days."""
    try:
        days = pd.Timedelta(delay) / DAY
    except ValueError as error:
        msg = f"{setting}={delay!r} is not a duration; write it as '1 hour' or '1 day'."
        raise InputError(msg) from error
    if not days >= 0:
        msg = f"{setting}={delay!r} must not be negative."
        raise InputError(msg)
    return float(days)
