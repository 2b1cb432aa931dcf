"""The self-exciting point process by expectation-maximisation: seconds, memory, and how both grow."""

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.city import study
from benchmarks.figure import Figure, Goal
from benchmarks.memory import forget_peak, peak_bytes, resident_bytes
from benchmarks.timing import say
from ilp_models.domain.history import History
from ilp_models.model.point_processes.incidents import Incidents
from ilp_models.model.point_processes.self_exciting import SelfExciting
from ilp_models.model.point_processes.self_exciting_em import Declustering, decluster

_CUTOFF: Final = pd.Timestamp("2021-06-28")  # that of the comparison with open_cp
_YEAR: Final = 364.0  # days
_OPEN_CP: Final = 250.0  # CPU seconds of 40 steps on the year: 54.9 of 8 steps, measured in a run of its own, scaled
_PARTS: Final = (0.25, 0.5, 1.0)
_STEPS: Final = 20


class Points(NamedTuple):
    """Records of one point process.

    Parameters
    ----------
    incidents : Incidents
        In order of time.
    days : float
        Time observed.
    area : float
        Area of the cells, square metres.
    """

    incidents: Incidents
    days: float
    area: float

    @property
    def records(self) -> int:
        """The number of records."""
        return int(self.incidents.records.sum())

    def latest(self, days: float) -> "Points":
        """Return the records of the latest days."""
        first = self.days - days
        return Points(self.incidents.between(first, self.days).shifted(first), days, self.area)


def measure(*, quick: bool) -> list[Figure]:
    """Return seconds and memory of two fits, and the growth of the seconds with size."""
    world, _ = study(quick=quick)
    cutoff = world.events.end if quick else _CUTOFF
    history = History.from_events(cutoff, world.events, world.grid, world.calendar)
    how = replace(SelfExciting()._declustering(history), tolerance=0.0)  # all steps are made
    kind = "burglary" if quick else "Break and Enter"
    year, every = points(history, [kind]).latest(_YEAR), points(history, history.events.crime_types)
    if quick:
        every = every.latest(every.days / 8)
    seconds, growth = alone(year, how)
    name = f"40 steps on a year of burglary, {year.records:,} points"
    rows = [
        _seconds(
            name,
            seconds,
            _OPEN_CP / 30,
            f"open_cp on these points: {_OPEN_CP:g} CPU s, scaled from 8 steps in a run of its own",
        )
    ]
    rows += [_memory(name, growth, 300.0)]
    parts = [every.latest(every.days * part) for part in _PARTS]
    taken = [alone(part, replace(how, steps=_STEPS)) for part in parts]
    name = f"{_STEPS} steps on all types as one, {every.records:,} points"
    seconds, growth = taken[-1]
    rows += [
        _seconds(name, seconds, 120.0, "open_cp holds a matrix of all pairs, which was too large to run"),
        _memory(name, growth, 2000.0),
    ]
    sizes = [part.records for part in parts]
    return [*rows, _growth(sizes, [seconds for seconds, _ in taken])]


def points(history: History, kinds: Any) -> Points:
    """Return the records of some crime types as those of one."""
    first, last = history.panel.periods[0].start_time, (history.panel.periods[-1] + 1).start_time
    table, cell = history.events.table, history.grid.locate(history.events)
    kept = (
        table["crime_type"].isin(kinds) & (table["occurred_at"] >= first) & (table["occurred_at"] < last) & (cell >= 0)
    )
    day = ((table["occurred_at"] - first) / pd.Timedelta(days=1))[kept]
    x, y = (table.loc[kept, name].to_numpy(dtype=float) for name in ("x", "y"))
    incidents = Incidents.from_arrays(day.to_numpy(dtype=float), x, y, cell[kept])
    return Points(incidents, (last - first) / pd.Timedelta(days=1), float(history.grid.area_m2.sum()))


def alone(known: Points, how: Declustering) -> tuple[float, float]:
    """Return CPU seconds and megabytes of a fit in a separate process."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as process:
        seconds, growth = process.submit(_fit, known, how).result()
    say(f"{known.records:,} points, {how.steps} steps: {seconds:.2f} CPU s, {growth:.0f} MB")
    return seconds, growth


def _fit(known: Points, how: Declustering) -> tuple[float, float]:
    before = resident_bytes()
    forget_peak()
    started = time.process_time()
    decluster(known.incidents, known.days, known.area, how)
    return time.process_time() - started, (peak_bytes() - before) / 1e6


def _seconds(name: str, seconds: float, most: float, note: str) -> Figure:
    return Figure(f"CPU seconds, {name}", seconds, "s", Goal(high=round(most, 2)), note=note)


def _memory(name: str, growth: float, most: float) -> Figure:
    note = "peak resident memory of a fresh process during the fit, minus what it held before: points and libraries"
    return Figure(f"memory, {name}", growth, "MB", Goal(high=most), note=note)


def _growth(sizes: list[int], seconds: list[float]) -> Figure:
    """Return the slope of the logarithm of the seconds against that of the number of points."""
    slope = float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
    ordered = float(np.polyfit(np.log(sizes), np.log(np.array(sizes) * np.log(sizes)), 1)[0])
    said = ", ".join(f"{size:,} points {taken:.2f} s" for size, taken in zip(sizes, seconds, strict=True))
    note = f"{said}: the latest quarter, half and all of the time; n log n itself has the slope {ordered:.2f}"
    return Figure("power of the number of points that the CPU seconds grow with", slope, "", Goal(high=1.3), note=note)
