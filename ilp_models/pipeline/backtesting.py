"""Backtest forecasters: replay them over past periods, reuse stored forecasts, and score all of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from logging import getLogger
from pathlib import Path
from typing import Any

import pandas as pd

from ilp_models.backtest.replay import BacktestData, replay, storage_recipes
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.events import Events
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import Grid, GridSpec
from ilp_models.domain.layer import Layers
from ilp_models.domain.replay import Replay
from ilp_models.domain.scores import ScoreTable, is_bound, with_second
from ilp_models.pipeline.copy_check import copy_warnings
from ilp_models.pipeline.stored_forecasts import RivalForecast, StoredForecasts, find_stored, select_stored
from ilp_models.pipeline.study import Study, check_names, open_study
from ilp_models.pipeline.trials import open_record, record_backtest_trials
from ilp_models.report.plots import Figure, plot_skill
from ilp_models.scoring.hot_spots import hit_curve
from ilp_models.scoring.scores import Scoring
from ilp_models.tracking.trial_record import TrialRecord

STORE = "outputs/forecasts"
_LOG = getLogger(__name__)


@dataclass(frozen=True, eq=False, repr=False)
class Backtest:
    """Past forecasts of several forecasters, the recorded counts, and the scores.

    Attributes
    ----------
    study : Study
        Events, calendar, grid and layers; `study.events` are the events that every forecaster was tested on.
    models : mapping of str to Forecaster
        The unfitted forecasters by name.
    plan : RollingOrigin
        Which periods were forecast from which cutoffs.
    scoring : Scoring
        How the forecasts were scored.
    grid : Grid
        The cells that were active before the first cutoff.
    replays : tuple of Replay
        Forecasts and recorded counts, one for each forecaster and lead.
    scores : ScoreTable
        Scores of each forecaster, crime type, period and lead.
    not_run : mapping of str to str
        Why a forecaster could not run.
    protocol : str
        What every score depends on, in one line.
    """

    study: Study
    models: Mapping[str, Forecaster]
    plan: RollingOrigin
    scoring: Scoring
    grid: Grid
    replays: tuple[Replay, ...]
    scores: ScoreTable
    not_run: Mapping[str, str]
    outside: int  # recorded events of the test periods that lie in no active cell; they are scored for no forecaster
    protocol: str
    recipes: Mapping[str, str] = field(default_factory=dict)  # by name, those of stored forecasts included
    storage: Mapping[str, str] = field(default_factory=dict)  # by name, the folder of the stored forecasts
    stored: StoredForecasts = field(default_factory=StoredForecasts)
    rivals: tuple[RivalForecast, ...] = ()  # forecasts that others handed in
    warnings: tuple[str, ...] = ()  # about forecasts from outside this run that may have seen the counts
    computed: Mapping[str, str] = field(default_factory=dict)  # digests of the replays that no stored forecast is in
    compute: Compute = field(default_factory=LocalProcesses)
    store: Path = Path(STORE)

    @property
    def events(self) -> Events:
        """The events that the forecasters were tested on."""
        return self.study.events

    @property
    def second_baseline(self) -> str:
        """The second baseline of the skill, if it takes part and is not the first; empty text otherwise."""
        name = self.scoring.second_baseline
        return name if name in self.scores.forecasters and name != self.scoring.baseline else ""

    def skill(self, baseline: str | None = None) -> pd.DataFrame:
        """Return the skill of every forecaster over a baseline, with intervals and verdicts.

        Skill is 1 minus the Poisson deviance of the forecaster divided by that of the baseline. The last rows are the
        ceiling, which is the expected skill of the best forecaster if its distributions are right, and the oracle.

        Parameters
        ----------
        baseline : str, optional
            Name of a forecaster; by default the one that the scores were made with. Then the columns ``second_...``
            hold the skill over the second baseline, where that takes part.

        Returns
        -------
        DataFrame
            One row for each forecaster, crime type and lead: ``skill, low, high, p_value, verdict`` and more.
        """
        skill = all_skills(self.scores, self.scoring.baseline if baseline is None else baseline)
        second = self.second_baseline if baseline is None else ""
        return with_second(skill, all_skills(self.scores, second), second) if second else skill

    def summary(self) -> pd.DataFrame:
        """Return all scores pooled over the test periods, with intervals."""
        return self.scores.summarise()

    def to_frame(self) -> pd.DataFrame:
        """Return all forecasts as one long table, with the recorded counts."""
        parts = [
            pd.DataFrame({"expected": one.expected.to_series(), "observed": one.observed.to_series()})
            .reset_index()
            .assign(forecaster=one.forecaster, lead=one.lead)
            for one in self.replays
        ]
        table = pd.concat(parts, ignore_index=True)
        return table[["forecaster", "lead", "crime_type", "cell", "period", "expected", "observed"]]

    def plot(self, baseline: str | None = None) -> Figure:
        """Return a figure of the skill of every forecaster with its interval."""
        return plot_skill(self.skill(baseline), baseline or self.scoring.baseline)

    def replay_of(self, name: str) -> Replay:
        """Return the forecasts of one forecaster one period ahead."""
        for one in self.replays:
            if one.forecaster == name and one.lead == 1:
                return one
        if name in self.not_run:
            msg = f"{name} could not run: {self.not_run[name]}"
            raise NotRunError(msg)
        known = sorted({one.forecaster for one in self.replays})
        msg = f"{name} is not among the forecasters {known}. Add it: 'model=[{','.join([*known, name])}]'."
        raise InputError(msg)

    def replays_of(self, name: str) -> tuple[Replay, ...]:
        """Return the forecasts of one forecaster for each lead; errors as for `replay_of`."""
        self.replay_of(name)
        return tuple(one for one in self.replays if one.forecaster == name)

    def computed_replay(self, name: str) -> Replay:
        """Return the forecasts of one forecaster as this process computed them, replayed now if they were stored.

        Raises InputError for stored forecasts of another run, which cannot be computed here.
        """
        found = self.replay_of(name)
        if name not in self.models:
            msg = (
                f"{name} is in this backtest as stored forecasts of another run, which cannot be audited. Add it to "
                "the models of the backtest."
            )
            raise InputError(msg)
        if self.computed.get(name) == found.digest():
            return found
        study = self.study
        data = BacktestData(study.events, self.grid, study.calendar, study.layers, study.record_lag)
        outcome = replay({name: self.models[name]}, self.plan, data, self.store, self.compute, {name})
        if name in outcome.not_run:
            msg = f"{name} could not run: {outcome.not_run[name]}"
            raise NotRunError(msg)
        (again,) = (replace(one, recipe=found.recipe) for one in outcome.replays if one.lead == 1)
        if again.digest() != found.digest():
            _LOG.warning("The forecasts of %s in the backtest differ from its replay. The audit uses the replay.", name)
        return again

    def hit_curves(self) -> pd.DataFrame:
        """Return the share of crime captured by the share of the area, for every forecaster."""
        return pd.concat([hit_curve(one, self.grid.area_m2) for one in self.replays], ignore_index=True)

    def __repr__(self) -> str:
        """Return forecasters and protocol."""
        names = ", ".join(name for name in self.scores.forecasters if not is_bound(name))
        return f"Backtest of {names}\n{self.protocol}"

    def _repr_html_(self) -> str:
        skill = self.skill()
        first = skill[skill["lead"] == skill["lead"].min()]
        columns = [name for name in ("forecaster", "crime_type", "skill", "low", "high", "verdict") if name in first]
        return f"<p>{escape(self.protocol)}</p>{first[columns].to_html(index=False, float_format='{:+.4f}'.format)}"


def run_backtest(  # noqa: PLR0913 - the settings of a backtest, each with a default
    models: Mapping[str, Forecaster],
    events: Events,
    grid: GridSpec,
    *,
    calendar: Calendar | None = None,
    layers: Layers | Mapping[str, Any] | None = None,
    test_periods: int = 52,
    horizon: int = 1,
    refit_every: int = 13,
    end: str | None = None,
    record_lag: int = 0,
    baseline: str | None = None,
    scoring: Scoring | None = None,
    stored: str | Sequence[str] = (),
    compute: Compute | None = None,
    store: str | Path = STORE,
    recompute: Collection[str] = (),
    trials: str | Path | TrialRecord | None = None,
) -> Backtest:
    """Backtest forecasters on the latest past, each forecast made from what was known at its cutoff.

    Forecasts are stored as they are made. The same call again reuses them, and a call that was interrupted goes on
    where it stopped. Other settings, records or code never reuse them, and an audit reads none of them.

    Parameters
    ----------
    models : mapping of str to Forecaster
        Forecasters by a name of your choice.
    events : Events
        All events, those of the test periods included.
    grid : GridSpec
        How space is cut into cells, such as ``SquareGrid(500)``.
    calendar : Calendar, optional
        How time is cut into periods; by default weeks from Monday.
    layers : Layers or mapping, optional
        Context layers, or their settings by name.
    test_periods : int, default 52
        How many of the latest whole periods are forecast.
    horizon : int, default 1
        How many periods ahead.
    refit_every : int, default 13
        Cutoffs between two fits; in between the forecasters only take in new counts.
    end : str, optional
        Last day of the last test period, such as ``"2021-12-26"``.
    record_lag : int, default 0
        Whole periods before each forecast of which nothing is known, because records arrive late.
    baseline : str, optional
        The forecaster that skill is measured against; by default `ewma`, or else the first.
    scoring : Scoring, optional
        Which scores, with which bootstrap.
    stored : str or sequence of str, optional
        Folders of results whose stored forecasts join the comparison.
    compute : Compute, optional
        Where the work runs; by default in local processes.
    store : str or Path, default "outputs/forecasts"
        Folder of the stored forecasts.
    recompute : collection of str, optional
        Models that are replayed although their forecasts are stored. `audit_plan` replays the forecaster and the
        baseline unless this backtest computed them.
    trials : str, Path or TrialRecord, optional
        The record of trials, such as ``"trials.csv"``: each of ``models`` adds a line with its settings and score, as
        with `ilp backtest`. By default no line is written.

    Returns
    -------
    Backtest
        Forecasts, recorded counts and scores.

    Raises
    ------
    InputError
        If the records are too short, a name is unknown, or stored forecasts are not comparable. If ``trials`` is no
        record of trials; this is said before any work.
    StorageError
        If stored forecasts are damaged, or their recorded counts are not those of the events. If ``trials`` cannot be
        written; this is said before any work.
    NotRunError
        If the baseline, or every forecaster, could not run.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> city = ilp.SimulatedCity(size_km=2, districts=2, weeks=30)
    >>> events, grid = city.read(), ilp.SquareGrid(500)
    >>> models = {"mean": ilp.MovingAverage(4), "ewma": ilp.EWMA()}
    >>> one = ilp.LocalProcesses(1)  # one process
    >>> backtest = ilp.run_backtest(models, events, grid, test_periods=4, store=folder, compute=one)
    >>> skill = backtest.skill("mean").query("forecaster == 'ewma' and crime_type == 'all'")["skill"].item()
    >>> f"{skill:.0%} less Poisson deviance than the mean"
    '14% less Poisson deviance than the mean'
    """
    record = open_record(trials)
    scoring = _scoring_of(scoring, baseline, models)
    check_names(models, scoring__baseline=scoring.baseline)
    entries, compute = find_stored(stored), compute or LocalProcesses()
    plan = RollingOrigin(test_periods, horizon, refit_every, end)
    study = open_study(events, grid, calendar=calendar, layers=layers, first_cutoff=plan, record_lag=record_lag)
    cutoffs = [fold.cutoff for fold in plan.folds(study.events, study.calendar)]
    cells = study.grid_at(cutoffs[0])
    data = BacktestData(study.events, cells, study.calendar, study.layers, study.record_lag)
    storage = storage_recipes(models, plan, data)
    selected = select_stored(entries, storage, cutoffs)
    delay = max(map(data.delay, cutoffs))
    joined = [replay for one in selected.present for replay in one.replays(cutoffs, study.calendar.freq, delay)]
    outcome = replay(models, plan, data, Path(store).absolute(), compute, recompute)
    if scoring.baseline in outcome.not_run or not outcome.replays:
        name, why = next((n, w) for n, w in outcome.not_run.items() if n == scoring.baseline or not outcome.replays)
        msg = f"{name} could not run: {why}"
        raise NotRunError(msg)
    recipes = {name: study.recipe(model) for name, model in models.items()}
    own = [replace(one, recipe=recipes[one.forecaster]) for one in outcome.replays]
    replays, warnings = (*own, *joined), copy_warnings(joined)
    result = Backtest(
        study=study,
        models=dict(models),
        plan=plan,
        scoring=scoring,
        grid=data.grid,
        replays=replays,
        scores=scoring.run(replays, data.grid.area_m2, data.grid),
        not_run=outcome.not_run,
        outside=outcome.outside,
        protocol=" ".join(
            filter(
                None,
                (
                    _protocol(study, data.grid, plan, scoring, replays),
                    _short_past(models, study, cutoffs[0], data.delay(cutoffs[0])),
                    selected.note,
                    *warnings,
                ),
            )
        ),
        recipes={**recipes, **{one.name: one.recipe for one in selected.present}},
        storage=storage,
        stored=selected,
        warnings=warnings,
        computed={one.forecaster: one.digest() for one in own if one.forecaster in outcome.computed and one.lead == 1},
        compute=compute,
        store=Path(store).absolute(),
    )
    if record is not None:
        record_backtest_trials(record, "backtest", result, None)
    return result


def all_skills(scores: ScoreTable, baseline: str) -> pd.DataFrame:
    """Return the skill of every forecaster, then that of the ceiling and the oracle."""
    return pd.concat([scores.skill(baseline), scores.skill(baseline, bounds=True)], ignore_index=True)


def _scoring_of(scoring: Scoring | None, baseline: str | None, models: Mapping[str, Forecaster]) -> Scoring:
    if baseline is None and scoring is None and Scoring().baseline not in models:
        baseline = next(iter(models), None)
    scoring = scoring or Scoring()
    return scoring if baseline is None else replace(scoring, baseline=baseline)


def _protocol(study: Study, grid: Grid, plan: RollingOrigin, scoring: Scoring, replays: Sequence[Replay]) -> str:
    """Return what every score depends on, in one line."""
    one, unit, bootstrap = replays[0], study.calendar.period_unit, scoring.bootstrap
    first, last = one.periods[0].start_time, one.periods[-1].end_time
    events, land = int(one.observed.sum()), grid.area_m2.sum() / 1e6
    return (
        f"{len(grid):,} cells active before {first:%Y-%m-%d} ({land:,.0f} km2), {len(one.crime_types)} crime types; "
        f"{plan.test_periods} {unit}s, {first:%Y-%m-%d} to {last:%Y-%m-%d}, {events:,} events; one cutoff at the start "
        f"of each {unit}{_delay_words(one.delay, unit)}, refitted every {plan.refit_every}"
        f"{_other_refits(plan, replays)}, leads 1 to {plan.horizon}; intervals {bootstrap.confidence:.0%} from "
        f"resampling blocks of {bootstrap.block} {unit}s{_block_words(plan.horizon, one.delay, bootstrap.block)} "
        f"{bootstrap.draws:,} times; skill = 1 - Poisson deviance / that of {scoring.baseline}."
    )


def _short_past(models: Mapping[str, Forecaster], study: Study, cutoff: pd.Timestamp, delay: int) -> str:
    """Return the settings that few known periods at the first cutoff reduce; empty text if there are none."""
    calendar = study.calendar
    known = len(calendar.whole_periods(study.events.start, cutoff)) - delay
    cuts = {name: model.shortened(known, calendar) for name, model in models.items()}
    texts = [f"{name}: {', '.join(cut)}" for name, cut in cuts.items() if cut]
    if not texts:
        return ""
    return f"Only {known} {calendar.period_unit}s were known at first, so fewer were held out ({'; '.join(texts)})."


def _delay_words(delay: int, unit: str) -> str:
    span = f"last {delay} {unit}s were" if delay > 1 else f"last {unit} was"
    return f", when the {span} not yet known" if delay else ""


def _other_refits(plan: RollingOrigin, replays: Sequence[Replay]) -> str:
    """List models whose refit interval differs or is unknown."""
    every = {one.forecaster: one.terms.refit_every if one.terms else None for one in replays}
    unknown = "unknown, as is its delay"
    other = [f"{name}: {often or unknown}" for name, often in sorted(every.items()) if often != plan.refit_every]
    return f" ({'; '.join(other)})" if other else ""


def _block_words(horizon: int, delay: int, block: int) -> str:
    if horizon + delay <= block:
        return ""
    return f", or of lead plus {delay} where longer," if delay else ", or of the lead where longer,"
