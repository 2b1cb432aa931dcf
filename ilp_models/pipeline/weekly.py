"""The task `weekly`: from records to an audited risk grid of the next period."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilp_models.audit.audit import Audit
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.events import EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.tracking import Tracker
from ilp_models.explain.explain import Explain
from ilp_models.export.writers import FILE_NAMES, Export
from ilp_models.pipeline.auditing import audit_plan, check_reporting_rates, decide, explanation_or_none
from ilp_models.pipeline.backtesting import run_backtest
from ilp_models.pipeline.forecasting import make_forecast
from ilp_models.pipeline.outputs import INTAKE, read_study, write_outputs, write_page, write_scores
from ilp_models.pipeline.study import check_names
from ilp_models.pipeline.terminal_text import decision_lines, intake_line, score_lines
from ilp_models.pipeline.tracking import (
    alias_of,
    point_alias,
    record_backtest,
    record_decision,
    record_files,
    record_model,
    tracked_run,
)
from ilp_models.report.weekly_report import WeeklyReport
from ilp_models.scoring.scores import Scoring


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    data: EventSource,
    calendar: Calendar,
    grid: GridSpec,
    layers: Mapping[str, Any],
    model: Mapping[str, Forecaster],
    forecaster: str,
    backtest: RollingOrigin,
    scoring: Scoring,
    explain: Explain,
    audit: Audit,
    export: Export,
    report: WeeklyReport,
    register: str,
    store: str,
    compute: Compute,
    tracking: Tracker,
    folder: Path,
    command: str = "",
) -> str:
    """Write grids, scores, decision and report, and return a summary for the terminal."""
    check_names(model, forecaster=forecaster, scoring__baseline=scoring.baseline, audit__baseline=audit.baseline)
    tracking.check()
    study = read_study(data, grid, folder, calendar=calendar, layers=layers, first_cutoff=backtest)
    check_reporting_rates(audit, study)
    cut: dict[str, Any] = {"calendar": calendar, "layers": study.layers}
    parts: dict[str, Any] = {
        "data": data,
        "grid": grid,
        "model": model,
        "backtest": backtest,
        "scoring": scoring,
        "audit": audit,
    }
    with tracked_run(tracking, "weekly", study, command=command, forecaster=forecaster, **parts) as tracked:
        tested = run_backtest(
            model, study.events, grid, scoring=scoring, compute=compute, store=store, **cut, **vars(backtest)
        )
        forecast = make_forecast(
            model[forecaster], study.events, grid, horizon=backtest.horizon, name=forecaster, **cut
        )
        explanation = explanation_or_none(forecast, explain)
        audited = audit_plan(tested, forecast, explanation, audit=audit, explain=explain)
        decision = decide(audited)
        files = [folder / INTAKE, *write_scores(tested, folder)]
        files += write_outputs(audited, decision, tested, export, Path(register), folder)
        page = write_page(audited, decision, tested, report, folder, command)
        record_backtest(tracked, tested)
        record_decision(tracked, decision)
        record_model(tracked, forecast, folder / "model")
        record_files(tracked, [*files, page, folder / "figures"])
    warnings = point_alias(tracking, alias_of(decision), decision, folder)
    grids = ", ".join(path.name for path in files if path.name in FILE_NAMES.values())
    where = [f"Report: {page}", f"Grids:  {grids} in {folder}"]
    intake = [] if study.events.intake is None else [intake_line(study.events.intake), ""]
    return "\n".join([*intake, score_lines(tested), "", *decision_lines(decision), "", *warnings, *where])
