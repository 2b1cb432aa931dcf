"""Simulate points of self-exciting processes, generation by generation, and build their history."""

import numpy as np
import pandas as pd

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.events import Events
from ilp_models.domain.history import History
from tests.builders import city

CORNER = np.array([630_000.0, 4_834_000.0])


def repeats(rng, parents, offspring, delays, metres):
    """Return the direct children (day, x, y) of some incidents."""
    children = np.repeat(parents, rng.poisson(offspring, len(parents)), axis=0)
    children[:, 0] += delays(rng, len(children))
    children[:, 1:] += rng.normal(0.0, metres, (len(children), 2))
    return children


def with_all_repeats(rng, first, offspring, delays, metres):
    """Return incidents with their children, the children of these, and so on."""
    generations = [first]
    while len(generations[-1]):
        generations.append(repeats(rng, generations[-1], offspring, delays, metres))
    return np.concatenate(generations)


def exponential(mean, least=0.0):
    return lambda rng, size: least + rng.exponential(mean, size)


def simulate_process(rng, count, days, side, offspring=0.3, mean_delay=5.0, metres=100.0):
    """Return about ``count`` incidents (day, x, y) of a uniform background on a square, with all repeats."""
    own = rng.poisson(count * (1 - offspring))
    first = rng.random((own, 3)) * [days, side, side]
    every = with_all_repeats(rng, first, offspring, exponential(mean_delay), metres)
    return every[(every[:, 0] < days) & ((every[:, 1:] >= 0) & (every[:, 1:] < side)).all(axis=1)]


def history_of_points(points, rows, columns, weeks, kinds=None, start="2018-01-01"):
    """Return the history of points (day, x, y from the corner) at the end of the last week."""
    names = np.zeros(len(points), dtype=int) if kinds is None else np.asarray(kinds)
    when = pd.Timestamp(start) + pd.to_timedelta(np.round(points[:, 0] * 86_400), unit="s")
    table = pd.DataFrame(
        {
            "occurred_at": when,
            "reported_at": when,
            "crime_type": pd.Categorical.from_codes(names, categories=["a", "b"][: max(names.max(), 0) + 1]),
            "x": CORNER[0] + points[:, 1],
            "y": CORNER[1] + points[:, 2],
        }
    )
    begin = pd.Timestamp(start)
    grid = city(rows, columns)
    events = Events(table, grid.crs, "America/Toronto", begin, begin + pd.Timedelta(weeks=weeks))
    return History.from_events(events.end, events, grid, Calendar())
