"""Lead a run from records to a decided forecast: the one path of `weekly` and `audit`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ilp_models.audit.audit import Audit
from ilp_models.audit.register.register import Register
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.data.neighbours import Neighbours
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.decision import Decision
from ilp_models.domain.events import EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.tracking import Tracker
from ilp_models.explain.explain import Explain
from ilp_models.export.writers import Export
from ilp_models.pipeline.audit_result import AuditResult, decide
from ilp_models.pipeline.auditing import audit_forecast, explanation_or_none
from ilp_models.pipeline.backtesting import Backtest, run_backtest
from ilp_models.pipeline.before_backtest import check_before_backtest
from ilp_models.pipeline.borders import models_across_borders
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.forecasting import make_forecast
from ilp_models.pipeline.outputs import INTAKE, read_study, write_outputs
from ilp_models.pipeline.registration import RegisterPath
from ilp_models.pipeline.study import check_names
from ilp_models.pipeline.tracking import (
    alias_of,
    point_alias,
    record_backtest,
    record_decision,
    record_files,
    record_model,
    tracked_run,
)
from ilp_models.pipeline.trials import record_backtest_trials
from ilp_models.scoring.scores import Scoring
from ilp_models.tracking.trial_record import TrialRecord
from ilp_models.tuning.rule_search import RuleSearch


@dataclass(frozen=True, eq=False)
class DecidedRun:
    """A decided forecast, what the decision rests on, and the files written so far."""

    backtest: Backtest
    audit: AuditResult
    decision: Decision
    files: tuple[Path, ...]
    warnings: tuple[str, ...] = ()


def decide_run(  # noqa: PLR0913 - one parameter for each part of the configuration
    task: str,
    write_pages: Callable[[DecidedRun], Iterable[Path]],
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
    register: Register,
    rule_search: RuleSearch | None,
    store: str,
    compute: Compute,
    tracking: Tracker,
    trials: TrialRecord,
    folder: Path,
    command: str,
    jurisdiction: str = "",
    neighbours: Neighbours | None = None,
) -> DecidedRun:
    """Backtest, forecast, explain, audit and decide; write the files, then the pages; and record everything."""
    check_names(model, forecaster=forecaster, scoring__baseline=scoring.baseline, audit__baseline=audit.baseline)
    tracking.check()
    trials.check()
    if register.last is not None:
        register.verify()  # a register without the required line must not cost a backtest
    study = read_study(data, grid, folder, calendar=calendar, layers=layers, first_cutoff=backtest, record_lag=now())
    model, study, _ = models_across_borders(model, study, neighbours, folder)
    check_before_backtest(audit, scoring, study, backtest, export)
    cut: dict[str, Any] = {"calendar": calendar, "layers": study.layers, "record_lag": study.record_lag}
    parts: dict[str, Any] = {
        "data": data,
        "grid": grid,
        "model": model,
        "backtest": backtest,
        "scoring": scoring,
        "audit": audit,
        "jurisdiction": jurisdiction,
    }
    with tracked_run(tracking, task, study, command=command, forecaster=forecaster, **parts) as tracked:
        tested = run_backtest(
            model,
            study.events,
            study.cells,
            scoring=scoring,
            compute=compute,
            store=store,
            recompute={forecaster, audit.baseline},  # stored forecasts can be edited
            **cut,
            **vars(backtest),
        )
        record_backtest_trials(trials, task, tested, folder)
        forecast = make_forecast(
            model[forecaster], study.events, study.cells, horizon=backtest.horizon, name=forecaster, **cut
        )
        explanation = explanation_or_none(forecast, explain)
        where = RegisterPath.of_task(register, folder)
        audited = audit_forecast(tested, forecast, explanation, audit, explain, where, compute, rule_search)
        decision = decide(audited)
        files = (folder / INTAKE, *write_outputs(audited, decision, tested, export, register, folder))
        pages = tuple(write_pages(DecidedRun(tested, audited, decision, files)))
        record_backtest(tracked, tested)
        record_decision(tracked, decision)
        record_model(tracked, forecast, folder / "model")
        record_files(tracked, [*files, *pages])
    warnings = point_alias(tracking, alias_of(decision), decision, folder)
    return DecidedRun(tested, audited, decision, (*files, *pages), tuple(warnings))
