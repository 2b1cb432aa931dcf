"""A simulated nation: many jurisdictions of one size, each with its own records, run as a region."""

import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import pandas as pd

from benchmarks.figure import Figure, Goal
from benchmarks.memory import forget_peak, peak_bytes, resident_bytes
from benchmarks.timing import say, wall_seconds
from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.history import History
from ilp_models.grid.square import SquareGrid
from ilp_models.model.regressions.pooled import PooledLightGBM
from ilp_models.model.regressions.training_sample import TrainingSample
from ilp_models.pipeline.region import read_region

_FORCES: Final = (1, 4, 16)
_QUICK: Final = (1, 2)
_WHOLE: Final = (1, 2)  # jurisdictions with a complete audit
_WEEKS: Final = 156
_KINDS: Final = 4  # crime types of the simulated city
_SIDE_KM: Final = 20  # 1,600 cells of 500 m
# Incidents a year of each type: with 1,600 cells, 20 million events in 156 weeks of the nation below.
_YEARLY: Final = {"assault": 7150, "burglary": 5500, "robbery": 2750, "vehicle_theft": 6600}
_WEEKLY: Final = ("model=[moving_average,ewma,lightgbm]",)
# The nation of the extrapolation, and the machines of its night.
_NATION_CELLS, _NATION_WORKERS, _CORES = 600_000, 4, 2
_NIGHT_HOURS: Final = 10.0
_WORKER_MB: Final = 8000
_FORCE: Final = """\
# @package _global_
# A simulated force
defaults:
  - override /data: simulated
data:
  {{seed: {seed}, size_km: {side}, districts: 4, weeks: {weeks}, west: {west}, crime_types: {{{kinds}}}}}
audit: # with groups of residents and the simulation of feedback, so that the whole audit is timed
  groups: {{source: "${{data}}"}}
  feedback: {{unpatrolled_reporting_rate: 1.0}}
  reporting_rates: {{everywhere: 1.0}}
"""


def measure(*, quick: bool) -> list[Figure]:
    """Return time and memory of 1, 4 and 16 jurisdictions, the gain of two workers, and the night of a nation."""
    forces, side, weeks = (_QUICK, 4, 80) if quick else (_FORCES, _SIDE_KM, _WEEKS)
    units = (side * 2) ** 2 * weeks * _KINDS
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _write_options(home, max(forces), {*forces, *_WHOLE}, side, weeks)
        one = {count: _run(home, "forecast", count, workers=1) for count in forces}
        many = forces[-1]  # so that the start of the command, which no worker shares, counts little
        two = _run(home, "forecast", many, workers=2)
        settings = ("backtest.test_periods=5",) if quick else ()
        whole = {count: _run(home, "weekly", count, workers=1, settings=settings) for count in _WHOLE}
    each = f"{(side * 2) ** 2:,} cells x {weeks} weeks x {_KINDS} types a jurisdiction"
    rows = [
        Figure(
            f"nation, {count} jurisdictions, one worker",
            one[count]["seconds"] / count,
            "s a jurisdiction",
            Goal(high=1.15, of="ratio"),
            one[forces[0]]["seconds"],
            "one jurisdiction",
            count,
            f"ilp forecast, LightGBM; {each}; {1e6 * one[count]['seconds'] / count / units:.2f} s a million units",
        )
        for count in forces[1:]
    ]
    rows += [
        Figure(
            f"nation, memory of the largest of {count}",
            one[count]["peak_mb"],
            "MB",
            Goal(high=1.15, of="ratio"),
            one[forces[0]]["peak_mb"],
            "one jurisdiction",
            count,
            each,
        )
        for count in forces[1:]
    ]
    speed = one[many]["seconds"] / two["seconds"]
    rows.append(
        Figure(
            f"nation, {many} jurisdictions, two workers",
            speed,
            "times one worker",
            Goal(low=1.7),
            n=many,
            note="on two cores; they must be idle",
        )
    )
    rows.append(_night(whole, speed, units, each))
    rows.append(
        Figure(
            "nation, memory of a weekly run",
            max(one["peak_mb"] for one in whole.values()),
            "MB",
            Goal(high=_WORKER_MB / _CORES),
            note=f"a core's share of a worker of {_WORKER_MB:,} MB; {each}",
        )
    )
    return [*rows, _pooled_fit(side, weeks, forces)]


def _night(whole: dict[int, dict[str, Any]], gain: float, units: int, each: str) -> Figure:
    """Return the time of a nation, from the slopes of what workers do at once and what the command does alone."""
    few, many = _WHOLE
    alone = {count: whole[count]["seconds"] - whole[count]["inside"] for count in _WHOLE}
    reading = whole[many]["reading"] / many  # by workers too
    slope = (alone[many] - alone[few]) / (many - few) - reading
    inside = whole[many]["inside"] / many
    jurisdictions = _NATION_CELLS * _WEEKS * _KINDS / units
    at_once = _NATION_WORKERS * _CORES * gain / 2  # the gain of two workers is that of two cores of one machine
    events = whole[many]["events"] / many * jurisdictions
    seconds = alone[few] + slope * (jurisdictions - few) + (inside + reading) * jurisdictions / at_once
    return Figure(
        "nation, weekly with audit, extrapolated",
        seconds / 3600,
        "h",
        Goal(high=_NIGHT_HOURS),
        n=many,
        note=(
            f"{jurisdictions:.0f} jurisdictions, {events / 1e6:.0f} million events, {_NATION_WORKERS} workers of "
            f"{_CORES} cores; measured: {inside:.0f} s in the process of a jurisdiction and {reading:.1f} s in which a "
            f"worker reads its results, of which {at_once:.1f} run at once, and {slope:.1f} s in the command; {each}"
        ),
    )


