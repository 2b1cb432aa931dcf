"""Near repeats of 100,000 records as one crime type: time and memory of 999 permutations."""

import time
from typing import Final

import pandas as pd

from benchmarks.city import study
from benchmarks.figure import Figure, Goal
from benchmarks.memory import forget_peak, peak_bytes, resident_bytes
from benchmarks.timing import say
from ilp_models.description.near_repeats import NearRepeats
from ilp_models.domain.description import DescriptionData
from ilp_models.domain.events import Events

_EVENTS: Final = 100_000


def measure(*, quick: bool) -> list[Figure]:
    """Return seconds and memory of the Knox table, local Knox and the incidents at risk."""
    world, _ = study(quick=quick)
    events = as_one_type(world.events, 2_000 if quick else _EVENTS)
    data = DescriptionData(events, world.grid)
    weeks = (events.end - events.start).days // 7 + 1  # all events, also those before the weeks that are usual
    part = NearRepeats(weeks=weeks, draws=99 if quick else 999)
    say(f"{len(events):,} events")
    before = resident_bytes()
    forget_peak()
    started = time.perf_counter()
    knox = part.describe(data).tables["knox"]
    seconds, memory = time.perf_counter() - started, (peak_bytes() - before) / 1e6
    if knox["observed"].sum() != len(events) * (len(events) - 1) / 2:
        msg = f"The Knox table does not hold each pair of {len(events):,} events."
        raise RuntimeError(msg)
    pairs = int(knox.loc[knox["below_m"].notna(), "observed"].sum())
    note = f"{pairs:,} pairs below {part.distance_bands_m[-1]:g} m, {part.draws} permutations, one thread"
    shared = {"n": 1, "note": note}
    return [
        Figure(name="near repeats, time", figure=seconds, unit="s", goal=Goal(high=60), **shared),
        Figure(name="near repeats, peak memory", figure=memory, unit="MB", goal=Goal(high=1000), **shared),
    ]


def as_one_type(events: Events, size: int) -> Events:
    """Return the latest events of all types as one type."""
    table = events.table.sort_values("occurred_at", kind="stable").tail(size).reset_index(drop=True)
    kinds = pd.Categorical(["all"] * len(table))
    start = table["occurred_at"].iloc[0].normalize()
    return Events(table.assign(crime_type=kinds), events.crs, events.time_zone, start, events.end)
