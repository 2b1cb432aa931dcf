"""The task `tune`: search the settings of one forecaster by its forecasts of past periods."""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.base import clone

from ilp_models.backtest.replay import BacktestData, replay
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.compute.progress import show_progress
from ilp_models.data.neighbours import Neighbours
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.events import Events, EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.recipe import Recipe, describe
from ilp_models.domain.text_output import check_decimal
from ilp_models.domain.tracking import TrackedRun, Tracker
from ilp_models.model.wrappers.across_borders import AcrossBorders
from ilp_models.pipeline.borders import models_across_borders
from ilp_models.pipeline.outputs import INTAKE, read_study
from ilp_models.pipeline.study import Study, check_names
from ilp_models.pipeline.tracking import record_files, tracked_run
from ilp_models.pipeline.trials import record_search_trial, trial_periods, trial_source
from ilp_models.pipeline.tuning_report import TuningReport
from ilp_models.scoring.scores import Scoring
from ilp_models.tracking.trial_record import TrialRecord
from ilp_models.tuning.search import OptunaSearch
from ilp_models.tuning.space import check_settings, starting_values
from ilp_models.tuning.trials import ScoreSums, Trial, Trials


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    data: EventSource,
    calendar: Calendar,
    grid: GridSpec,
    layers: Mapping[str, Any],
    model: Mapping[str, Forecaster],
    forecaster: str,
    backtest: RollingOrigin,
    tuning: OptunaSearch,
    scoring: Scoring,
    store: str,
    compute: Compute,
    tracking: Tracker,
    trials: TrialRecord,
    folder: Path,
    command: str = "",
    decimal: str = "point",
    neighbours: Neighbours | None = None,
) -> str:
    """Write all trials, figures and the best settings as an experiment, and return the best settings as text."""
    check_names(model, forecaster=forecaster)
    scoring.check_score(tuning.score, "tuning.score")
    params = model[forecaster].get_params()
    check_settings(tuning.space, params, forecaster)
    start = starting_values(tuning.settings, params, forecaster)
    check_decimal(decimal, "decimal")
    tracking.check()
    trials.check()
    first = partial(_search_start, backtest=backtest, tuning=tuning)
    study = read_study(data, grid, folder, calendar=calendar, layers=layers, first_cutoff=first)
    known, study, _ = models_across_borders({forecaster: model[forecaster]}, study, neighbours, folder)
    first_test = backtest.folds(study.events, calendar)[0].cutoff
    past = replace(study, events=study.events.known_at(first_test))
    plan = _search_plan(backtest, tuning)
    scorer = TrialScorer(past, known[forecaster], plan, first_test, tuning, scoring, compute, folder)
    key = _search_key(scorer)
    parts: dict[str, Any] = {
        "data": data,
        "grid": grid,
        "model": {forecaster: model[forecaster]},
        "tuning": tuning,
        "scoring": scoring,
    }
    shared = {**trial_source(trials, "tune", past, folder), **trial_periods(scorer.periods)}
    shared |= {"forecaster": forecaster, "recipe": key, "score": tuning.score}
    with (
        tracked_run(tracking, "tune", study, {"study": key}, command=command, **parts) as tracked,
        tuning.open_trials(Path(store).absolute(), key) as search,
    ):
        results = search.run(tuning.trials, start, scorer.score)
        for trial in show_progress(results, max(tuning.trials - len(search.finished), 0), "tune"):
            record_search_trial(trials, trial, shared, known[forecaster])
            _record_trial(tracked, trial, forecaster, tuning.score)
        report = _report(search, scorer, forecaster, key, command)
        record_files(tracked, [*report.write(folder, decimal), folder / INTAKE])
    return report.to_text(folder)