def _pooled_fit(side: int, weeks: int, forces: tuple[int, ...]) -> Figure:
    """Return the memory of a pooled fit to the samples of the nation, from the slope between two numbers of forces."""
    say("samples of a pooled model")
    few, many = 4 * forces[0], 4 * forces[-1]
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        rows, zeros = process.submit(write_samples, Path(folder), side, weeks, many).result()
        grown = {}
        for count in (few, many):
            say(f"pooled model of {count} samples")
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
                grown[count] = fresh.submit(fit_samples, Path(folder), count).result()
    slope = (grown[many] - grown[few]) / ((many - few) * rows)
    jurisdictions = _NATION_CELLS / (side * 2) ** 2
    limit = PooledLightGBM().max_zeros or jurisdictions * zeros
    learned = jurisdictions * (rows - zeros) + min(jurisdictions * zeros, limit)
    return Figure(
        "nation, memory of a pooled fit, extrapolated",
        (grown[few] + slope * (learned - few * rows)) / 1e6,
        "MB",
        Goal(high=_WORKER_MB),
        n=many,
        note=(
            f"{learned / 1e6:.0f} of the {jurisdictions * rows / 1e6:.0f} million rows of {jurisdictions:.0f} "
            f"jurisdictions; measured: {slope:.0f} bytes a row, from {few * rows / 1e6:.2f} and "
            f"{many * rows / 1e6:.2f} million rows, in addition to what the process held before the fit"
        ),
    )


def write_samples(folder: Path, side: int, weeks: int, count: int) -> tuple[int, int]:
    """Write the sample of a simulated jurisdiction under many names; return its rows, and those without an event."""
    kinds = {name: SimulatedType(yearly=yearly) for name, yearly in _YEARLY.items()}
    city = SimulatedCity(seed=1, size_km=side, districts=4, weeks=weeks, west=_west(side, 1), crime_types=kinds)
    events = city.read()
    history = History.from_events(events.end, events, SquareGrid(500).build(events), Calendar())
    sample = PooledLightGBM().training_sample(history, "force")
    for number in range(count):
        replace(sample, jurisdiction=f"force{number:04d}").write(folder / f"{number:04d}.parquet")
    return len(sample.values), int((sample.target == 0).sum())


def fit_samples(folder: Path, count: int) -> int:
    """Return by how much memory grew at most while a pooled model was fitted to some of the samples."""
    files = sorted(folder.glob("*.parquet"))[:count]
    cutoff = pd.Timestamp(TrainingSample.read_head(files[0]).cutoff)
    before = resident_bytes()
    forget_peak()
    PooledLightGBM().fit_pool(files, cutoff)
    return peak_bytes() - before


def _west(side: int, seed: int) -> int:
    """Return the western edge of a city, so that the cities of a nation lie side by side."""
    return 200_000 + 1000 * side * seed


def _write_options(home: Path, most: int, forces: set[int], side: int, weeks: int) -> None:
    """Write the files of all jurisdictions, and of a region for each number of them."""
    for group in ("jurisdiction", "region"):
        (home / "mine" / group).mkdir(parents=True)
    kinds = ", ".join(f"{name}: {{yearly: {yearly}}}" for name, yearly in _YEARLY.items())
    for seed in range(1, most + 1):
        text = _FORCE.format(seed=seed, side=side, weeks=weeks, west=_west(side, seed), kinds=kinds)
        (home / "mine" / "jurisdiction" / f"force{seed}.yaml").write_text(text)
    for count in forces:
        names = [f"force{seed}" for seed in range(1, count + 1)]
        text = f"# A nation\n_target_: ilp_models.domain.region_plan.RegionPlan\njurisdictions: [{', '.join(names)}]\n"
        (home / "mine" / "region" / f"nation{count}.yaml").write_text(text)


def _run(home: Path, task: str, count: int, *, workers: int, settings: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return seconds, the largest memory and the events of a run of a region, without anything stored before."""
    say(f"ilp {task}, {count} jurisdictions, {workers} workers")
    output = home / f"{task}-{count}-{workers}"
    models = _WEEKLY if task == "weekly" else ("model=[lightgbm]",)
    words = [task, f"region=nation{count}", "--config-dir=mine", *models, *settings, "tracking=memory"]
    command = [sys.executable, "-m", "ilp_models", *words, f"output={output}", f"compute.jobs={workers}"]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        msg = f"ilp {' '.join(words)} ended with {done.returncode}: {(done.stderr or done.stdout)[-500:]}"
        raise RuntimeError(msg)
    record = json.loads((output / task / "latest" / "region.json").read_text(encoding="utf-8"))
    runs = record["jurisdictions"]
    intakes = [json.loads(Path(one["folder"], "intake.json").read_text(encoding="utf-8")) for one in runs]
    events = sum(one["rows_kept"] for one in intakes)
    inside = sum(one["seconds"] for one in runs)
    reading = wall_seconds(lambda: read_region({one["name"]: one["folder"] for one in runs}, task=task))
    peak = max(one["peak_mb"] for one in runs)
    return {"seconds": seconds, "inside": inside, "reading": reading, "peak_mb": peak, "events": events}
