"""Run a backtest: fit once for each chain of folds, update at each cutoff, store every forecast."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.base import clone

from ilp_models.backtest.profiling import Profiler
from ilp_models.backtest.rolling_origin import Fold, RollingOrigin
from ilp_models.backtest.store import ForecastStore
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError, NotRunError, StorageError, convert_errors, trace_of
from ilp_models.domain.events import Events
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.domain.layer import Layers
from ilp_models.domain.panel import DIMS, Panel
from ilp_models.domain.recipe import make_recipe
from ilp_models.domain.replay import Replay, ReplayTerms

_TRACE = logging.getLogger("ilp.trace")  # goes to the log file of the run only
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class BacktestData:
    """All records, cells, calendar and context layers of a backtest; it gives the history known at each cutoff."""

    events: Events
    grid: Grid  # cells active before the first cutoff
    calendar: Calendar
    layers: Layers = field(default_factory=Layers)
    record_lag: int = 0  # whole periods before each cutoff of which nothing is known

    def known_at(self, cutoff: pd.Timestamp) -> History:
        """Return the history known at a cutoff."""
        return History.from_events(cutoff, self.events, self.grid, self.calendar, self.layers, self.record_lag)

    def delay(self, cutoff: pd.Timestamp) -> int:
        """Return how many periods before a cutoff have counts that are unknown or incomplete."""
        known = self.calendar.earlier(cutoff, self.record_lag)
        return self.record_lag + self.calendar.unsettled_periods(known, self.events.settles_after)


@dataclass(frozen=True, eq=False)
class ChainTask:
    """One unfitted forecaster and one chain of folds that starts with a fit."""

    name: str
    recipe: str  # fingerprint
    forecaster: Forecaster
    chain: tuple[Fold, ...]
    store: Path  # root folder of stored forecasts
    data: BacktestData
    refit_every: int  # cutoffs between two fits; stored with each forecast
    cutoffs: frozenset[pd.Timestamp]  # those to forecast


@dataclass(eq=False)
class ChainOutcome:
    """What one chain forecast, and why it stopped."""

    written: dict[pd.Timestamp, str] = field(default_factory=dict)  # digest of each forecast, by cutoff
    replaced: list[Path] = field(default_factory=list)  # stored forecasts that had another content
    reason: str = ""  # of a failure
    trace: str = ""


@dataclass(frozen=True, eq=False)
class ReplayOutcome:
    """Stored forecasts with recorded counts, and the forecasters that could not run."""

    replays: tuple[Replay, ...]  # by forecaster and lead
    not_run: Mapping[str, str]  # forecaster: reason at the first cutoff where it failed
    outside: int  # events of the test periods outside the active cells; they are not scored
    computed: frozenset[str]  # forecasters of which this call computed every forecast


def replay(
    forecasters: Mapping[str, Forecaster],
    plan: RollingOrigin,
    data: BacktestData,
    store: Path,
    compute: Compute,
    recompute: Collection[str] = (),
) -> ReplayOutcome:
    """Return the forecasts of every forecaster at every cutoff; those that the same recipe stored are reused.

    Forecasters in ``recompute`` are replayed, and their stored forecasts are replaced. The recorded counts must be
    those of the records, also in reused forecasts.
    """
    recipes = storage_recipes(forecasters, plan, data)
    folds = plan.folds(data.events, data.calendar)
    cutoffs = [fold.cutoff for fold in folds]
    stored = ForecastStore(store)
    with stored.writing(list(recipes.values())):
        tasks = []
        for name, forecaster in forecasters.items():
            due = frozenset(cutoffs if name in recompute else stored.missing(recipes[name], name, cutoffs))
            tasks += [
                ChainTask(name, recipes[name], forecaster, chain, store, data, plan.refit_every, due)
                for chain in plan.chains(folds)
                if any(fold.cutoff in due for fold in chain)
            ]
        outcomes = compute.map(run_chain, tasks, "backtest") if tasks else []
    not_run: dict[str, str] = {}
    written: dict[str, dict[pd.Timestamp, str]] = {name: {} for name in forecasters}
    for task, outcome in zip(tasks, outcomes, strict=True):
        if outcome.trace:
            _TRACE.error("%s %s\n%s", task.name, outcome.reason, outcome.trace)
        if outcome.reason:
            not_run.setdefault(task.name, outcome.reason)
        for path in outcome.replaced:
            _LOG.warning(
                "The stored forecast %s differs from the one that this run computed, and was replaced. It was edited "
                "or damaged, or was made on a machine that rounds differently.",
                path,
            )
        written[task.name] |= outcome.written
    terms = ReplayTerms(max(map(data.delay, cutoffs)), plan.refit_every)
    replays = [
        replace(one, terms=terms)  # the digest of a stored forecast does not cover its terms
        for name in forecasters
        if name not in not_run
        for one in stored.replays(recipes[name], name, cutoffs, data.calendar.freq, written[name])
    ]
    counted = Panel.count(data.events, data.grid, data.calendar, pd.PeriodIndex([fold.periods[0] for fold in folds]))
    for one in replays:
        _check_counts(one, counted, [stored.path(one.recipe, one.forecaster, cutoff) for cutoff in cutoffs])
    computed = frozenset(name for name in forecasters if name not in not_run and set(written[name]) == set(cutoffs))
    return ReplayOutcome(tuple(replays), not_run, counted.outside, computed)


def _check_counts(replay: Replay, counted: Panel, files: Sequence[Path]) -> None:
    """Raise StorageError unless a replay has the counts of the records; its periods begin at its lead."""
    records = counted.counts[..., replay.lead - 1 :]
    if all(records.indexes[dim].equals(replay.observed.indexes[dim]) for dim in DIMS):
        wrong = (replay.observed.values != records.values).any(axis=(0, 1))
        if not wrong.any():
            return
        path = files[int(wrong.argmax())]
    else:
        path = files[0].parents[1]
    msg = f"The recorded counts in {path} are not those of the records: they were edited. Delete it and run again."
    raise StorageError(msg)


def storage_recipes(forecasters: Mapping[str, Forecaster], plan: RollingOrigin, data: BacktestData) -> dict[str, str]:
    """Return the fingerprint under which the forecasts of each forecaster are stored.

    It follows the settings of the forecaster, not its name, and everything else that its forecasts depend on.
    """
    shared = {"plan": plan, "calendar": data.calendar, "cells": data.grid.digest()}
    if data.layers.known:
        shared["layers"] = data.layers.digests()
    if data.record_lag:
        shared["record_lag"] = data.record_lag
    return {
        name: make_recipe(data.events, model=forecaster, **shared).fingerprint
        for name, forecaster in forecasters.items()
    }


def run_chain(task: ChainTask) -> ChainOutcome:
    """Fit, update and store one chain; a failure is part of the outcome."""
    store, outcome, profiler = ForecastStore(task.store), ChainOutcome(), Profiler()
    observed = _recorded_counts(task)
    try:
        with convert_errors(task.chain[0].cutoff):
            forecaster = clone(task.forecaster)
        for fold in task.chain:
            if fold.refit or fold.cutoff in task.cutoffs:
                history = task.data.known_at(fold.cutoff)
                with convert_errors(fold.cutoff), profiler.fitting() if fold.refit else profiler.updating():
                    forecaster = forecaster.fit(history) if fold.refit else forecaster.update(history)
            if fold.cutoff in task.cutoffs:
                before = store.digest(task.recipe, task.name, fold.cutoff)
                outcome.written[fold.cutoff] = _forecast_fold(forecaster, fold, task, observed, profiler)
                if before not in ("", outcome.written[fold.cutoff]):
                    outcome.replaced.append(store.path(task.recipe, task.name, fold.cutoff))
            profiler.take_cost()  # discard the cost of a fit that a stored forecast already includes
    except NotRunError as error:
        outcome.reason, outcome.trace = str(error), trace_of(error)
    return outcome


def _recorded_counts(task: ChainTask) -> xr.DataArray:
    """Return the recorded counts of all periods that a chain forecasts; events are located once, not at each cutoff."""
    periods = pd.period_range(task.chain[0].periods[0], task.chain[-1].periods[-1])
    counts = Panel.count(task.data.events, task.data.grid, task.data.calendar, periods).counts
    return counts.astype(np.int32)  # the type of stored counts


def _forecast_fold(
    forecaster: Forecaster, fold: Fold, task: ChainTask, observed: xr.DataArray, profiler: Profiler
) -> str:
    """Forecast and store one fold, and return the digest of the stored content."""
    periods = pd.PeriodIndex(list(fold.periods))
    try:
        with convert_errors(fold.cutoff), profiler.forecasting():
            forecast = forecaster.predict(periods)
    except InputError as error:  # invalid counts or leads stop this forecaster only
        raise NotRunError(str(error)) from error
    counts = observed.sel(period=periods).values
    named = forecast.named(task.name, task.recipe)
    terms = ReplayTerms(task.data.delay(fold.cutoff), task.refit_every)
    return ForecastStore(task.store).write(named, np.ascontiguousarray(counts), profiler.take_cost(), terms)
