"""The task `weekly`: from records to an audited risk grid of the next period."""

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
from ilp_models.export.writers import FILE_NAMES, Export
from ilp_models.pipeline.decided_run import DecidedRun, decide_run
from ilp_models.pipeline.outputs import PageTask, write_scores
from ilp_models.pipeline.registration import last_line, standing_outlook
from ilp_models.pipeline.rule_search import check_rule_search
from ilp_models.pipeline.terminal_summary import decision_summary, next_steps, with_summary
from ilp_models.pipeline.terminal_text import decision_lines, intake_line, score_lines
from ilp_models.report.front_page import FRONT
from ilp_models.report.weekly_report import WeeklyReport
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
    report: WeeklyReport,
    register: str,
    last: str | None = None,
    rule_search: RuleSearch | None = None,
    store: str,
    compute: Compute,
    tracking: Tracker,
    trials: TrialRecord,
    folder: Path,
    command: str = "",
    jurisdiction: str = "",
    neighbours: Neighbours | None = None,
) -> str:
    """Write grids, scores, decision and report, and return a summary for the terminal."""

    def write_pages(decided: DecidedRun) -> list[Path]:
        pages = task.write(decided.audit, decided.decision, decided.backtest)
        return [*write_scores(decided.backtest, folder, decimal=export.decimal), *pages, folder / "figures"]

    check_rule_search(rule_search, audit)
    book = Register(Path(register), last)
    task = PageTask(report, book, folder, command)
    done = decide_run(
        "weekly",
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
    grids = ", ".join(path.name for path in done.files if path.name in FILE_NAMES.values())
    where = [
        last_line(book),
        f"Report: {folder / report.file_name}",
        f"Front:  {folder / FRONT}",
        f"Grids:  {grids} in {folder}",
    ]
    report_of_intake = done.backtest.study.events.intake
    intake = [] if report_of_intake is None else [intake_line(report_of_intake), ""]
    scores = score_lines(done.backtest)
    details = [*intake, scores, "", *decision_lines(done.decision), "", *done.warnings]
    steps = next_steps(done.decision, folder, folder / report.file_name, standing_outlook(book, done.decision))
    return with_summary(details, decision_summary(done.decision), intake, where, steps)
