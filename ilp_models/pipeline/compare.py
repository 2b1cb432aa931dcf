"""The task `compare`: compare forecasters of this and other runs, with paired tests, calibration and cost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ilp_models.audit.register.register import Register
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
from ilp_models.pipeline.comparison import compare_forecasts, comparison_evidence
from ilp_models.pipeline.outputs import INTAKE, read_study, write_scores
from ilp_models.pipeline.rival_forecasts import check_forecasts
from ilp_models.pipeline.stored_forecasts import find_stored
from ilp_models.pipeline.study import check_names
from ilp_models.pipeline.terminal_text import score_lines
from ilp_models.pipeline.tracking import record_backtest, record_files, tracked_run
from ilp_models.pipeline.trials import record_backtest_trials, record_rival_trials
from ilp_models.report.comparison.page import ComparisonReport, summary
from ilp_models.scoring.scores import Scoring
from ilp_models.tracking.trial_record import TrialRecord


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    data: EventSource,
    calendar: Calendar,
    grid: GridSpec,
    layers: Mapping[str, Any],
    model: Mapping[str, Forecaster],
    runs: str | Sequence[str],
    forecasts: str | Sequence[str],
    rival_dispersion: str,
    register: str,
    last: str | None = None,
    backtest: RollingOrigin,
    scoring: Scoring,
    report: ComparisonReport,
    store: str,
    compute: Compute,
    tracking: Tracker,
    trials: TrialRecord,
    folder: Path,
    command: str = "",
    neighbours: Neighbours | None = None,
    decimal: str = "point",
) -> str:
    """Write page, tables and figures of a comparison, and return it as text."""
    check_names(model, scoring__baseline=scoring.baseline)
    find_stored(runs)  # a wrong folder is reported before any work is done
    check_forecasts(forecasts, rival_dispersion)
    check_decimal(decimal, "decimal")
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
    with tracked_run(tracking, "compare", study, command=command, runs=runs, forecasts=forecasts, **parts) as tracked:
        tested = run_backtest(
            model,
            study.events,
            grid,
            calendar=calendar,
            layers=study.layers,
            scoring=scoring,
            stored=runs,
            compute=compute,
            store=store,
            **vars(backtest),
        )
        record_backtest_trials(trials, "compare", tested, folder)
        result = compare_forecasts(
            tested,
            forecasts=forecasts,
            rival_dispersion=rival_dispersion,
            register=Register(Path(register), last),
            compute=compute,
        )
        tested = result.backtest
        record_rival_trials(trials, "compare", tested, folder, tested.rivals)
        evidence = comparison_evidence(result, command)
        scores = write_scores(tested, folder, result.skill, decimal)
        files = [*scores, *result.write(folder, decimal), *report.write(folder, evidence)]
        record_backtest(tracked, tested, result.skill)
        record_files(tracked, [*files, folder / INTAKE])
    excluded = [f"  {line}" for line in tested.stored.excluded]
    page = f"Page: {folder / report.file_name}"
    return "\n".join([score_lines(tested, result.skill), "", *summary(evidence), "", tested.protocol, *excluded, page])
