"""Field trials: the simulation of their power, and the evaluation of one with many units."""

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd

import ilp_models as ilp
from benchmarks.figure import Figure, Goal
from benchmarks.timing import say
from ilp_models.domain.trial_design import TrialDesign
from ilp_models.evaluation.schemes import BlockedRandomisation, Crossover, MatchedPairs
from ilp_models.pipeline.trial_power import EFFECTS

_UNITS: Final = 200
_WEEKS: Final = 52
_BLOCKS: Final = 9_642  # blocks of Seattle in the study of Robbins, Saunders and Kilmer (2017)
_BEFORE, _DURING = 12, 4
_CELL_M: Final = 500
_START: Final = pd.Timestamp("2023-01-01")


def measure(*, quick: bool) -> list[Figure]:
    """Return the seconds of two simulations of power and of one evaluation."""
    trials, units = (20, 10) if quick else (1000, _UNITS)
    counts = np.random.default_rng(0).poisson(3.0, (units, 3 * _WEEKS))
    simulation = ilp.PowerSimulation(trials=trials)
    figures = []
    for scheme in (MatchedPairs(), Crossover(slot=2)):
        seconds, found = timed(lambda scheme=scheme: simulation.run(counts, scheme, _WEEKS, EFFECTS))
        false = next(one.power for one in found if one.effect == 0)
        note = f"{trials:,} trials x {units} units x {_WEEKS} weeks, {len(found)} effects; false alarms {false:.1%}"
        name = f"power of a trial, {scheme.name}"
        figures.append(Figure(name=name, figure=seconds, unit="s", goal=Goal(high=60), n=1, note=note))
    events, design = recorded_trial(100 if quick else _BLOCKS)
    say(f"{len(events):,} events")
    seconds, result = timed(lambda: ilp.evaluate_trial(design, events, ilp.SquareGrid(_CELL_M)))
    periods = _BEFORE + _DURING
    note = f"{len(design.units):,} units x {periods} months, {len(events):,} events, {len(result.effects)} effects"
    name = "evaluation of a trial"
    return [*figures, Figure(name=name, figure=seconds, unit="s", goal=Goal(high=30), n=1, note=note)]


def timed(task: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds of a task, and its result."""
    started = time.perf_counter()
    result = task()
    return time.perf_counter() - started, result


def recorded_trial(blocks: int) -> tuple[ilp.Events, TrialDesign]:
    """Return records of 16 months in some cells, and a trial of all of these cells in the last 4."""
    rng = np.random.default_rng(1)
    side = int(np.ceil(np.sqrt(blocks)))
    end = _START + pd.DateOffset(months=_BEFORE + _DURING)
    size = 20 * blocks
    cells = np.concatenate([np.arange(blocks), rng.choice(blocks, size, p=rng.dirichlet(np.full(blocks, 0.5)))])
    x, y = (_CELL_M * (place + rng.random(len(cells))) for place in np.divmod(cells, side))
    when = _START + pd.to_timedelta(rng.random(len(cells)) * (end - _START).days, unit="D").floor("min")
    table = pd.DataFrame({"occurred_at": when, "reported_at": when, "x": x, "y": 4_000_000 + y})
    table["crime_type"] = pd.Categorical(rng.choice(["assault", "burglary"], len(cells)))
    events = ilp.Events(table, "EPSG:32617", "America/Toronto", _START, end)
    names = tuple(map(str, ilp.SquareGrid(_CELL_M).build(events).cells))
    names = names[: len(names) // 2 * 2]
    scheme = BlockedRandomisation(block_size=2)
    design = TrialDesign(
        terms=ilp.TrialTerms(goal="fewer crimes"),
        scheme=scheme.name,
        scheme_settings=vars(scheme),
        unit_kind="cells",
        units=names,
        cells=tuple((name,) for name in names),
        zones=((),) * len(names),
        blocks=tuple(at // 2 for at in range(len(names))),
        assignment=("1" * _DURING, "0" * _DURING) * (len(names) // 2),
        start=f"{_START + pd.DateOffset(months=_BEFORE):%Y-%m-%d}",
        periods=_DURING,
        periods_before=_BEFORE,
        period_unit="month",
        week_start="monday",
        time_zone=events.time_zone,
        outcomes=events.crime_types,
        found_by_patrols=(),
        seed=0,
        promise={},
        evidence={},
    )
    return events, design
