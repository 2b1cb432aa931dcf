"""Running the folds: each chain of folds is fitted once, updated fold by fold, and stored as it goes."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone

from ilp_models.backtest.profiling import Profiler
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.backtest.store import ForecastStore
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.events import Events
from ilp_models.domain.fold import Fold
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.domain.layer import Layers
from ilp_models.domain.not_run import convert_errors, trace_of
from ilp_models.domain.panel import Panel
from ilp_models.domain.replay import Replay
from ilp_models.domain.terms import ReplayTerms

_TRACE = logging.getLogger("ilp.trace")  # to the log file of the run only


@dataclass(frozen=True, eq=False)
class BacktestData:
    """The records as they were and became: histories are cut from them, observations counted on them.

    Parameters
    ----------
    events : Events
        All events.
    grid : Grid
        Cells active before the first cutoff.
    calendar : Calendar
        How time is cut into periods.
    layers : Layers, optional
        All context layers.
    """

    events: Events
    grid: Grid
    calendar: Calendar
    layers: Layers = field(default_factory=Layers)

    def known_at(self, cutoff: pd.Timestamp) -> History:
        """Return what was known at a cutoff."""
        return History.from_events(cutoff, self.events, self.grid, self.calendar, self.layers)


@dataclass(frozen=True, eq=False)
class ChainTask:
    """One forecaster over one chain of folds.

    Parameters
    ----------
    name : str
        Name under which the forecaster was configured.
    recipe : str
        Fingerprint of its recipe.
    forecaster : Forecaster
        Unfitted.
    chain : tuple of Fold
        Folds that begin with a fit.
    store : Path
        Root folder of the stored forecasts.
    world : World
        Records, cells and calendar.
    refit_every : int
        Cutoffs between two fits, kept with each forecast.
    """

    name: str
    recipe: str
    forecaster: Forecaster
    chain: tuple[Fold, ...]
    store: Path
    world: BacktestData
    refit_every: int


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a backtest gave.

    Parameters
    ----------
    replays : tuple of Replay
        Stored forecasts with observations, by forecaster and lead.
    not_run : mapping of str to str
        Why a forecaster could not run on these data: the reason at the first cutoff where it could not.
    outside : int
        Events of the test periods that fell in no active cell; no forecaster is scored on them.
    """

    replays: tuple[Replay, ...]
    not_run: Mapping[str, str]
    outside: int


def replay(
    forecasters: Mapping[str, Forecaster],
    recipes: Mapping[str, str],
    plan: RollingOrigin,
    world: BacktestData,
    store: Path,
    compute: Compute,
) -> Outcome:
    """Return the forecasts of every forecaster at every cutoff, reusing those already stored."""
    folds = plan.folds(world.events, world.calendar)
    cutoffs = [fold.cutoff for fold in folds]
    stored = ForecastStore(store)
    with stored.writing(list(recipes.values())):
        work = [
            ChainTask(name, recipes[name], forecaster, chain, store, world, plan.refit_every)
            for name, forecaster in forecasters.items()
            for chain in plan.chains(folds)
            if stored.missing(recipes[name], name, [fold.cutoff for fold in chain])
        ]
        stops = compute.map(run_chain, work, "backtest") if work else []
    not_run: dict[str, str] = {}
    for item, (reason, trace) in zip(work, stops, strict=True):
        if trace:
            _TRACE.error("%s %s\n%s", item.name, reason, trace)
        if reason:
            not_run.setdefault(item.name, reason)
    replays = [
        one
        for name in forecasters
        if name not in not_run
        for one in stored.replays(recipes[name], name, cutoffs, world.calendar.freq)
    ]
    return Outcome(tuple(replays), not_run, _outside(world, folds))


def run_chain(work: ChainTask) -> tuple[str, str]:
    """Return why a forecaster cannot run, or empty texts after fitting, updating and storing one chain."""
    store, world = ForecastStore(work.store), work.world
    wanted = set(store.missing(work.recipe, work.name, [fold.cutoff for fold in work.chain]))
    meter = Profiler()
    try:
        with convert_errors(work.chain[0].cutoff):
            forecaster = clone(work.forecaster)
        for fold in work.chain:
            if fold.refit or fold.cutoff in wanted:
                history = world.known_at(fold.cutoff)
                with convert_errors(fold.cutoff), meter.fitting() if fold.refit else meter.updating():
                    forecaster = forecaster.fit(history) if fold.refit else forecaster.update(history)
            if fold.cutoff in wanted:
                _forecast_fold(forecaster, fold, work, meter)
            meter.take()  # a fit made again for a forecast stored before was charged to that one
    except NotRunError as error:
        return str(error), trace_of(error)
    return "", ""


def _forecast_fold(forecaster: Forecaster, fold: Fold, work: ChainTask, meter: Profiler) -> None:
    periods = pd.PeriodIndex(list(fold.periods))
    try:
        with convert_errors(fold.cutoff), meter.forecasting():
            forecast = forecaster.predict(periods)
    except InputError as error:  # no counts, or not for these leads: nobody else's forecasts suffer from that
        raise NotRunError(str(error)) from error
    events, calendar = work.world.events, work.world.calendar
    happened = Panel.count(events, work.world.grid, calendar, periods)
    named = forecast.named(work.name, work.recipe)
    terms = ReplayTerms(calendar.unsettled(fold.cutoff, events.settles_after), work.refit_every)
    ForecastStore(work.store).write(named, np.ascontiguousarray(happened.values), meter.take(), terms)


def _outside(world: BacktestData, folds: Sequence[Fold]) -> int:
    tested = pd.PeriodIndex([fold.periods[0] for fold in folds])
    return Panel.count(world.events, world.grid, world.calendar, tested).outside
