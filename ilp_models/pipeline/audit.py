"""The task `audit`: backtest, explain and audit one forecaster, and decide on its next forecast."""

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
from ilp_models.export.writers import Export
from ilp_models.pipeline.audit_report import gather_record
from ilp_models.pipeline.auditing import audit_plan, check_reporting_rates, decide, explanation_or_none
from ilp_models.pipeline.backtesting import run_backtest
from ilp_models.pipeline.forecasting import make_forecast
from ilp_models.pipeline.outputs import read_study, write_outputs
from ilp_models.pipeline.reaudit import repeat_audit
from ilp_models.pipeline.sensitivity_runs import SensitivityRuns
from ilp_models.pipeline.study import check_names
from ilp_models.pipeline.terminal_text import finding_lines
from ilp_models.pipeline.tracking import alias_of, point_alias, record_decision, record_files, record_model, tracked_run
from ilp_models.report.audit.audit_record import AuditPage
from ilp_models.report.audit.page import write_audit_report
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
    report: AuditPage,
    register: str,
    rerun: str | None,
    store: str,
    compute: Compute,
    tracking: Tracker,
    folder: Path,
    command: str = "",
    second_grid: GridSpec | None = None,
) -> str:
    """Write the decision and the audit reports to the run folder, and return the findings as text."""
    if rerun:
        return repeat_audit(rerun, report, compute, command, folder)
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
    with tracked_run(tracking, "audit", study, command=command, forecaster=forecaster, **parts) as tracked:
        tested = run_backtest(
            model, study.events, grid, scoring=scoring, compute=compute, store=store, **cut, **vars(backtest)
        )
        forecast = make_forecast(
            model[forecaster], study.events, grid, horizon=backtest.horizon, name=forecaster, **cut
        )
        explanation = explanation_or_none(forecast, explain)
        audited = audit_plan(tested, forecast, explanation, audit=audit, explain=explain)
        decision = decide(audited)
        files = write_outputs(audited, decision, tested, export, Path(register), folder)
        runs = SensitivityRuns(tested, forecaster, audit, compute, Path(store))
        context = runs.report_context(second_grid, command)
        files += write_audit_report(
            report, gather_record(audited.audit_input, decision, audit, context, compute), folder
        )
        record_files(tracked, files)
        record_decision(tracked, decision)
        record_model(tracked, forecast, folder / "model")
    warnings = point_alias(tracking, alias_of(decision), decision, folder)
    return "\n".join([*finding_lines(decision), *warnings, f"Report: {folder / report.file_name}"])
