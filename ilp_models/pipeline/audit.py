"""The task ``audit``: replay, explain and audit one forecaster, and let the gate decide on its next forecast."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilp_models.audit.audit import Audit
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import StorageError
from ilp_models.domain.events import EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.tracking import Tracker
from ilp_models.explain.explain import Explain
from ilp_models.export.writers import Export
from ilp_models.pipeline.audit_report import ReportContext, gather_record
from ilp_models.pipeline.backtesting import Comparison, compare
from ilp_models.pipeline.decision import judge
from ilp_models.pipeline.forecasting import next_forecast
from ilp_models.pipeline.outputs import record_decision
from ilp_models.pipeline.publishing import Results, publish
from ilp_models.pipeline.reaudit import differences, reaudit, refuse_other_settings
from ilp_models.pipeline.sensitivity_runs import SensitivityRuns
from ilp_models.pipeline.study import Study, check_names, open_study
from ilp_models.pipeline.tracking import mirror
from ilp_models.pipeline.weekly import decision_lines
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
    from_: str | None,
    compute: Compute,
    tracking: Tracker,
    config: Mapping[str, Any],
    folder: Path,
    second_grid: GridSpec | None = None,
) -> str:
    """Return the findings as text, having written ``decision.json`` beside the forecast it is on."""
    if from_:
        return _again(from_, report, compute, config, folder)
    check_names(model, forecaster=forecaster, scoring__baseline=scoring.baseline, audit__baseline=audit.baseline)
    tracking.check()
    study = open_study(data, calendar, grid, config, folder, layers, backtest)
    if audit.reporting_rates.path is not None:  # a gap in the table is said before hours of replay
        audit.reporting_rates.to_cells(study.grid_at(study.cutoff))
    with tracking.run("audit", study.tags(), config) as tracked:
        comparison = compare(study, model, backtest, scoring, compute)
        ahead = next_forecast(study, model, forecaster, backtest.horizon)
        results = Results(study, ahead, comparison, judge(study, ahead, comparison, explain, audit))
        files = publish(results, export, Path(register), folder)
        decision, subject = results.judgement.decision, results.judgement.subject
        tried = SensitivityRuns(study, model, forecaster, backtest, scoring, compute)
        around = _surroundings(study, tried, audit, comparison, second_grid)
        files += write_audit_report(report, gather_record(subject, decision, audit, around, compute), folder)
        for path in files:
            tracked.artifact(path)
        record_decision(tracked, decision)
    away = mirror(tracking, "candidate" if decision.admitted else "research", decision, folder)
    return _told(decision, *away, f"Report: {folder / report.file_name}")


def _surroundings(
    study: Study, tried: SensitivityRuns, audit: Audit, comparison: Comparison, second_grid: GridSpec | None
) -> ReportContext:
    """Return what the run knows beside what was audited."""
    retrained, why = tried.untainted(audit, comparison)
    return ReportContext(
        city=study.city,
        intake=study.intake,
        code=study.code,
        settings=study.config["audit"],
        command=str(study.config.get("command", "")),
        other_grids={} if second_grid is None else {"second grid": tried.on_grid(second_grid, audit)},
        retrained=retrained,
        absent={"tainted_periods": why} if why else {},
    )


def _again(source: str, page: AuditPage, compute: Compute, config: Mapping[str, Any], folder: Path) -> str:
    """Return the findings of an earlier audit made again, its reports written, or refuse if they differ."""
    command = str(config.get("command", ""))
    refuse_other_settings(command)
    decision, report, subject, settings = reaudit(source)
    if differing := differences(decision.report, report):
        shown = "\n".join(f"  {line}" for line in differing)
        msg = f"{len(differing)} findings of {source} come out differently today:\n{shown}"
        raise StorageError(msg)
    count = len(report.findings)
    same = f"Made again from {source}/audit: all {count} findings of decision {decision.short} come out the same."
    why = "this audit was made again from the folder of an earlier run, without its records"
    absent = dict.fromkeys(("intake", "census_error"), why)
    around = ReportContext(settings=settings, command=command, absent=absent)
    write_audit_report(page, gather_record(subject, decision, Audit.from_settings(settings), around, compute), folder)
    return _told(decision, same, f"Report: {folder / page.file_name}")


def _told(decision: Decision, *more: str) -> str:
    """Return the findings as a table, the decision, and more lines."""
    wide = 1 + max(len(name) for name in ("check", *(finding.check for finding in decision.findings)))
    lines = [f"{'check':<{wide}}{'about':<34}{'state':<14}{'value':>10}{'interval':>22}"]
    for finding in decision.findings:
        about = " ".join(word for word in (finding.crime_type, finding.dimension, finding.group) if word)
        interval = f"[{finding.low:.3f}, {finding.high:.3f}]"
        lines.append(
            f"{finding.check:<{wide}}{about[:33]:<34}{finding.state.value:<14}{finding.value:>10.3f}{interval:>22}"
        )
    return "\n".join([*lines, "", *decision_lines(decision), *more])
