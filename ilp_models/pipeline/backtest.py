"""The task `backtest`: compare forecasting methods on past periods."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.data.neighbours import Neighbours
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.events import EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.text_output import check_decimal
from ilp_models.domain.tracking import Tracker
from ilp_models.pipeline.backtesting import run_backtest
from ilp_models.pipeline.borders import models_across_borders
from ilp_models.pipeline.outputs import INTAKE, read_study, write_scores
from ilp_models.pipeline.rival_kit import check_kit_folder, write_rival_kit
from ilp_models.pipeline.study import check_names
from ilp_models.pipeline.terminal_text import score_lines
from ilp_models.pipeline.tracking import record_backtest, record_files, tracked_run
from ilp_models.pipeline.trials import record_backtest_trials
from ilp_models.scoring.scores import Scoring
from ilp_models.tracking.trial_record import TrialRecord


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    data: EventSource,
    calendar: Calendar,
    grid: GridSpec,
    layers: Mapping[str, Any],
    model: Mapping[str, Forecaster],
    backtest: RollingOrigin,
    scoring: Scoring,
    store: str,
    compute: Compute,
    tracking: Tracker,
    trials: TrialRecord,
    folder: Path,
    command: str = "",
    neighbours: Neighbours | None = None,
    decimal: str = "point",
    kit: str | None = None,
) -> str:
    """Write scores, summary and skill, and return the comparison as text."""
    check_names(model, scoring__baseline=scoring.baseline)
    check_decimal(decimal, "decimal")
    if kit is not None:
        check_kit_folder(kit)
    tracking.check()
    trials.check()
    study = read_study(data, grid, folder, calendar=calendar, layers=layers, first_cutoff=backtest)
    model, study, _ = models_across_borders(model, study, neighbours, folder)
    parts: dict[str, Any] = {
        "data": data,
        "grid": grid,
        "calendar": calendar,
        "model": model,
        "backtest": backtest,
        "scoring": scoring,
    }
    with tracked_run(tracking, "backtest", study, command=command, **parts) as tracked:
        result = run_backtest(
            model,
            study.events,
            grid,
            calendar=calendar,
            layers=study.layers,
            scoring=scoring,
            compute=compute,
            store=store,
            **vars(backtest),
        )
        record_backtest_trials(trials, "backtest", result, folder)
        record_backtest(tracked, result)
        record_files(tracked, [*write_scores(result, folder, decimal=decimal), folder / INTAKE])
    lines = [score_lines(result), "", result.protocol, f"Files: {folder}"]
    if kit is not None:
        lines.append(f"Kit for rivals: {write_rival_kit(result, kit)[0].parent}")
    return "\n".join(lines)
