"""The task `design-trial`: design a field trial, register it and write its files."""

from pathlib import Path

from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.register.register import Register
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.events import EventSource
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.text_output import check_decimal
from ilp_models.domain.timing import SIMULATED
from ilp_models.domain.trial import Scheme
from ilp_models.domain.trial_design import TrialTerms, as_shifts
from ilp_models.evaluation.power import PowerSimulation
from ilp_models.evaluation.units import TrialUnits
from ilp_models.pipeline.outputs import read_study
from ilp_models.pipeline.registration import last_line
from ilp_models.pipeline.terminal_text import as_text
from ilp_models.pipeline.trial_design_files import PAGE, write_trial_design
from ilp_models.pipeline.trial_plan import TrialPlan


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    data: EventSource,
    grid: GridSpec,
    calendar: Calendar,
    groups: GroupTable,
    terms: TrialTerms,
    assignment: Scheme,
    units: TrialUnits,
    power: PowerSimulation,
    start: str | None,
    periods: int,
    effect: float,
    outcomes: list[str],
    found_by_patrols: list[str],
    treated_units: list[str],
    least_power: float,
    signed_by: str | None,
    signed_reason: str | None,
    source: str | None,
    register: str,
    last: str | None = None,
    trusted_keys: str | None,
    decimal: str,
    assignment_seed: int,
    shifts: list[list[int]],
    folder: Path,
) -> str:
    """Write the register line and the files, and return what the trial can show."""
    check_decimal(decimal, "decimal")
    book = Register(Path(register), last)
    plan = TrialPlan(
        terms=terms,
        start=as_text(start),
        periods=periods,
        effect=effect,
        scheme=assignment,
        units=units,
        outcomes=tuple(outcomes),
        found_by_patrols=tuple(found_by_patrols),
        treated_units=tuple(map(str, treated_units)),
        source=source,
        register=book,
        trusted_keys=trusted_keys,
        groups=groups,
        power=power,
        least_power=least_power,
        signed_by=as_text(signed_by),
        signed_reason=as_text(signed_reason),
        seed=assignment_seed,
        shifts=as_shifts(shifts),
    )
    found = plan.design(read_study(data, grid, folder, calendar=calendar, first_cutoff="next"))
    write_trial_design(found, folder, register=book, decimal=decimal)
    design = found.design
    lines = [
        *([SIMULATED] if found.events.simulated else []),
        *([] if design.randomised else ["OBSERVATIONAL: the treated units were chosen, not drawn."]),
        f"{design.scheme}: {len(design.units)} {design.unit_text} from {found.chosen_from}, {design.start}, "
        f"{design.periods} {design.period_unit}s",
        *filter(None, [design.shifts_text]),
        found.power_text,
        f"Page: {folder / PAGE}",
        last_line(book),
        "Next: treat the units as assigned, and store trial.json and the digest of the register elsewhere",
    ]
    return "\n".join(lines)
