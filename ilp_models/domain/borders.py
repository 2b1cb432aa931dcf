"""Borders: what the neighbours of a study area recorded, as a halo around its cells."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.domain.panel import Panel


def why_incomplete(events: Events, neighbour: Events, calendar: Calendar) -> str:
    """Return why the records of a neighbour cannot be used with those of a study area; empty if they can.

    A period that a neighbour did not record would look like a period without crime.
    """
    other = neighbour.converted(crs=events.crs, time_zone=events.time_zone)
    own, known = (calendar.whole_periods(one.start, one.end - one.settles_after) for one in (events, other))
    if len(own) == 0:
        return ""
    if len(known) == 0 or known[0] > own[0] or known[-1] < own[-1]:
        first, last = (known[0].start_time, known[-1].end_time) if len(known) else (other.start, other.end)
        needed = f"{own[0].start_time.date()} to {own[-1].end_time.date()}"
        return f"the records cover {first.date()} to {last.date()} in whole periods, and {needed} is needed"
    if not set(events.crime_types) & set(other.crime_types):
        return f"the records share no crime type with {', '.join(events.crime_types)}"
    return ""


def merge_neighbours(events: Events, neighbours: Sequence[Events], margin_m: float = np.inf) -> Events:
    """Return the events of neighbours in the CRS, the time zone and the crime types of a study area.

    Other crime types, area labels, and events further than a margin from the extent of the study area are left out.
    """
    types, found = list(events.crime_types), [events.table.iloc[:0]]
    own = events.table[["x", "y"]]
    for one in neighbours:
        table = one.converted(crs=events.crs, time_zone=events.time_zone).table
        places = table[["x", "y"]]
        near = ((places >= own.min() - margin_m) & (places <= own.max() + margin_m)).all(axis=1)
        found.append(table[near & table["crime_type"].isin(types)])
    joined = pd.concat(
        [one.drop(columns="area", errors="ignore").astype({"crime_type": "object"}) for one in found],
        ignore_index=True,
    )
    joined["crime_type"] = pd.Categorical(joined["crime_type"], categories=types)
    ends = [one.converted(crs=events.crs, time_zone=events.time_zone).end for one in neighbours]
    return replace(events, table=joined, end=max([events.end, *ends]), intake=None)


def widen_grid(grid: Grid, events: Events, beyond: Events, reach_m: float) -> Grid:
    """Return a grid with the cells of a halo after its own.

    The halo has the other cells that hold an event beyond the border within the reach of an event of the study area.
    """
    if not 0 < reach_m < np.inf:
        msg = f"reach_m={reach_m} must be above 0. Give the width of the halo in metres, such as 3000."
        raise InputError(msg)
    outside = beyond.table[grid.locate(beyond) < 0]
    if len(events) and len(outside):
        tree = cKDTree(np.unique(events.table[["x", "y"]].to_numpy(), axis=0))
        distance, _ = tree.query(outside[["x", "y"]].to_numpy(), distance_upper_bound=reach_m)
        outside = outside[np.isfinite(distance)]
    return grid.widened(replace(beyond, table=outside)) if len(outside) else grid


def widen_history(history: History, beyond: Events, wide: Grid) -> History:
    """Return a history on the cells of a wider grid, with the events beyond the border that were known as well.

    The cells of the study area, which come first, count its own events only.
    """
    own = history.events
    known = beyond.known_at(history.calendar.earlier(history.cutoff, history.record_lag)).counted()
    halo = known.table[wide.locate(known) >= len(history.grid)]
    tables = [one.astype({"crime_type": "object"}) for one in (own.table, halo)]
    table = pd.concat(tables, ignore_index=True)
    table["crime_type"] = pd.Categorical(table["crime_type"], categories=list(own.crime_types))
    if "area" in own.table:
        table["area"] = pd.Categorical(table["area"].astype(object), categories=own.table["area"].cat.categories)
    events = replace(own, table=table, intake=None)
    panel = Panel.count(events, wide, history.calendar, history.panel.periods)
    return replace(history, events=events, grid=wide, panel=panel)