@dataclass(frozen=True, eq=False)
class TrialScorer:
    """Scores settings on periods before the test."""

    study: Study
    forecaster: Forecaster
    plan: RollingOrigin
    first_test: pd.Timestamp
    tuning: OptunaSearch
    scoring: Scoring
    compute: Compute
    folder: Path

    @property
    def periods(self) -> pd.PeriodIndex:
        """The periods that settings are scored on."""
        folds = self.plan.folds(self.study.events, self.study.calendar)
        return pd.PeriodIndex([fold.periods[0] for fold in folds])

    def score(self, settings: Mapping[str, Any]) -> ScoreSums:
        """Return the sums from which the score of some settings is computed."""
        inner = "forecaster__" if isinstance(self.forecaster, AcrossBorders) else ""
        changed = {inner + name.replace(".", "__"): value for name, value in settings.items()}
        forecaster = clone(self.forecaster).set_params(**changed)
        data, name = self._data(), "trial"
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="trial-") as store:
            outcome = replay({name: forecaster}, self.plan, data, Path(store), self.compute)
        if name in outcome.not_run:
            raise NotRunError(outcome.not_run[name])
        table = self.scoring.run(outcome.replays, data.grid.area_m2)
        parts = [table.by_period(self.tuning.score, one.lead) for one in outcome.replays]
        return ScoreSums(_sum_leads(top[name] for top, _ in parts), _sum_leads(bottom for _, bottom in parts))

    def _data(self) -> BacktestData:
        first = self.plan.folds(self.study.events, self.study.calendar)[0].cutoff
        return BacktestData(self.study.events, self.study.grid_at(first), self.study.calendar, self.study.layers)


def _sum_leads(leads: Iterable[pd.Series]) -> tuple[float, ...]:
    """Return the sum over leads in each period; the longer leads have fewer periods."""
    return tuple(pd.concat(leads, axis=1).sum(axis=1).sort_index().tolist())


def _search_start(events: Events, calendar: Calendar, backtest: RollingOrigin, tuning: OptunaSearch) -> pd.Timestamp:
    """Return the first cutoff of the search, all of whose periods lie before the test."""
    first = backtest.folds(events, calendar)[0].cutoff
    past = events.known_at(first)
    whole = calendar.whole_periods(past.start, past.end - past.settles_after)
    if len(whole) <= tuning.periods:
        msg = (
            f"tuning.periods={tuning.periods} leaves no period to learn from: only {len(whole)} "
            f"{calendar.period_unit}(s) lie before the first test period ({first.date()}). Set fewer, lower "
            "backtest.test_periods, or give more records."
        )
        raise InputError(msg)
    return _search_plan(backtest, tuning).folds(past, calendar)[0].cutoff


def _search_plan(backtest: RollingOrigin, tuning: OptunaSearch) -> RollingOrigin:
    return RollingOrigin(tuning.periods, backtest.horizon, tuning.refit_every)


def _search_key(scorer: TrialScorer) -> str:
    """Return the key of the search: other settings, records, code, space or score are another search."""
    study, scoring = scorer.study, scorer.scoring
    score = {"floor": scoring.floor, "shares": scoring.land_shares, "area_share": scoring.curve_land_share}
    settings = {
        "recipe": study.recipe(scorer.forecaster),
        "tuning": scorer.tuning.identity,
        "scoring": {**score, "harm_sets": scoring.harm_sets},
    }
    return Recipe(describe(settings), study.events.digest(), study.tags()["code"]).fingerprint


def _record_trial(tracked: TrackedRun, trial: Trial, forecaster: str, score: str) -> None:
    state = "refused" if trial.reason else "judged"
    tags = {"forecaster": forecaster, "state": state} | ({"reason": trial.reason} if trial.reason else {})
    with tracked.child(f"trial {trial.number}", tags, trial.settings) as child:
        child.metrics({"seconds": trial.seconds} | ({} if trial.reason else {score: trial.value}), trial.number)


def _report(trials: Trials, scorer: TrialScorer, forecaster: str, key: str, command: str) -> TuningReport:
    return TuningReport(
        forecaster=forecaster,
        key=key,
        score=scorer.tuning.score,
        space=scorer.tuning.settings,
        trials=trials.finished,
        best=trials.best,
        importance=trials.importance(),
        periods=scorer.periods,
        first_test=scorer.first_test,
        resampling=scorer.scoring.bootstrap,
        ahead=scorer.plan.horizon + scorer.plan.delay(scorer.study.events, scorer.study.calendar),
        baseline=scorer.scoring.baseline,
        command=command or "ilp tune",
    )
