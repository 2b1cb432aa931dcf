"""Recorded events before a forecast, next to which a reader sees the expected ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pandas as pd
import xarray as xr

from ilp_models.domain.history import History

FOUR: Final = 4  # periods in the sum of the last ones
YEAR_AGO: Final = {"week": 52, "day": 364, "month": 12}  # periods; 364 days earlier is the same weekday


@dataclass(frozen=True, eq=False)
class RecentCounts:
    """Recorded events in the last period, the last four, and the same period a year earlier.

    Only what was known at the cutoff of the forecast counts. A count is NaN where the records do not reach.
    """

    unit: str  # week, day or month
    last_period: pd.Period  # the last settled one
    counts: Mapping[str, xr.DataArray]  # by name of column; dimensions crime_type, cell and, a year earlier, period

    @classmethod
    def from_history(cls, history: History, periods: pd.PeriodIndex) -> Self:
        """Return the recent counts of all cells of a history, for the periods that are forecast."""
        known, unit, counts = history.panel.periods, history.calendar.period_unit, history.panel.counts
        four = counts[..., -FOUR:].sum("period") if len(known) >= FOUR else xr.zeros_like(counts[..., -1]) + np.nan
        year_ago = counts.reindex(period=periods - YEAR_AGO[unit]).assign_coords(period=periods)
        columns = zip(recent_columns(unit), (counts[..., -1], four, year_ago), strict=True)
        return cls(unit, known[-1], {name: cube.astype(float) for name, cube in columns})

    @property
    def last(self) -> xr.DataArray:
        """Counts of the last period, dimensions crime_type and cell."""
        return self.counts[recent_columns(self.unit)[0]]

    @property
    def text(self) -> str:
        """The dates of the columns, in one line."""
        last, (one, four, year_ago) = self.last_period, recent_columns(self.unit)
        first, end = last - (FOUR - 1), f"{last.end_time:%Y-%m-%d}"
        return (
            f"{one}: crimes from {last.start_time:%Y-%m-%d} to {end}; {four}: from {first.start_time:%Y-%m-%d} "
            f"to {end}; {year_ago}: in the same {self.unit} a year before the forecast; empty: before the records"
        )


def recent_columns(unit: str) -> tuple[str, str, str]:
    """Return the names of the columns: last period, last four, and same period a year earlier."""
    return f"last_{unit}", f"last_{FOUR}_{unit}s", f"same_{unit}_last_year"
