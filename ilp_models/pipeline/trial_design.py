"""Design a field trial of acting on a forecast: units, assignment, and the chance that it shows an effect."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.register.register import Register
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.events import Events
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.trial import Scheme
from ilp_models.domain.trial_design import TrialTerms, as_shifts
from ilp_models.evaluation.power import PowerSimulation
from ilp_models.evaluation.schemes import MatchedPairs
from ilp_models.evaluation.units import TrialUnits
from ilp_models.pipeline.registration import REGISTER
from ilp_models.pipeline.study import open_study
from ilp_models.pipeline.trial_design_result import TrialDesignResult
from ilp_models.pipeline.trial_plan import TrialPlan
from ilp_models.report.trial_design_page import LEAST_POWER


def design_trial(  # noqa: PLR0913 - everything that is fixed before the first day
    events: Events,
    grid: GridSpec,
    *,
    terms: TrialTerms,
    start: str | date,
    periods: int,
    effect: float,
    scheme: Scheme | None = None,
    units: TrialUnits | None = None,
    calendar: Calendar | None = None,
    outcomes: Sequence[str] = (),
    found_by_patrols: Sequence[str] = (),
    treated_units: Sequence[str] = (),
    source: str | Path | None = None,
    register: str | Path | Register = REGISTER,
    trusted_keys: str | None = None,
    groups: GroupTable | None = None,
    power: PowerSimulation | None = None,
    least_power: float = LEAST_POWER,
    signed_by: str | None = None,
    signed_reason: str | None = None,
    seed: int = 0,
    shifts: Sequence[Sequence[int]] = (),
) -> TrialDesignResult:
    """Design a field trial: choose units, assign them at random, and simulate the chance to show an effect.

    Parameters
    ----------
    events : Events
        The records.
    grid : GridSpec
        How to divide the study area into cells, such as ``ilp.SquareGrid(500)``; with ``source`` that of the run.
    terms : TrialTerms
        Goal, success criterion, reviews. A design with an empty field is refused. With ``source``, goal, criterion,
        harm to watch and judge are by default those in the governance of the run.
    start : str or date
        First day, at the start of a period, after today and after the end of the records.
    periods : int
        Length of the trial.
    effect : float
        Expected effect: the share of the crimes in treated units that does not happen, such as 0.2.
    scheme : Scheme, optional
        How units are assigned; by default ``MatchedPairs()``.
    units : TrialUnits, optional
        Kind, number and distance of the units.
    calendar : Calendar, optional
        Length of the periods; by default weeks.
    outcomes : sequence of str, optional
        Crime types whose counts are compared; by default those in the governance of the run, or else all that are not
        in ``found_by_patrols``.
    found_by_patrols : sequence of str, optional
        Crime types that patrols find. They are reported apart.
    treated_units : sequence of str, optional
        Units that are treated; for the scheme ``Observational`` only.
    source : str or Path, optional
        Folder of a run of `weekly` or `audit`. Its decision and the register are checked as for `allocate_effort`;
        cells with effort under the audited rule are eligible. By default cells with past events are eligible.
    register : str, Path or Register, default "outputs/register.jsonl"
        The register that knows the decision on the run.
    trusted_keys : str, optional
        File or folder with public keys of reviewers.
    groups : GroupTable, optional
        Residents by group; by default those that the audit of the run archived.
    power : PowerSimulation, optional
        Number of simulated trials, level, and periods before the trial.
    least_power : float, default 0.8
        A trial with less power is refused, unless it is signed.
    signed_by, signed_reason : str, optional
        Who accepts a trial with less power, and why; both are written into the design.
    seed : int, default 0
        Seed of the assignment.
    shifts : sequence of pairs of int, optional
        First hour of each shift that is treated, and the hour at which it ends, such as ``[(18, 2)]``. Only crimes in
        these hours count; those after midnight belong to the day on which the shift began. With several shifts, each
        place is a unit in each of them. By default all hours.

    Returns
    -------
    TrialDesignResult
        Design, power and numbers. Nothing is written; see `write_trial_design`.

    Raises
    ------
    InputError
        If terms are incomplete, the start is not in the future, units have no place, or the power is too low.
    NotRunError
        If the records are too short for the simulation.
    WithheldError
        If no valid decision allows the forecast of the run to be used.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(weeks=130, size_km=6, districts=4).read()
    >>> day = {"ethics_review_date": "2021-06-01", "public_notice_date": "2021-06-15"}
    >>> names = ["goal", "success_criterion", "harm_to_watch", "decided_by", "dose", "ethics_review_by"]
    >>> names += ["ethics_review_reference", "public_notice_reference"]
    >>> terms = ilp.TrialTerms(**day, **dict.fromkeys(names, "as agreed"))
    >>> ilp.design_trial(events, ilp.SquareGrid(500), terms=terms, start="2021-07-05", periods=26, effect=0.5,
    ...     units=ilp.TrialUnits(count=14), power=ilp.PowerSimulation(trials=50), least_power=0.5).design.unit_kind
    'cells'
    """
    study = open_study(events, grid, calendar=calendar, first_cutoff="next")
    return TrialPlan(
        terms=terms,
        start=str(start),
        periods=periods,
        effect=effect,
        scheme=scheme or MatchedPairs(),
        units=units or TrialUnits(),
        outcomes=tuple(outcomes),
        found_by_patrols=tuple(found_by_patrols),
        treated_units=tuple(map(str, treated_units)),
        source=source,
        register=Register.from_path(register),
        trusted_keys=trusted_keys,
        groups=groups or GroupTable(),
        power=power or PowerSimulation(),
        least_power=least_power,
        signed_by=signed_by,
        signed_reason=signed_reason,
        seed=seed,
        shifts=as_shifts(shifts),
    ).design(study)
