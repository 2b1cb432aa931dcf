"""The task `audit`: backtest, explain and audit one forecaster, and decide on its next forecast."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilp_models.audit.audit import Audit
from ilp_models.audit.register.register import Register
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.data.neighbours import Neighbours
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.events import EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.tracking import Tracker
from ilp_models.explain.explain import Explain
from ilp_models.export.writers import Export
from ilp_models.pipeline.audit_report import gather_record
from ilp_models.pipeline.decided_run import DecidedRun, decide_run
from ilp_models.pipeline.reaudit import repeat_audit
from ilp_models.pipeline.registration import last_line, standing_outlook
from ilp_models.pipeline.rule_search import check_rule_search
from ilp_models.pipeline.sensitivity_runs import SensitivityRuns
from ilp_models.pipeline.terminal_summary import decision_summary, next_steps, with_summary
from ilp_models.pipeline.terminal_text import finding_lines
from ilp_models.report.audit.audit_record import AuditPage
from ilp_models.report.audit.page import write_audit_report
from ilp_models.scoring.scores import Scoring
from ilp_models.tracking.trial_record import TrialRecord
from ilp_models.tuning.rule_search import RuleSearch


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
    last: str | None = None,
    rule_search: RuleSearch | None = None,
    rerun: str | None,
    store: str,
    compute: Compute,
    tracking: Tracker,
    trials: TrialRecord,
    folder: Path,
    command: str = "",
    jurisdiction: str = "",
    neighbours: Neighbours | None = None,
    second_grid: GridSpec | None = None,
) -> str:
    """Write the decision and the audit reports to the run folder, and return the findings as text."""
    if rerun:
        return repeat_audit(rerun, report, compute, command, folder)

    def write_pages(decided: DecidedRun) -> list[Path]:
        subject = decided.audit.audit_input
        context = SensitivityRuns(decided.backtest, forecaster, audit, compute, Path(store)).report_context(
            second_grid, command
        )
        return write_audit_report(report, gather_record(subject, decided.decision, audit, context, compute), folder)

    check_rule_search(rule_search, audit)
    book = Register(Path(register), last)
    done = decide_run(
        "audit",
        write_pages,
        data=data,
        calendar=calendar,
        grid=grid,
        layers=layers,
        model=model,
        forecaster=forecaster,
        backtest=backtest,
        scoring=scoring,
        explain=explain,
        audit=audit,
        export=export,
        register=book,
        rule_search=rule_search,
        store=store,
        compute=compute,
        tracking=tracking,
        trials=trials,
        folder=folder,
        command=command,
        jurisdiction=jurisdiction,
        neighbours=neighbours,
    )
    where = [f"Report: {folder / report.file_name}", last_line(book)]
    steps = next_steps(done.decision, folder, folder / report.file_name, standing_outlook(book, done.decision))
    details = [*finding_lines(done.decision), *done.warnings]
    return with_summary(details, decision_summary(done.decision), where, steps)
