"""The task `forecast`: write the grid of the next periods, or the totals of long horizons, without an audit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ilp_models.data.neighbours import Neighbours
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.timing import SIMULATED
from ilp_models.domain.tracking import Tracker
from ilp_models.export.csv_tables import write_rows
from ilp_models.export.marking import mark
from ilp_models.export.writers import Export
from ilp_models.model.long_horizons.horizons import LongHorizons
from ilp_models.pipeline.borders import models_across_borders
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.forecasting import make_forecast
from ilp_models.pipeline.outputs import INTAKE, read_study, write_forecast
from ilp_models.pipeline.part_of_day import check_starts, split_by_part_of_day
from ilp_models.pipeline.study import check_names
from ilp_models.pipeline.totals import PAGE, forecast_totals
from ilp_models.pipeline.tracking import record_files, tracked_run


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
    folder: Path,
    long_horizons: LongHorizons | None = None,
    compute: Compute,
    command: str = "",
    neighbours: Neighbours | None = None,
    parts_of_day: Sequence[int] = (),
) -> str:
    """Write the grid or the totals, marked as research, and return a summary."""
    check_names(model, forecaster=forecaster)
    tracking.check()
    if parts_of_day not in ([], ()):
        check_starts(parts_of_day, "parts_of_day")
    if long_horizons is not None and parts_of_day:
        msg = "long_horizons are not split into parts of the day. Leave parts_of_day or long_horizons out."
        raise InputError(msg)
    if long_horizons is not None:
        months = Calendar("month")
        study = read_study(data, grid, folder, calendar=months, layers={}, first_cutoff="next")
        settings: dict[str, Any] = {
            "data": data,
            "model": {forecaster: model[forecaster]},
            "long_horizons": long_horizons,
        }
        with tracked_run(tracking, "forecast", study, command=command, **settings) as tracked:
            totals = forecast_totals(
                study.events,
                model[forecaster],
                long_horizons=long_horizons,
                compute=compute,
            )
            record_files(tracked, [folder / INTAKE, *totals.write(folder, export.decimal)])
        lines = [SIMULATED] if study.events.simulated else []
        return "\n".join([repr(totals), *lines, "Research only - not for resource allocation.", f"{folder / PAGE}"])
    study = read_study(data, grid, folder, calendar=calendar, layers=layers, first_cutoff="next", record_lag=now())
    model, study, _ = models_across_borders(model, study, neighbours, folder)
    parts: dict[str, Any] = {
        "data": data,
        "grid": grid,
        "calendar": calendar,
        "model": {forecaster: model[forecaster]},
    }
    with tracked_run(tracking, "forecast", study, command=command, horizon=horizon, **parts) as tracked:
        forecast = make_forecast(
            model[forecaster],
            study.events,
            grid,
            calendar=calendar,
            layers=study.layers,
            horizon=horizon,
            record_lag=study.record_lag,
            name=forecaster,
        )
        split = split_by_part_of_day(forecast, starts=parts_of_day) if parts_of_day else None
        files = write_forecast(forecast, replace(export, grade="research"), folder)
        if split is not None:
            marking = replace(mark(forecast.forecast, forecast.provenance(), None, "research"), decimal=export.decimal)
            files += write_rows(split, marking, folder / "part_of_day.csv")
        record_files(tracked, [folder / INTAKE, *files])
    first, last = forecast.periods[0].start_time.date(), forecast.periods[-1].end_time.date()
    lines = [f"  {kind:<24}{total:>10.1f} expected crimes" for kind, total in forecast.totals().items()]
    head = f"Forecast by {forecaster} for {first} to {last}, {len(forecast.grid):,} cells:"
    lines += [SIMULATED] if study.events.simulated else []
    return "\n".join([head, *lines, "Research only - not for resource allocation: no audit was made.", f"{folder}"])
