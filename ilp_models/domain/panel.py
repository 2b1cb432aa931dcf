"""Complete counts: every crime type, cell and period, zeros included."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid

DIMS = ("crime_type", "cell", "period")


@dataclass(frozen=True, eq=False)
class Panel:
    """A dense cube of counts.

    Parameters
    ----------
    counts : DataArray
        Events per (crime_type, cell, period), integers >= 0; ``period`` is a PeriodIndex without gaps.
    outside : int, default 0
        Events inside the periods that fell in none of the cells.

    Raises
    ------
    InputError
        If the dimensions differ, there is no period, or periods leave a gap.
    """

    counts: xr.DataArray
    outside: int = 0

    def __post_init__(self) -> None:
        """Refuse a cube that is not complete."""
        if self.counts.dims != DIMS:
            msg = f"A panel has the dimensions {DIMS}, not {self.counts.dims}."
            raise InputError(msg)
        periods = self.periods
        if len(periods) == 0:
            msg = "The data hold no whole period; give more data or a shorter calendar.period_unit."
            raise InputError(msg)
        if len(periods) > 1 and (np.diff(periods.asi8) != 1).any():
            msg = "The periods of a panel leave a gap."
            raise InputError(msg)

    @property
    def periods(self) -> pd.PeriodIndex:
        """The periods, in order."""
        return pd.PeriodIndex(self.counts.indexes["period"])

    @property
    def values(self) -> npt.NDArray[np.int32]:
        """The bare counts, shape (crime types, cells, periods)."""
        return np.asarray(self.counts.values)

    @cached_property
    def by_period(self) -> npt.NDArray[np.float32]:
        """The counts as contiguous slices in time, shape (periods, crime types, cells)."""
        return np.ascontiguousarray(np.moveaxis(self.values, 2, 0), dtype=np.float32)

    @classmethod
    def count(cls, events: Events, grid: Grid, calendar: Calendar, periods: pd.PeriodIndex | None = None) -> Self:
        """Return the counts of events by crime type, cell and whole period.

        Parameters
        ----------
        events : Events
            Incidents in the CRS of the grid.
        grid : Grid
            The cells.
        calendar : Calendar
            How time is cut into periods.
        periods : PeriodIndex, optional
            Periods to count; by default those that lie wholly inside the span of the events.

        Returns
        -------
        Panel
            Every zero is there; each event is counted at most once.
        """
        if periods is None:
            periods = calendar.whole(events.start, events.end)
        types = events.crime_types
        shape = (len(types), len(grid), len(periods))
        first = periods.asi8[0] if len(periods) else 0
        when = calendar.ordinals(events.table["occurred_at"]) - first
        inside = (when >= 0) & (when < shape[2])
        where = grid.locate(events)
        kept = inside & (where >= 0)
        what = events.table["crime_type"].cat.codes.to_numpy().astype(np.int64)
        flat = (what[kept] * shape[1] + where[kept]) * shape[2] + when[kept]
        values = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(np.int32)
        coords = {"crime_type": list(types), "cell": grid.cells, "period": periods}
        return cls(xr.DataArray(values, dims=DIMS, coords=coords, name="count"), int(inside.sum() - kept.sum()))
