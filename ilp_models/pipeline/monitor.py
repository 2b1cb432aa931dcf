"""The task ``monitor``: an admitted forecaster measured again in every period since its audit."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from ilp_models.audit.audit import Audit
from ilp_models.audit.monitoring.cusum import Monitoring
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.events import EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.tracking import Tracker
from ilp_models.pipeline.monitoring_replay import active_decision, check_terms, watched_replay
from ilp_models.pipeline.monitoring_results import MonitoringResults
from ilp_models.pipeline.study import check_names, open_study


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
    compute: Compute,
    tracking: Tracker,
    config: Mapping[str, Any],
    folder: Path,
) -> str:
    """Return what monitoring found, and the command of a withdrawal where one is proposed."""
    check_names(model, forecaster=forecaster)
    tracking.check()
    decision = active_decision(source, register)
    notes = check_terms(decision, source, forecaster, audit, config["model"][forecaster])
    study = open_study(data, calendar, grid, config, folder, layers)
    study = study.known_from(pd.Timestamp(decision.report.header["first_period"]), folder)
    with tracking.run("monitor", study.tags(), config) as tracked:
        since = watched_replay(study, source, decision, model[forecaster], backtest, audit, compute)
        since = replace(since, notes=(*notes, *since.notes))
        found = MonitoringResults.from_replay(since, decision, study, audit, monitor)
        for path in found.write(source, folder):
            tracked.artifact(path)
        tracked.metrics(
            {
                "periods_with_breach": len(found.watch.breached_periods),
                "proposes": float(found.watch.proposes_withdrawal),
            }
        )
    return "\n".join([*found.lines(source), f"Files: {folder}"])
