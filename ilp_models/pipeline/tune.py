"""The task ``tune``: search the settings of one forecaster by its forecasts of past periods."""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.base import clone

from ilp_models.backtest.replay import BacktestData, replay
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.compute.progress import show_progress
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.events import EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.recipe import Recipe
from ilp_models.domain.tracking import TrackedRun, Tracker
from ilp_models.pipeline.study import Study, check_names, open_study
from ilp_models.pipeline.tuning_report import Tuned
from ilp_models.scoring.scores import Scoring
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
    compute: Compute,
    tracking: Tracker,
    config: Mapping[str, Any],
    folder: Path,
) -> str:
    """Return the best settings as text, having written all trials, figures and the best settings as an experiment."""
    check_names(model, forecaster=forecaster)
    scoring.check_score(tuning.score, "tuning.score")
    params = model[forecaster].get_params()
    check_settings(tuning.space, params, forecaster)
    start = starting_values(tuning.settings, params, forecaster)
    tracking.check()
    study = open_study(data, calendar, grid, config, folder, layers)
    judge = _judge(study, model[forecaster], backtest, tuning, scoring, compute, folder)
    key = _fingerprint(judge, forecaster)
    with (
        tracking.run("tune", {**study.tags(), "study": key}, config) as tracked,
        tuning.open_trials(Path(str(config["output"])).absolute() / "tuning", key) as trials,
    ):
        made = trials.run(tuning.trials, start, judge.judge)
        for trial in show_progress(made, max(tuning.trials - len(trials.finished), 0), "tune"):
            _record(tracked, trial, forecaster, tuning.score)
        tuned = _tuned(trials, judge, forecaster, key)
        for path in (*tuned.write(folder), folder / "intake.json"):
            tracked.artifact(path)
    return tuned.to_text(folder)


@dataclass(frozen=True, eq=False)
class PastJudge:
    """Gives the score of some settings over periods before the test.

    Parameters
    ----------
    study : Study
        Records known at the first cutoff of the test: nothing later is there.
    forecaster : Forecaster
        Unfitted, with its present settings.
    plan : RollingOrigin
        Cutoffs before the test.
    first_test : Timestamp
        The first cutoff of the test.
    tuning : OptunaSearch
        Which score.
    scoring : Scoring
        How it is computed.
    compute : Compute
        Where the work runs.
    folder : Path
        Forecasts of a trial lie here until it is scored.
    """

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
        """The periods that settings are judged on."""
        folds = self.plan.folds(self.study.events, self.study.calendar)
        return pd.PeriodIndex([fold.periods[0] for fold in folds])

    def judge(self, settings: Mapping[str, Any]) -> ScoreSums:
        """Return the sums that the score of some settings is made of."""
        changed = {name.replace(".", "__"): value for name, value in settings.items()}
        forecaster = clone(self.forecaster).set_params(**changed)
        world, name = self._world(), "trial"
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="trial-") as store:
            outcome = replay({name: forecaster}, {name: name}, self.plan, world, Path(store), self.compute)
        if name in outcome.not_run:
            raise NotRunError(outcome.not_run[name])
        table = self.scoring.run(outcome.replays, world.grid.area_m2)
        parts = [table.by_period(self.tuning.score, one.lead) for one in outcome.replays]
        return ScoreSums(_add_up(top[name] for top, _ in parts), _add_up(bottom for _, bottom in parts))

    def _world(self) -> BacktestData:
        first = self.plan.folds(self.study.events, self.study.calendar)[0].cutoff
        return BacktestData(self.study.events, self.study.grid_at(first), self.study.calendar, self.study.layers)


def _add_up(leads: Iterable[pd.Series]) -> tuple[float, ...]:
    """Return the sum over leads in each period; the longer leads have fewer periods."""
    return tuple(pd.concat(leads, axis=1).sum(axis=1).sort_index().tolist())


def _judge(  # noqa: PLR0913 - the parts of the task
    study: Study,
    forecaster: Forecaster,
    backtest: RollingOrigin,
    tuning: OptunaSearch,
    scoring: Scoring,
    compute: Compute,
    folder: Path,
) -> PastJudge:
    """Return a judge who knows what was known when the test begins, of the types known when the search begins."""
    first = backtest.folds(study.events, study.calendar)[0].cutoff
    past = replace(study, events=study.events.known_at(first))
    whole = study.calendar.whole(past.events.start, past.events.end - past.events.settles_after)
    if len(whole) <= tuning.periods:
        msg = (
            f"tuning.periods={tuning.periods} leaves nothing to learn from: {len(whole)} "
            f"{study.calendar.period_unit}(s) lie before the first test period ({first.date()}). Set fewer, lower "
            "backtest.test_periods, or give more."
        )
        raise InputError(msg)
    plan = RollingOrigin(tuning.periods, backtest.horizon, tuning.refit_every)
    start = plan.folds(past.events, study.calendar)[0].cutoff
    past = replace(past, events=study.known_from(start, folder).events.known_at(first))
    return PastJudge(past, forecaster, plan, first, tuning, scoring, compute, folder)


def _fingerprint(judge: PastJudge, forecaster: str) -> str:
    """Return the key of the study: other settings, records, code, space or score are another study."""
    study, scoring = judge.study, judge.scoring
    ways = {
        "floor": scoring.floor,
        "shares": scoring.land_shares,
        "area_share": scoring.curve_land_share,
        "harm": scoring.harm,
    }
    config = {"recipe": study.recipes([forecaster])[forecaster], "tuning": judge.tuning.identity, "scoring": ways}
    return Recipe(config, study.events.digest(), study.tags()["code"]).fingerprint


def _record(tracked: TrackedRun, trial: Trial, forecaster: str, score: str) -> None:
    state = "refused" if trial.reason else "judged"
    tags = {"forecaster": forecaster, "state": state} | ({"reason": trial.reason} if trial.reason else {})
    with tracked.child(f"trial {trial.number}", tags, trial.settings) as child:
        child.metrics({"seconds": trial.seconds} | ({} if trial.reason else {score: trial.value}), trial.number)


def _tuned(trials: Trials, judge: PastJudge, forecaster: str, key: str) -> Tuned:
    command = str(judge.study.config.get("command", "ilp tune"))
    return Tuned(
        forecaster=forecaster,
        key=key,
        score=judge.tuning.score,
        space=judge.tuning.settings,
        trials=trials.finished,
        best=trials.best,
        importance=trials.importance(),
        periods=judge.periods,
        first_test=judge.first_test,
        resampling=judge.scoring.bootstrap,
        ahead=judge.plan.horizon + judge.plan.delay(judge.study.events, judge.study.calendar),
        baseline=judge.scoring.baseline,
        command=command,
    )
