"""The task `pool`: sample the records of each jurisdiction, and train one model on the samples of a region."""

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
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.contributions import SAMPLES, pooled_forecaster, write_contribution
from ilp_models.pipeline.outputs import read_study


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    data: EventSource,
    calendar: Calendar,
    grid: GridSpec,
    layers: Mapping[str, Any],
    model: Mapping[str, Forecaster],
    backtest: RollingOrigin,
    audit: Audit,
    folder: Path,
    jurisdiction_name: str = "",
    compute: Compute | None = None,
) -> str:
    """Write the samples of a jurisdiction, one for each cutoff, or the reason why it contributes nothing."""
    del compute  # only the jurisdictions of a region are done in parallel
    _, forecaster = pooled_forecaster(model)
    study = read_study(data, grid, folder, calendar=calendar, layers=layers, first_cutoff=backtest, record_lag=now())
    name = jurisdiction_name or study.city or "records"
    facts = write_contribution(name, study, forecaster, backtest, audit, folder)
    if facts["left_out"]:
        return f"{name} contributes nothing: {facts['left_out']}."
    left_out = ", ".join(facts["types_left_out"])
    types = f" Crime types left out, because they depend on where police patrol: {left_out}." if left_out else ""
    return (
        f"{name}: samples of {len(facts['samples'])} cutoffs in {folder / SAMPLES}.{types} "
        "To train one model on several jurisdictions, run this task with region=NAME."
    )
