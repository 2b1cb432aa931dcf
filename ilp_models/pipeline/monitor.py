"""The task `monitor`: measure an admitted forecaster again in every period since its audit."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from ilp_models.audit.audit import Audit
from ilp_models.audit.monitoring.cusum import Monitoring
from ilp_models.audit.register.register import Register
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.data.neighbours import Neighbours
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.events import EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.timing import Timing
from ilp_models.domain.tracking import Tracker
from ilp_models.pipeline.borders import models_across_borders
from ilp_models.pipeline.monitoring_replay import active_decision, check_neighbours, check_terms, replay_since_audit
from ilp_models.pipeline.monitoring_results import MonitoringResults
from ilp_models.pipeline.outputs import read_study
from ilp_models.pipeline.study import check_names
from ilp_models.pipeline.terminal_summary import with_summary
from ilp_models.pipeline.tracking import record_files, tracked_run


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    data: EventSource,
    calendar: Calendar,
    grid: GridSpec,
    layers: Mapping[str, Any],
    model: Mapping[str, Forecaster],
    forecaster: str,
    backtest: RollingOrigin,
    audit: Audit,
    monitor: Monitoring,
    source: str,
    register: str,
    last: str | None = None,
    store: str,
    compute: Compute,
    tracking: Tracker,
    folder: Path,
    command: str = "",
    jurisdiction: str = "",
    neighbours: Neighbours | None = None,
) -> str:
    """Write what monitoring found, and return it with the command of a withdrawal where one is proposed."""
    check_names(model, forecaster=forecaster)
    tracking.check()
    book = Register(Path(register), last)
    decision = active_decision(source, book)
    notes = check_terms(decision, source, forecaster, model[forecaster], audit)
    first = pd.Timestamp(decision.report.header["first_period"])
    timing = Timing.from_header(decision.report.header)
    lag = 0 if timing is None else timing.record_lag
    study = read_study(
        data,
        grid,
        folder,
        calendar=calendar,
        layers=layers,
        first_cutoff=first,
        record_lag=lag,
    )
    model, study, unused = models_across_borders(model, study, neighbours, folder)
    check_neighbours(source, model[forecaster], unused)
    parts: dict[str, Any] = {
        "data": data,
        "grid": grid,
        "model": {forecaster: model[forecaster]},
        "monitor": monitor,
        "source": source,
        "jurisdiction": jurisdiction,
    }
    with tracked_run(tracking, "monitor", study, command=command, **parts) as tracked:
        replayed = replay_since_audit(study, source, decision, model[forecaster], backtest, audit, Path(store), compute)
        replayed = replace(replayed, notes=(*notes, *replayed.notes))
        results = MonitoringResults.from_replay(replayed, decision, study, audit, monitor)
        record_files(tracked, results.write(source, folder))
        book.append(results.line())
        outcome = results.outcome
        breaches = len(outcome.breached_periods)
        tracked.metrics({"periods_with_breach": breaches, "proposes": float(outcome.proposes_withdrawal)})
    lines = results.lines(source)
    step = results.command(source) if outcome.proposes_withdrawal else "run it again after the next complete period"
    return with_summary(lines, lines, [f"Files: {folder}", f"Next: {step}"])
