"""The task ``weekly``: from records to an audited risk grid of the next period."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilp_models.audit.audit import Audit
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.decision import Decision
from ilp_models.domain.disclaimers import RESEARCH_ONLY
from ilp_models.domain.events import EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.tracking import Tracker
from ilp_models.explain.explain import Explain
from ilp_models.export.writers import PLAIN_NAMES, Export
from ilp_models.pipeline.backtesting import compare
from ilp_models.pipeline.decision import judge
from ilp_models.pipeline.forecasting import next_forecast
from ilp_models.pipeline.outputs import record_decision, record_scores, table_of_scores, write_scores
from ilp_models.pipeline.publishing import Results, publish, write_page
from ilp_models.pipeline.study import Study, check_names, open_study
from ilp_models.pipeline.tracking import mirror
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
    compute: Compute,
    tracking: Tracker,
    config: Mapping[str, Any],
    folder: Path,
) -> str:
    """Return a summary for the terminal, having written grids, scores, decision and report."""
    check_names(model, forecaster=forecaster, scoring__baseline=scoring.baseline, audit__baseline=audit.baseline)
    tracking.check()
    study = open_study(data, calendar, grid, config, folder, layers, backtest)
    if audit.reporting_rates.path is not None:  # a gap in the table is said before hours of replay
        audit.reporting_rates.to_cells(study.grid_at(study.cutoff))
    with tracking.run("weekly", study.tags(), config) as tracked:
        comparison = compare(study, model, backtest, scoring, compute)
        ahead = next_forecast(study, model, forecaster, backtest.horizon)
        results = Results(study, ahead, comparison, judge(study, ahead, comparison, explain, audit))
        decision = results.judgement.decision
        files = [folder / "intake.json", *write_scores(comparison.scores, scoring.baseline, folder, comparison.not_run)]
        files += publish(results, export, Path(register), folder)
        page = write_page(results, report, scoring.baseline, folder)
        files += [page, folder / "figures"]
        record_scores(tracked, comparison.scores, scoring.baseline, study.recipes(model), config["model"])
        record_decision(tracked, decision)
        for path in files:
            tracked.artifact(path)
    away = mirror(tracking, "candidate" if decision.admitted else "research", decision, folder)
    table = table_of_scores(comparison.scores, scoring.baseline, comparison.not_run)
    grids = ", ".join(path.name for path in files if path.name in PLAIN_NAMES.values())
    where = [f"Report: {page}", f"Grids:  {grids} in {folder}"]
    return "\n".join([_intake(study), "", table, "", *decision_lines(decision), "", *away, *where])


def decision_lines(decision: Decision) -> list[str]:
    """Return the decision and its reasons for the terminal."""
    if decision.admitted:
        head = f"ADMITTED for resource allocation until {decision.valid_until:%Y-%m-%d %H:%M %Z}"
    else:
        head = f"WITHHELD: {RESEARCH_ONLY}"
    return [f"Decision on {decision.forecaster}: {head}", *(f"  - {reason}" for reason in decision.reasons)]


def _intake(study: Study) -> str:
    intake = study.intake
    odd = sum(finding.action == "flagged" for finding in intake.findings)
    kept = f"{intake.rows_kept:,} of {intake.rows_read:,} records kept"
    return f"{intake.source}: {kept}, oddities flagged: {odd} (intake.json)"
