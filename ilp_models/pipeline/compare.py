"""The task ``compare``: forecasters of this and other runs, compared as a referee would accept it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.events import EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.tracking import Tracker
from ilp_models.pipeline.backtesting import compare
from ilp_models.pipeline.comparison_page import evidence_of
from ilp_models.pipeline.comparison_statistics import examine, field_of
from ilp_models.pipeline.outputs import record_scores, table_of_scores, write_scores
from ilp_models.pipeline.stored_forecasts import find_stored, select_stored
from ilp_models.pipeline.study import check_names, open_study
from ilp_models.report.comparison.page import ComparisonReport, summary
from ilp_models.scoring.scores import Scoring


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    data: EventSource,
    calendar: Calendar,
    grid: GridSpec,
    layers: Mapping[str, Any],
    model: Mapping[str, Forecaster],
    runs: str | Sequence[str],
    backtest: RollingOrigin,
    scoring: Scoring,
    report: ComparisonReport,
    compute: Compute,
    tracking: Tracker,
    config: Mapping[str, Any],
    folder: Path,
) -> str:
    """Return the comparison as text, having written its page, tables and figures."""
    check_names(model, scoring__baseline=scoring.baseline)
    stored = find_stored(runs)
    tracking.check()
    study = open_study(data, calendar, grid, config, folder, layers, backtest)
    recipes = study.recipes(model)
    cutoffs = [fold.cutoff for fold in backtest.folds(study.events, study.calendar)]
    guests = select_stored(stored, recipes, cutoffs)
    with tracking.run("compare", study.tags(), config) as tracked:
        comparison = compare(study, model, backtest, scoring, compute, guests)
        field = field_of(comparison, model, recipes, guests.present, scoring.baseline)
        contest = examine(comparison, field, scoring.floor, compute)
        files = write_scores(comparison.scores, scoring.baseline, folder, comparison.not_run)
        files += contest.write(folder)
        evidence = evidence_of(contest, study, model, guests, scoring.floor)
        files += report.write(folder, evidence)
        record_scores(tracked, comparison.scores, scoring.baseline, field.recipes, config["model"], field.costs)
        for path in (*files, folder / "intake.json"):
            tracked.artifact(path)
    table = table_of_scores(comparison.scores, scoring.baseline, comparison.not_run)
    left_out = [f"  {line}" for line in guests.left_out]
    page = f"Page: {folder / report.file_name}"
    return "\n".join([table, "", *summary(evidence), "", comparison.protocol, *left_out, page])
