"""Evaluate a field trial: effects of assigning treatment, checks, dose, and what limits the conclusion."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.register.register import Register
from ilp_models.data.dose_table import read_dose
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.dose import Dose
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid, GridSpec
from ilp_models.domain.harm import HarmSources, sets_side_by_side
from ilp_models.domain.local_file import local_file
from ilp_models.domain.panel import Panel
from ilp_models.domain.trial_design import TrialDesign
from ilp_models.domain.trial_finding import TrialFinding
from ilp_models.evaluation.compliance import Compliance
from ilp_models.evaluation.effect_table import EffectTable
from ilp_models.evaluation.event_study import EventStudy
from ilp_models.evaluation.intention_to_treat import smallest_p_value
from ilp_models.evaluation.outcomes import COSTS, HARM, Outcome, TrialCounts, trial_types
from ilp_models.evaluation.robustness import reporting_sensitivity, tipping_rise
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.study import Study, open_study
from ilp_models.pipeline.trial_register import TrialRegistration, period_sums
from ilp_models.pipeline.trial_result import TrialResult

_FEW_UNITS: Final = 10
_FEW_EVENTS: Final = 20
_SPANS: Final = {"day": 28, "week": 4, "month": 1}  # of the event study


def evaluate_trial(  # noqa: PLR0913 - everything that a trial is evaluated by
    design: TrialDesign | str | Path,
    events: Events,
    grid: GridSpec,
    *,
    dose: Dose | str | Path | Sequence[str | Path] | None = None,
    harm: HarmSources = (),
    groups: GroupTable | None = None,
    costs_per_event: float | Mapping[str, float] | None = None,
    confidence: float = 0.95,
    register: str | Path | Register | None = None,
) -> TrialResult:
    """Evaluate a field trial: compare recorded crimes of places assigned to treatment with those of the other places.

    The main result compares units as they were assigned (intention to treat), by the draws that could have been. It
    needs a design that was drawn, and registered before its first day. Any other result is called observational.

    Parameters
    ----------
    design : TrialDesign, str or Path
        The design, or the file ``trial.json`` of `design_trial`.
    events : Events
        The records, from before the trial to its end.
    grid : GridSpec
        The grid of the design.
    dose : Dose, str, Path or sequence of them, optional
        What was done: one file, or one for each week; see `read_dose`.
    harm : sequence or mapping of harm sets, optional
        Weigh outcomes by harm; two or more sets.
    groups : GroupTable, optional
        Residents by group: the effect on crimes where each group lives.
    costs_per_event : float or mapping of str to float, optional
        Costs of one crime, or of one crime of each type.
    confidence : float, default 0.95
        Of all intervals; tests have the level 1 - confidence.
    register : str, Path or Register, optional
        The register in which the design is looked up. Nothing is written; see `write_trial_evaluation`.

    Returns
    -------
    TrialResult
        ``.effects``, ``.flow``, ``.findings``; it shows itself in a notebook.

    Raises
    ------
    InputError
        If units are not in the grid, the records do not cover the trial, or a file cannot be read.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> from ilp_models.domain.trial_design import TrialDesign, TrialTerms
    >>> events = ilp.SimulatedCity(weeks=100, size_km=4, districts=4).read()
    >>> cells = [str(cell) for cell in ilp.SquareGrid(1000).build(events).cells]
    >>> design = TrialDesign(
    ...     terms=TrialTerms(goal="fewer burglaries"), scheme="observational", scheme_settings={},
    ...     unit_kind="cells", units=tuple(cells), cells=tuple((cell,) for cell in cells), zones=((),) * len(cells),
    ...     blocks=(0,) * len(cells), assignment=("1" * 20, "0" * 20) * (len(cells) // 2), start="2020-06-01",
    ...     periods=20, periods_before=52, period_unit="week", week_start="monday", time_zone=events.time_zone,
    ...     outcomes=events.crime_types, found_by_patrols=(), seed=0, promise={}, evidence={})
    >>> result = ilp.evaluate_trial(design, events, ilp.SquareGrid(1000))
    >>> result.observational, result.main["conclusion"]
    (True, 'no effect shown')
    """
    read = read_design(design)
    study = open_study(events, grid, calendar=Calendar(read.period_unit, read.week_start))
    return TrialEvaluation(
        design=read,
        study=study,
        dose=dose if dose is None or isinstance(dose, Dose) else read_dose(dose),
        harm=harm,
        groups=groups,
        costs_per_event=costs_per_event,
        confidence=confidence,
        register=None if register is None else Register.from_path(register),
    ).result()


def read_design(design: TrialDesign | str | Path) -> TrialDesign:
    """Return a design, also from its file; InputError if it cannot be read."""
    if isinstance(design, TrialDesign):
        return design
    return TrialDesign.from_json(local_file(design, "design=").read_bytes())


@dataclass(frozen=True, eq=False)
class TrialEvaluation:
    """The inputs of an evaluation, and what follows from them."""

    design: TrialDesign
    study: Study
    dose: Dose | None
    harm: HarmSources
    groups: GroupTable | None
    costs_per_event: float | Mapping[str, float] | None
    confidence: float
    register: Register | None

    def __post_init__(self) -> None:
        """Refuse a confidence out of range, costs that are no numbers, and records of another clock."""
        if not 0.5 <= self.confidence < 1:
            msg = f"confidence={self.confidence} must be from 0.5 to below 1, such as 0.95."
            raise InputError(msg)
        costs = self._costs
        if any(not np.isfinite(one) or one < 0 for one in costs.values()):
            msg = f"costs_per_event={self.costs_per_event} must be numbers of at least 0: the costs of one crime."
            raise InputError(msg)
        zone = self.study.events.time_zone
        if zone != self.design.time_zone:
            msg = f"The records are in the time zone {zone}, and the design in {self.design.time_zone}. Use the same."
            raise InputError(msg)

    @property
    def _costs(self) -> dict[str, float]:
        given = self.costs_per_event
        if given is None:
            return {}
        costs = dict(given) if isinstance(given, Mapping) else dict.fromkeys(self.design.outcomes, given)
        return {str(kind): float(cost) for kind, cost in costs.items()}

    @cached_property
    def grid(self) -> Grid:
        """The cells."""
        return self.study.grid_at(self.study.cutoff)

    @cached_property
    def counts(self) -> TrialCounts:
        """The counts of the trial."""
        events, calendar = self.study.events, self.study.calendar
        known = [one for one in trial_types(self.design) if one in events.crime_types]
        whole = calendar.whole_periods(events.start, events.end - events.settles_after)
        first = self.design.first_period
        needed = whole[(whole >= first - self.design.periods_before) & (whole < first + self.design.periods)]
        chosen, span = events.select_types(known or list(events.crime_types)), needed if len(needed) else whole
        panels = {
            shift: Panel.count(chosen.within_hours(*shift) if shift else chosen, self.grid, calendar, span)
            for shift in self.design.units_by_shift
        }
        return TrialCounts.of_panels(self.design, panels)

    @cached_property
    def registration(self) -> TrialRegistration:
        """What the register knows."""
        return TrialRegistration.of_design(self.design, self.register, simulated=self.study.events.simulated)

    @property
    def randomised(self) -> bool:
        """Whether the assignment was drawn, and registered before the first day."""
        return self.design.randomised and self.registration.in_time

    @cached_property
    def compliance(self) -> Compliance | None:
        """The dose against the assignment."""
        if self.dose is None:
            return None
        return Compliance(self.design, self.dose, self.counts.periods, frozenset(map(str, self.grid.cells)))

    @cached_property
    def effects(self) -> EffectTable:
        """The effects on all outcomes."""
        zones = self.counts.zones()
        others = [(one, "events") for one in self.counts.by_type()]
        others += [] if zones is None else [(zones, "events")]
        return EffectTable(
            main=self.counts.main(),
            others=[*others, *self._weighted()],
            zones=None if zones is None else zones.trial,
            randomised=self.randomised,
            confidence=self.confidence,
        )

    def _weighted(self) -> Iterator[tuple[Outcome, str]]:
        for one in sets_side_by_side(self.harm):
            weights = one.for_types(self.counts.reported)
            for reading in weights.readings:
                name = f"harm {one.name}" if reading == "weight" else f"harm {one.name}, {reading} reading"
                yield self.counts.weighted(name, HARM, weights.by_type(reading)), weights.unit
        if self._costs:
            yield self.counts.weighted(COSTS, COSTS, self._costs), COSTS
        for residents in self.groups.to_cells(self.grid) if self.groups is not None else ():
            for group, share in zip(residents.groups, residents.shares.T, strict=True):
                yield self.counts.of_group(f"{residents.dimension}: {group}", share), "events"

    @property
    def _span(self) -> int:
        """Periods of one span of the event study."""
        return _SPANS[self.design.period_unit]

    def result(self) -> TrialResult:
        """Return the result."""
        effects, counts = self.effects, self.counts
        trial = effects.main.trial
        ever = trial.treated.any(axis=1)
        study = None
        if trial.treated[ever].all():
            study = EventStudy(self._span).estimate(trial, self.confidence)
        return TrialResult(
            design=self.design,
            observational=not self.randomised,
            effects=effects.table,
            totals=_totals(counts, effects.main),
            flow=self._flow(),
            findings=tuple(self._findings()),
            event_study=study,
            reporting=reporting_sensitivity(effects.effect, confidence=self.confidence),
            tipping=tipping_rise(effects.effect, self.confidence),
            dose_map=None if self.compliance is None else self.compliance.map_table(),
            dose_periods=None if self.compliance is None else self.compliance.by_period(),
            facts=self._facts(),
            sums=period_sums(counts),
            grid=self.grid,
        )

    def _facts(self) -> dict[str, Any]:
        events, counts, registered = self.study.events, self.counts, self.registration
        first = self.design.first_period
        return {
            "city": self.study.city,
            "design": self.design.digest(),
            "scheme": self.design.scheme,
            "start": self.design.start,
            "registered": None if registered.moment is None else registered.moment.isoformat(),
            "records": events.digest(),
            "span": [str(events.start.date()), str((events.end - pd.Timedelta(1, "us")).date())],
            "periods_before": counts.periods_before,
            "periods": counts.periods,
            "last_day": f"{(first + counts.periods - 1).end_time:%Y-%m-%d}",
            "confidence": self.confidence,
            "event_study_span": _span_text(self._span, self.design.period_unit),
            "dose_places": None if self.dose is None else self.dose.place_kind,
            "earlier_evaluations": len(registered.evaluations),
            "simulated": events.simulated,
            "attribution": self.study.attribution,
            "code": self.study.code,
            "made": now().isoformat(timespec="seconds"),
        }

    def _findings(self) -> Iterator[TrialFinding]:
        yield from self.registration.findings
        if not self.design.randomised:
            yield TrialFinding("not randomised")
        if self.design.signed:
            yield TrialFinding("signed below power", dict(self.design.signed))
        yield from self._of_units()
        yield from self._of_records()
        yield from self.registration.revisions(self.counts)
        yield from [TrialFinding("no dose")] if self.compliance is None else self.compliance.findings()
        yield from self.effects.findings()

    def _of_units(self) -> Iterator[TrialFinding]:
        trial, counts = self.effects.main.trial, self.counts
        inside = trial.blocks >= 0
        ever = trial.treated.any(axis=1) & inside
        arms = [int(ever.sum())]
        arms += [int((inside & ~ever).sum())] if trial.treated[ever].all() else []
        if self.randomised and (least := smallest_p_value(trial)) > 1 - self.confidence:
            yield TrialFinding("few assignments", {"least": min(least, 1.0)})
        if arms[0] == 1:
            yield TrialFinding("one treated unit")
        elif min(arms) < _FEW_UNITS:
            yield TrialFinding("few units", {"units": min(arms)})
        if counts.missing_zone_cells:
            yield TrialFinding("zone cells missing", {"cells": counts.missing_zone_cells})
        if counts.shared_zone_cells:
            yield TrialFinding("shared zones", {"cells": len(counts.shared_zone_cells)})

    def _of_records(self) -> Iterator[TrialFinding]:
        trial, counts, design = self.effects.main.trial, self.counts, self.design
        if not counts.is_complete:
            yield TrialFinding("not over", {"periods": counts.periods, "planned": design.periods})
        if counts.periods_before < design.periods_before:
            facts = {"periods": counts.periods_before, "planned": design.periods_before}
            yield TrialFinding("short past", facts)
        events = self.study.events
        morning = (design.first_period + counts.periods).start_time + pd.Timedelta(hours=design.hours_after_midnight)
        if events.end - events.settles_after < morning:
            yield TrialFinding("last night cut", {"needed": f"{morning:%Y-%m-%d %H:%M}"})
        inside = trial.blocks >= 0
        recorded = int(trial.during[inside].sum())
        if recorded + trial.before[inside].sum() == 0:
            yield TrialFinding("no events")
        elif recorded < _FEW_EVENTS:
            yield TrialFinding("few events", {"events": recorded})
        if design.found_by_patrols:
            yield TrialFinding("found by patrols", {"types": ", ".join(design.found_by_patrols)})
        if counts.outside:
            yield TrialFinding("outside the grid", {"events": counts.outside})

    def _flow(self) -> pd.DataFrame:
        """Return how many units were designed, assigned, got a dose and are analysed (CONSORT)."""
        design, counts = self.design, self.counts
        treated, inside = design.treated, np.array(design.blocks) >= 0
        ever, always = treated.any(axis=1), treated.all(axis=1)
        arms = {"treated": inside & always, "control": inside & ~ever, "changing": inside & ever & ~always}

        def row(stage: str, chosen: Any) -> dict[str, Any]:
            found = {name: int((arm & chosen).sum()) for name, arm in arms.items()}
            return {"stage": stage, "units": sum(found.values()), **found}

        everything = np.ones(len(inside), dtype=bool)
        rows: list[dict[str, Any]] = [
            {"stage": "chosen", "units": len(inside)},
            {"stage": "left out: in no block", "units": int((~inside).sum())},
            row("assigned", everything),
        ]
        if self.compliance is not None:
            hours, given = self.compliance.hours, counts.treated
            rows.append(row("dose in a treated period", np.where(given, hours, 0).any(axis=1)))
            rows.append(row("dose in an untreated period", np.where(given, 0, hours).any(axis=1)))
        rows.append(row("analysed", everything))
        return pd.DataFrame(rows).astype(dict.fromkeys(("units", *arms), "Int64"))


def _span_text(periods: int, unit: str) -> str:
    return f"1 {unit}" if periods == 1 else f"{periods} {unit}s"


def _totals(counts: TrialCounts, main: Outcome) -> pd.DataFrame:
    """Return the main outcome of each arm before and during the trial."""
    trial, inside = main.trial, main.trial.blocks >= 0
    ever = trial.treated.any(axis=1)
    rows = []
    for name, arm in (("treated at any time", inside & ever), ("never treated", inside & ~ever)):
        before, during = float(trial.before[arm].sum()), float(trial.during[arm].sum())
        rows.append(
            {
                "arm": name,
                "units": int(arm.sum()),
                "before": before,
                "during": during,
                "before_per_period": before / counts.periods_before,
                "during_per_period": during / counts.periods,
            }
        )
    return pd.DataFrame(rows)
