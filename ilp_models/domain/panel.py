"""Panel: counts of every crime type, cell and period, zeros included."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import SPAN, Events
from ilp_models.domain.grid import Grid
from ilp_models.domain.past_counts import PastCounts, SharedEvents

Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int16] | npt.NDArray[np.int32]

DIMS = ("crime_type", "cell", "period")


@dataclass(frozen=True, eq=False)
class Panel:
    """A dense cube of counts: make one with `Panel.count`."""

    counts: xr.DataArray  # (crime_type, cell, period), small integers >= 0; period is a PeriodIndex without gaps
    outside: int = 0  # events in these periods that lie in no cell
    shared: SharedEvents | None = None  # events whose span reaches over periods; None without such events

    def __post_init__(self) -> None:
        """Refuse a cube with other dimensions, no period or a gap between periods."""
        if self.counts.dims != DIMS:
            msg = f"A panel has the dimensions {DIMS}, not {self.counts.dims}."
            raise InputError(msg)
        periods = self.periods
        if len(periods) == 0:
            msg = "The data hold no whole period; give more data or a shorter calendar.period_unit."
            raise InputError(msg)
        if len(periods) > 1 and (np.diff(periods.asi8) != 1).any():
            msg = "The periods of a panel leave a gap; give consecutive periods."
            raise InputError(msg)

    @property
    def periods(self) -> pd.PeriodIndex:
        """The periods, in order."""
        return pd.PeriodIndex(self.counts.indexes["period"])

    @property
    def values(self) -> npt.NDArray[np.int32]:
        """The counts as a new array that arithmetic does not overflow, shape (crime types, cells, periods)."""
        return np.asarray(self.counts.values, dtype=np.int32)

    @cached_property
    def by_period(self) -> npt.NDArray[np.float32]:
        """The counts as a contiguous array, shape (periods, crime types, cells)."""
        return np.ascontiguousarray(np.moveaxis(self.values, 2, 0), dtype=np.float32)

    @cached_property
    def past(self) -> PastCounts:
        """The counts for features and filters, in which events in spans of time are shared between periods."""
        return PastCounts(self.by_period, self.shared)

    @classmethod
    def count(cls, events: Events, grid: Grid, calendar: Calendar, periods: pd.PeriodIndex | None = None) -> Self:
        """Return the counts of events by crime type, cell and period; by default all whole periods of the records.

        An event in a span of time counts once, at a time drawn from its span. Its parts by period are in `past`.
        """
        if periods is None:
            periods = calendar.whole_periods(events.start, events.end)
        events = events.counted()
        types = events.crime_types
        shape = (len(types), len(grid), len(periods))
        first = periods.asi8[0] if len(periods) else 0
        period = calendar.ordinals(events.table["occurred_at"]) - first
        inside = (period >= 0) & (period < shape[2])
        cell = grid.locate(events)
        counted = inside & (cell >= 0)
        code = events.table["crime_type"].cat.codes.to_numpy().astype(np.int64)
        unit = cell[counted] * shape[2] + period[counted]
        values = _count_units(code[counted], unit, shape)
        coords = {"crime_type": list(types), "cell": grid.cells, "period": periods}
        cube = xr.DataArray(values, dims=DIMS, coords=coords, name="count")
        shared = _shared_events(events.table, calendar, period, cell, first, len(periods))
        return cls(cube, int(inside.sum() - counted.sum()), shared)


def _shared_events(
    table: pd.DataFrame, calendar: Calendar, drawn: Ints, cell: Ints, first: int, length: int
) -> SharedEvents | None:
    """Return the parts of the events whose span reaches over periods; None if there is none.

    ``drawn`` is the place of the drawn time in a panel of some length, ``first`` the number of its first period.
    """
    if SPAN[0] not in table:
        return None
    start = table[SPAN[0]].fillna(table["occurred_at"])  # beyond a border, records can lack spans
    known = table[SPAN[1]].notna().to_numpy()
    begin, until = (one.to_numpy(dtype="datetime64[m]").astype(np.int64) for one in (start, table[SPAN[1]]))
    stop = np.where(known, np.maximum(until, begin + 1), begin + 1)
    ends = table[SPAN[1]] - pd.Timedelta(1, "us")  # the end is not part of the span
    low, high = (
        calendar.ordinals(pd.DatetimeIndex(one * 60, dtype="datetime64[s]")) - first for one in (begin, stop - 1)
    )
    end = np.maximum(calendar.ordinals(ends.fillna(start)) - first, high)
    over = np.flatnonzero((end > low) & (cell >= 0))  # not `high`: an end some seconds after midnight is known later
    if len(over) == 0:
        return None
    ended = over[(end[over] < length) & (high[over] >= 0)]
    oldest = np.maximum(low[ended], 0)
    count = high[ended] - oldest + 1
    event = np.repeat(ended, count)
    period = np.repeat(oldest - np.cumsum(count) + count, count) + np.arange(len(event))
    starts, next_starts = (calendar.period_starts(period + first + step) for step in (0, 1))
    overlap = np.minimum(stop[event], next_starts) - np.maximum(begin[event], starts)
    weight = overlap / (stop - begin)[event]
    removed = over[(drawn[over] >= 0) & (drawn[over] < length)]  # counted whole where they were drawn
    kind, source = table["crime_type"].cat.codes.to_numpy(dtype=np.int64), np.concatenate([event, removed])
    return SharedEvents(
        kind[source],
        cell[source],
        np.concatenate([period, drawn[removed]]),
        np.concatenate([end[event], drawn[removed]]),
        np.concatenate([weight, np.full(len(removed), -1.0)]).astype(np.float32),
    )


def _count_units(code: npt.NDArray[np.int64], unit: npt.NDArray[np.int64], shape: tuple[int, int, int]) -> Counts:
    """Return the counts of each crime type, in 16 bits where they fit; one type at a time is counted in 64 bits."""
    values: Counts = np.zeros(shape, dtype=np.int16)
    for kind in range(shape[0]):
        found = np.bincount(unit[code == kind], minlength=shape[1] * shape[2])
        if values.dtype == np.int16 and found.max(initial=0) > np.iinfo(np.int16).max:
            values = values.astype(np.int32)
        values[kind] = found.reshape(shape[1:])
    return values
