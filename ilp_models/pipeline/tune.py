"""The task `tune`: search the settings of one forecaster by its forecasts of past periods."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.compute.progress import show_progress
from ilp_models.data.neighbours import Neighbours
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.events import EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.text_output import check_decimal
from ilp_models.domain.tracking import TrackedRun, Tracker
from ilp_models.pipeline.borders import models_across_borders
from ilp_models.pipeline.outputs import INTAKE, read_study
from ilp_models.pipeline.study import check_names
from ilp_models.pipeline.tracking import record_files, tracked_run
from ilp_models.pipeline.trial_scorer import TrialScorer, search_start
from ilp_models.pipeline.trials import record_search_trial, trial_periods, trial_source
from ilp_models.pipeline.tuning_report import TuningReport
from ilp_models.scoring.scores import Scoring
from ilp_models.tracking.trial_record import TrialRecord
from ilp_models.tuning.search import OptunaSearch
from ilp_models.tuning.space import check_settings, starting_values
from ilp_models.tuning.trials import Trial


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
    first = partial(search_start, backtest=backtest, tuning=tuning)
    study = read_study(data, grid, folder, calendar=calendar, layers=layers, first_cutoff=first)
    known, study, _ = models_across_borders({forecaster: model[forecaster]}, study, neighbours, folder)
    scorer = TrialScorer(study, known[forecaster], backtest, tuning, scoring, compute, folder)
    key = scorer.key
    parts: dict[str, Any] = {
        "data": data,
        "grid": grid,
        "model": {forecaster: model[forecaster]},
        "tuning": tuning,
        "scoring": scoring,
    }
    shared = {**trial_source(trials, "tune", scorer.study, folder), **trial_periods(scorer.periods)}
    shared |= {"forecaster": forecaster, "recipe": key, "score": tuning.score}
    with (
        tracked_run(tracking, "tune", study, {"study": key}, command=command, **parts) as tracked,
        tuning.open_trials(Path(store).absolute(), key) as search,
    ):
        results = search.run(tuning.trials, start, scorer.score)
        for trial in show_progress(results, max(tuning.trials - len(search.finished), 0), "tune"):
            record_search_trial(trials, trial, shared, known[forecaster])
            _record_trial(tracked, trial, forecaster, tuning.score)
        report = TuningReport.from_search(search, scorer, forecaster, command)
        record_files(tracked, [*report.write(folder, decimal), folder / INTAKE])
    return report.to_text(folder)


def _record_trial(tracked: TrackedRun, trial: Trial, forecaster: str, score: str) -> None:
    state = "refused" if trial.reason else "judged"
    tags = {"forecaster": forecaster, "state": state} | ({"reason": trial.reason} if trial.reason else {})
    with tracked.child(f"trial {trial.number}", tags, trial.settings) as child:
        child.metrics({"seconds": trial.seconds} | ({} if trial.reason else {score: trial.value}), trial.number)
