"""Replaying several forecasters over the same past and scoring what they said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ilp_models.backtest.replay import BacktestData, replay
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import Grid
from ilp_models.domain.replay import Replay
from ilp_models.domain.scores import ScoreTable
from ilp_models.pipeline.stored_forecasts import StoredForecasts
from ilp_models.pipeline.study import Study, forecasts_folder
from ilp_models.scoring.hot_spots import hit_curve
from ilp_models.scoring.scores import Scoring


@dataclass(frozen=True, eq=False)
class Comparison:
    """Forecasters on the same cells, periods and cutoffs, with their scores.

    Parameters
    ----------
    grid : Grid
        Cells active before the first cutoff.
    replays : tuple of Replay
        Stored forecasts beside what happened.
    scores : ScoreTable
        Scores by period.
    not_run : mapping of str to str
        Why a forecaster could not run on these data.
    outside : int
        Events of the test periods in no active cell; nobody is scored on them.
    protocol : str
        How all this was done, in one line.
    """

    grid: Grid
    replays: tuple[Replay, ...]
    scores: ScoreTable
    not_run: Mapping[str, str]
    outside: int
    protocol: str

    def replay_of(self, name: str) -> Replay:
        """Return the lead-1 replay of a forecaster."""
        for one in self.replays:
            if one.forecaster == name and one.lead == 1:
                return one
        if name in self.not_run:
            msg = f"{name} could not run: {self.not_run[name]}"
            raise NotRunError(msg)
        known = sorted({one.forecaster for one in self.replays})
        msg = f"{name} is not among the forecasters {known}; add it: 'model=[{','.join([*known, name])}]'."
        raise InputError(msg)

    def hit_curves(self) -> pd.DataFrame:
        """Return the hit curves of all forecasters."""
        return pd.concat([hit_curve(one, self.grid.area_m2) for one in self.replays], ignore_index=True)


def compare(
    study: Study,
    models: Mapping[str, Forecaster],
    plan: RollingOrigin,
    scoring: Scoring,
    compute: Compute,
    guests: StoredForecasts | None = None,
) -> Comparison:
    """Return the scores of forecasters over the latest past, reusing forecasts already stored."""
    folds = plan.folds(study.events, study.calendar)
    cutoffs = [fold.cutoff for fold in folds]
    present = guests.present if guests else ()
    delay = plan.delay(study.events, study.calendar)
    invited = [one for guest in present for one in guest.replays(cutoffs, study.calendar.freq, delay)]
    grid = study.grid_at(folds[0].cutoff)
    world = BacktestData(study.events, grid, study.calendar, study.layers)
    outcome = replay(models, study.recipes(models), plan, world, forecasts_folder(study.config), compute)
    if scoring.baseline in outcome.not_run or not outcome.replays:
        name, why = next((n, w) for n, w in outcome.not_run.items() if n == scoring.baseline or not outcome.replays)
        msg = f"{name} could not run: {why}"
        raise NotRunError(msg)
    replays = (*outcome.replays, *invited)
    scores = scoring.run(replays, grid.area_m2)
    protocol = _protocol(study, grid, plan, scoring, replays)
    if guests and guests.note:
        protocol = f"{protocol} {guests.note}"
    return Comparison(grid, replays, scores, outcome.not_run, outcome.outside, protocol)


def _protocol(study: Study, grid: Grid, plan: RollingOrigin, scoring: Scoring, replays: Sequence[Replay]) -> str:
    """Say in one line what every score rests on."""
    one, unit = replays[0], study.calendar.period_unit
    first, last = one.periods[0].start_time, one.periods[-1].end_time
    events, land = int(one.observed.sum()), grid.area_m2.sum() / 1e6
    draws = scoring.bootstrap
    return (
        f"{len(grid):,} cells active before {first:%Y-%m-%d} ({land:,.0f} km2), {len(one.crime_types)} crime types; "
        f"{plan.test_periods} {unit}s, {first:%Y-%m-%d} to {last:%Y-%m-%d}, {events:,} events; one cutoff at the start "
        f"of each {unit}{_unknown(one.delay, unit)}, refitted every {plan.refit_every}{_otherwise(plan, replays)}, "
        f"leads 1 to {plan.horizon}; intervals {draws.confidence:.0%} from resampling blocks of {draws.block} {unit}s"
        f"{_longer(plan.horizon, one.delay, draws.block)} {draws.draws:,} times; skill = 1 - Poisson deviance / "
        f"that of {scoring.baseline}."
    )


def _unknown(delay: int, unit: str) -> str:
    span = f"last {delay} {unit}s were" if delay > 1 else f"last {unit} was"
    return f", when the {span} not yet known" if delay else ""


def _otherwise(plan: RollingOrigin, replays: Sequence[Replay]) -> str:
    """Name those that learned anew at other times, or of whom it was not kept."""
    every = {one.forecaster: one.terms.refit_every if one.terms else None for one in replays}
    unknown = "unknown, as is its delay"
    other = [f"{name}: {often or unknown}" for name, often in sorted(every.items()) if often != plan.refit_every]
    return f" ({'; '.join(other)})" if other else ""


def _longer(horizon: int, delay: int, block: int) -> str:
    if horizon + delay <= block:
        return ""
    return f", or of lead plus {delay} where longer," if delay else ", or of the lead where longer,"
