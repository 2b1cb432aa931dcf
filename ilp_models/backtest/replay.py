"""Run a backtest: fit once for each chain of folds, update at each cutoff, store every forecast."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone

from ilp_models.backtest.profiling import Profiler
from ilp_models.backtest.rolling_origin import Fold, RollingOrigin
from ilp_models.backtest.store import ForecastStore
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError, NotRunError, convert_errors, trace_of
from ilp_models.domain.events import Events
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.domain.layer import Layers
from ilp_models.domain.panel import Panel
from ilp_models.domain.recipe import make_recipe
from ilp_models.domain.replay import Replay, ReplayTerms

_TRACE = logging.getLogger("ilp.trace")  # goes to the log file of the run only


@dataclass(frozen=True, eq=False)
class BacktestData:
    """All records, cells, calendar and context layers of a backtest; it gives the history known at each cutoff."""

    events: Events
    grid: Grid  # cells active before the first cutoff
    calendar: Calendar
    layers: Layers = field(default_factory=Layers)

    def known_at(self, cutoff: pd.Timestamp) -> History:
        """Return the history known at a cutoff."""
        return History.from_events(cutoff, self.events, self.grid, self.calendar, self.layers)


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


@dataclass(frozen=True, eq=False)
class ReplayOutcome:
    """Stored forecasts with recorded counts, and the forecasters that could not run."""

    replays: tuple[Replay, ...]  # by forecaster and lead
    not_run: Mapping[str, str]  # forecaster: reason at the first cutoff where it failed
    outside: int  # events of the test periods outside the active cells; they are not scored


def replay(
    forecasters: Mapping[str, Forecaster], plan: RollingOrigin, data: BacktestData, store: Path, compute: Compute
) -> ReplayOutcome:
    """Return the forecasts of every forecaster at every cutoff; those that the same recipe stored are reused."""
    recipes = storage_recipes(forecasters, plan, data)
    folds = plan.folds(data.events, data.calendar)
    cutoffs = [fold.cutoff for fold in folds]
    stored = ForecastStore(store)
    with stored.writing(list(recipes.values())):
        tasks = [
            ChainTask(name, recipes[name], forecaster, chain, store, data, plan.refit_every)
            for name, forecaster in forecasters.items()
            for chain in plan.chains(folds)
            if stored.missing(recipes[name], name, [fold.cutoff for fold in chain])
        ]
        failures = compute.map(run_chain, tasks, "backtest") if tasks else []
    not_run: dict[str, str] = {}
    for task, (reason, trace) in zip(tasks, failures, strict=True):
        if trace:
            _TRACE.error("%s %s\n%s", task.name, reason, trace)
        if reason:
            not_run.setdefault(task.name, reason)
    replays = [
        one
        for name in forecasters
        if name not in not_run
        for one in stored.replays(recipes[name], name, cutoffs, data.calendar.freq)
    ]
    return ReplayOutcome(tuple(replays), not_run, _outside(data, folds))


def storage_recipes(forecasters: Mapping[str, Forecaster], plan: RollingOrigin, data: BacktestData) -> dict[str, str]:
    """Return the fingerprint under which the forecasts of each forecaster are stored.

    It follows the settings of the forecaster, not its name, and everything else that its forecasts depend on.
    """
    shared = {"plan": plan, "calendar": data.calendar, "cells": data.grid.digest()}
    if data.layers.known:
        shared["layers"] = data.layers.digests()
    return {
        name: make_recipe(data.events, model=forecaster, **shared).fingerprint
        for name, forecaster in forecasters.items()
    }


def run_chain(task: ChainTask) -> tuple[str, str]:
    """Fit, update and store one chain; return the reason and traceback of a failure, or empty texts."""
    store, data = ForecastStore(task.store), task.data
    missing = set(store.missing(task.recipe, task.name, [fold.cutoff for fold in task.chain]))
    profiler = Profiler()
    try:
        with convert_errors(task.chain[0].cutoff):
            forecaster = clone(task.forecaster)
        for fold in task.chain:
            if fold.refit or fold.cutoff in missing:
                history = data.known_at(fold.cutoff)
                with convert_errors(fold.cutoff), profiler.fitting() if fold.refit else profiler.updating():
                    forecaster = forecaster.fit(history) if fold.refit else forecaster.update(history)
            if fold.cutoff in missing:
                _forecast_fold(forecaster, fold, task, profiler)
            profiler.take_cost()  # discard the cost of a fit that a stored forecast already includes
    except NotRunError as error:
        return str(error), trace_of(error)
    return "", ""


def _forecast_fold(forecaster: Forecaster, fold: Fold, task: ChainTask, profiler: Profiler) -> None:
    periods = pd.PeriodIndex(list(fold.periods))
    try:
        with convert_errors(fold.cutoff), profiler.forecasting():
            forecast = forecaster.predict(periods)
    except InputError as error:  # invalid counts or leads stop this forecaster only
        raise NotRunError(str(error)) from error
    events, calendar = task.data.events, task.data.calendar
    observed = Panel.count(events, task.data.grid, calendar, periods)
    named = forecast.named(task.name, task.recipe)
    terms = ReplayTerms(calendar.unsettled_periods(fold.cutoff, events.settles_after), task.refit_every)
    ForecastStore(task.store).write(named, np.ascontiguousarray(observed.values), profiler.take_cost(), terms)


def _outside(data: BacktestData, folds: Sequence[Fold]) -> int:
    tested = pd.PeriodIndex([fold.periods[0] for fold in folds])
    return Panel.count(data.events, data.grid, data.calendar, tested).outside
