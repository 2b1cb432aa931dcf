"""The task ``forecast``: fit one forecaster and write the grid of the next period, without replay or audit."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.events import EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.tracking import Tracker
from ilp_models.export.writers import Export
from ilp_models.pipeline.forecasting import next_forecast, write_relative_risks
from ilp_models.pipeline.publishing import provenance, publish_areas
from ilp_models.pipeline.study import check_names, open_study


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    data: EventSource,
    calendar: Calendar,
    grid: GridSpec,
    layers: Mapping[str, Any],
    model: Mapping[str, Forecaster],
    forecaster: str,
    horizon: int,
    export: Export,
    tracking: Tracker,
    config: Mapping[str, Any],
    folder: Path,
) -> str:
    """Return a summary for the terminal, having written the grid, marked as research."""
    check_names(model, forecaster=forecaster)
    tracking.check()
    study = open_study(data, calendar, grid, config, folder, layers)
    study = study.known_from(study.cutoff, folder)
    with tracking.run("forecast", study.tags(), config) as tracked:
        ahead = next_forecast(study, model, forecaster, horizon)
        source = provenance(study, ahead, "not scored: made by the task forecast")
        files = replace(export, grade="research").write(ahead.forecast, ahead.grid, source, None, folder)
        files += publish_areas(ahead, source, "research", folder)
        for path in (folder / "intake.json", *files, *write_relative_risks(ahead, folder)):
            tracked.artifact(path)
    totals = ahead.forecast.expected.sum(("cell", "period"))
    lines = [f"  {kind:<24}{float(totals.sel(crime_type=kind)):>10.1f} events" for kind in study.events.crime_types]
    first, last = ahead.periods[0].start_time.date(), ahead.periods[-1].end_time.date()
    head = f"{forecaster} expects from {first} to {last}, over {len(ahead.grid):,} cells:"
    return "\n".join([head, *lines, "Research only - not for resource allocation: no audit was made.", f"{folder}"])
