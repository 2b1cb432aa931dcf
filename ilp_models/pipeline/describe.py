"""The task `describe`: write what records show about past crime."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.description import DescriptionPart
from ilp_models.domain.disclaimers import NOT_A_FORECAST
from ilp_models.domain.events import EventSource
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.text_output import check_decimal, write_table
from ilp_models.domain.timing import SIMULATED
from ilp_models.pipeline.description import describe_study, write_description
from ilp_models.pipeline.outputs import RECORDED, read_study, recorded_counts
from ilp_models.report.description_page import headlines


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    data: EventSource,
    grid: GridSpec,
    calendar: Calendar,
    description: Mapping[str, DescriptionPart],
    area_level: str | Sequence[str] | None,
    decimal: str,
    folder: Path,
) -> str:
    """Write page, workbook and CSV files, and return the main sentences."""
    check_decimal(decimal, "decimal")
    study = read_study(data, grid, folder, calendar=calendar)
    described = describe_study(study, list(description.values()), area_level)
    page = write_description(described, folder, decimal=decimal)
    write_table(recorded_counts(study), folder / RECORDED, decimal)
    lines = [SIMULATED] if study.events.simulated else []
    return "\n".join([NOT_A_FORECAST, *lines, *headlines(described.parts), f"Page: {page}"])
