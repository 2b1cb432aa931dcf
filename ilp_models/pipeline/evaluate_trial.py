"""The task `evaluate-trial`: evaluate a trial by its design, write page and tables, and register the result."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.register.register import Register
from ilp_models.data.dose_table import read_dose
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.events import EventSource
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.harm import HarmSource
from ilp_models.domain.text_output import check_decimal
from ilp_models.domain.timing import SIMULATED
from ilp_models.pipeline.evaluation import TrialEvaluation, read_design
from ilp_models.pipeline.outputs import read_study
from ilp_models.pipeline.registration import last_line
from ilp_models.pipeline.trial_result import write_trial_evaluation


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    data: EventSource,
    grid: GridSpec,
    groups: GroupTable,
    design: str,
    dose: str | Sequence[str] | None = None,
    harm_sets: Mapping[str, HarmSource],
    costs_per_event: float | Mapping[str, float] | None = None,
    confidence: float,
    register: str,
    last: str | None = None,
    decimal: str,
    folder: Path,
) -> str:
    """Write page, workbook, CSV files and the line in the register, and return the result in words."""
    check_decimal(decimal, "decimal")
    book, fixed = Register(Path(register), last), read_design(design)
    given = None if dose is None else read_dose(dose)  # before a long computation
    calendar = Calendar(fixed.period_unit, fixed.week_start)
    result = TrialEvaluation(
        design=fixed,
        study=read_study(data, grid, folder, calendar=calendar),
        dose=given,
        harm=harm_sets,
        groups=groups if groups.path is not None or groups.source is not None else None,
        costs_per_event=costs_per_event,
        confidence=confidence,
        register=book,
    ).result()
    page = write_trial_evaluation(result, folder, register=book, decimal=decimal)
    first = [SIMULATED] if result.facts["simulated"] else []
    return "\n".join([*first, repr(result), f"Page: {page}", last_line(book)])
