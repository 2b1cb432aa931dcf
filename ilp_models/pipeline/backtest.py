"""The task ``backtest``: replay forecasters over the latest past and score what they said."""

from collections.abc import Mapping
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
from ilp_models.pipeline.outputs import record_scores, table_of_scores, write_scores
from ilp_models.pipeline.study import check_names, open_study
from ilp_models.scoring.scores import Scoring


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    data: EventSource,
    calendar: Calendar,
    grid: GridSpec,
    layers: Mapping[str, Any],
    model: Mapping[str, Forecaster],
    backtest: RollingOrigin,
    scoring: Scoring,
    compute: Compute,
    tracking: Tracker,
    config: Mapping[str, Any],
    folder: Path,
) -> str:
    """Return the comparison as text, having written scores, summary and skills."""
    check_names(model, scoring__baseline=scoring.baseline)
    tracking.check()
    study = open_study(data, calendar, grid, config, folder, layers, backtest)
    with tracking.run("backtest", study.tags(), config) as tracked:
        comparison = compare(study, model, backtest, scoring, compute)
        files = write_scores(comparison.scores, scoring.baseline, folder, comparison.not_run)
        record_scores(tracked, comparison.scores, scoring.baseline, study.recipes(model), config["model"])
        for path in (*files, folder / "intake.json"):
            tracked.artifact(path)
    table = table_of_scores(comparison.scores, scoring.baseline, comparison.not_run)
    return f"{table}\n\n{comparison.protocol}\nFiles: {folder}"
