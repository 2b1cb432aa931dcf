"""Make the design of a field trial from records: check the terms, choose units, simulate power, assign."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.allocation.frontier import Frontier, group_impact
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.register.declarations import deadline
from ilp_models.audit.register.register import Register
from ilp_models.domain.allocation import GroupsOfCells
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.governance import Governance, is_blank
from ilp_models.domain.grid import Grid
from ilp_models.domain.panel import Panel
from ilp_models.domain.trial import usual_counts
from ilp_models.domain.trial_design import Shift, TrialDesign, TrialTerms
from ilp_models.evaluation.power import Power, PowerSimulation, least_effect
from ilp_models.evaluation.units import ChosenUnits, TrialUnits
from ilp_models.export.table import CellTable
from ilp_models.pipeline.allocation_result import AllocationResult
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.plan import allocate_effort
from ilp_models.pipeline.registration import user
from ilp_models.pipeline.run_folder import PLACES
from ilp_models.pipeline.study import Study
from ilp_models.pipeline.trial_design_result import TrialDesignResult, flow_numbers
from ilp_models.pipeline.trial_power import TrialPower
from ilp_models.report.trial_design_page import LEAST_POWER

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FROM_FORECAST: Final = "an audited forecast and its allocation rule"
FROM_COUNTS: Final = "past counts, not an audited forecast"
GROUP_COLUMNS: Final = ("dimension", "group", "of_residents", "of_units", "of_treated", "exposure", "exposure_ratio")


@dataclass(frozen=True, eq=False)
class Eligible:
    """Cells that may be treated, what their risk is, and what both rest on."""

    risk: Floats  # (cells,)
    cells: npt.NDArray[np.bool_]
    chosen_from: str
    evidence: Mapping[str, str]
    residents: Sequence[GroupsOfCells]


@dataclass(frozen=True, eq=False)
class TrialPlan:
    """What a person settles before a trial is designed; see `design_trial`."""

    terms: TrialTerms
    start: str
    periods: int
    effect: float
    scheme: Any
    units: TrialUnits
    outcomes: tuple[str, ...]
    found_by_patrols: tuple[str, ...]
    treated_units: tuple[str, ...]
    source: str | Path | None
    register: Register
    trusted_keys: str | None
    groups: GroupTable
    power: PowerSimulation
    least_power: float
    signed_by: str | None
    signed_reason: str | None
    seed: int
    shifts: tuple[Shift, ...] = ()

    def design(self, study: Study) -> TrialDesignResult:
        """Return the design on the records of a study."""
        self._check_numbers()
        first, audited = self._first_period(study), self._audited()
        return (self if audited is None else self._with_goal_of(audited))._design(study, first, audited)

    def _audited(self) -> AllocationResult | None:
        """Return the plan of the run that the source names; None without one."""
        if self.source is None:
            return None
        return allocate_effort(
            self.source,
            chosen_by=user(),
            reason="to list the eligible units of a field trial",
            groups=self.groups if self._own_groups else None,
            frontier=Frontier(caps=()),
            register=self.register,
            trusted_keys=self.trusted_keys,
        )

    def _with_goal_of(self, audited: AllocationResult) -> "TrialPlan":
        """Return the plan with the goal in the governance of the run, where terms and outcomes are empty."""
        governance = Governance.from_dict(audited.decision.report.header.get("governance") or {})
        terms, outcomes = self.terms.with_defaults(governance), self.outcomes or tuple(governance.outcomes)
        return replace(self, terms=terms, outcomes=outcomes)

    @property
    def _own_groups(self) -> bool:
        return self.groups.path is not None or self.groups.source is not None

    def _design(self, study: Study, first: pd.Period, audited: AllocationResult | None) -> TrialDesignResult:
        """Return the design with all terms stated."""
        self._check_terms(first)
        outcomes = self._outcomes(study.events)
        grid = study.grid_at(study.cutoff)
        whole = study.calendar.whole_periods(study.events.start, study.events.end - study.events.settles_after)
        events, shifts = study.events.select_types(outcomes), self.shifts or (None,)
        past = {
            one: Panel.count(events.within_hours(*one) if one else events, grid, study.calendar, whole).values.sum(
                axis=0
            )
            for one in shifts
        }
        eligible = self._eligible(study, grid, np.sum(list(past.values()), axis=0), outcomes, audited)

        def count(units: TrialUnits) -> tuple[ChosenUnits, npt.NDArray[Any]]:
            found = units.choose(grid, eligible.risk, eligible.cells).in_shifts(self.shifts)
            return found, found.sums(past)

        chosen, counts = count(self.units)
        planned = TrialPower(self.power, self.scheme, self.periods, self.effect)
        table = planned.table(counts)
        promise = self._promise(table)
        signed = self._signature(promise)
        curves = planned.curves(self.units, float(np.sqrt(np.median(grid.area_m2))), count)
        blocks = self.scheme.blocks(usual_counts(counts[:, -self.power.periods_before :]))
        treated = self._assignment(chosen, blocks)
        drawn = (grid, chosen, blocks, treated)
        return TrialDesignResult(
            design=self._fixed(study, first, outcomes, eligible, drawn, (promise, signed)),
            power=table,
            curves=curves,
            groups=_group_table(eligible.residents, chosen, treated, eligible.risk),
            flow=flow_numbers(chosen, eligible.cells, blocks, treated),
            chosen_from=eligible.chosen_from,
            grid=grid,
            events=study.events,
        )

    def _check_numbers(self) -> None:
        """Refuse numbers that make no trial."""
        if self.periods < 1 or not 0 < self.effect < 1 or not 0 <= self.least_power < 1 or self.seed < 0:
            msg = (
                f"periods={self.periods} must be at least 1, effect={self.effect} between 0 and 1 (0.2: 20 % fewer "
                f"crimes), least_power={self.least_power} from 0 to below 1, and seed={self.seed} at least 0."
            )
            raise InputError(msg)
        if self.treated_units and self.scheme.randomised:
            msg = (
                f"treated_units={list(self.treated_units)} would replace the draw of the scheme {self.scheme.name}. "
                "Leave it out, or choose the scheme observational."
            )
            raise InputError(msg)

    def _first_period(self, study: Study) -> pd.Period:
        """Return the first period; it must begin after the records and after the present."""
        try:
            day = pd.Timestamp(date.fromisoformat(self.start))
        except ValueError as error:
            msg = f"start={self.start or None} is not a date. Give the first day, such as start=2027-01-04."
            raise InputError(msg) from error
        events, calendar = study.events, study.calendar
        first = calendar.next_periods(day, 1)[0]
        moment = now()
        if first.start_time != day:
            msg = (
                f"start={self.start} is not the first day of a {calendar.period_unit}. The next one begins on "
                f"{first.start_time:%Y-%m-%d}."
            )
        elif day < events.end:
            last = events.end - pd.Timedelta(1, "us")
            msg = f"start={self.start} is before the end of the records, {last:%Y-%m-%d}. Give a later first day."
        elif deadline(first, events.time_zone, moment, simulated=events.simulated) <= moment:
            msg = f"start={self.start} is over. A design must be registered before the first day. Give a later one."
        else:
            return first
        raise InputError(msg)

    def _check_terms(self, first: pd.Period) -> None:
        if faults := self.terms.faults(first.start_time.date()):
            msg = (
                f"The terms of the trial are incomplete: {', '.join(faults)}. Settle them before units are drawn, and "
                "give each as terms.<name>=..."
            )
            raise InputError(msg)

    def _outcomes(self, events: Events) -> tuple[str, ...]:
        """Return the crime types that are compared, without those that patrols find."""
        found = set(self.found_by_patrols)
        events.select_types(self.found_by_patrols)  # refuses unknown ones
        outcomes = self.outcomes or tuple(one for one in events.crime_types if one not in found)
        if both := sorted(found.intersection(outcomes)) or not outcomes:
            named = both if isinstance(both, list) else list(self.found_by_patrols)
            msg = (
                f"{named} cannot be outcomes and found_by_patrols, because patrols raise their records. Name other "
                "outcomes."
            )
            raise InputError(msg)
        return outcomes

    def _eligible(
        self,
        study: Study,
        grid: Grid,
        past: npt.NDArray[Any],
        outcomes: Sequence[str],
        plan: AllocationResult | None,
    ) -> Eligible:
        """Return the cells that may be treated, from an admitted forecast or from past counts."""
        evidence = {"records": study.events.digest(), "grid": grid.digest()}
        if plan is None:
            risk = past[:, -self.power.periods_before :].sum(axis=1).astype(float)
            residents = self.groups.to_cells(grid) if self._own_groups else ()
            return Eligible(risk, risk > 0, FROM_COUNTS, evidence, residents)
        if plan.decision.report.header.get(PLACES) != CellTable.from_grid(grid).digest():
            msg = (
                f"These records and this grid do not give the cells of the forecast in {self.source}. Use the records, "
                "grid and calendar of that run."
            )
            raise InputError(msg)
        expected = plan.run.forecast.expected
        absent = sorted(set(outcomes) - set(map(str, expected.indexes["crime_type"])))
        if absent:
            msg = f"The forecast in {self.source} has no crime type {absent[0]!r}. Name outcomes that it has."
            raise InputError(msg)
        risk = expected.sel(crime_type=list(outcomes)).sum(("crime_type", "period")).to_numpy().astype(float)
        evidence |= {"forecast": plan.run.forecast.digest(), "decision": plan.decision.seal}
        return Eligible(risk, plan.share.max(axis=1) > 0, FROM_FORECAST, evidence, plan.territory.residents)

    def _promise(self, table: pd.DataFrame) -> dict[str, float]:
        """Return what the trial can show; without a draw, by the closed form alone."""
        drawn = self.scheme.randomised
        name = "power" if drawn else "closed_form"
        rows = table[np.isfinite(table[name])]
        own = table[table["effect"] == self.effect].iloc[0]
        powers = [Power(one["effect"], one[name], np.nan, np.nan, 0, 0.0) for one in rows.to_dict("records")]
        least = least_effect([one for one in powers if one.effect > 0], LEAST_POWER)
        found = {"effect": self.effect, "power": float(own[name]), "level": self.power.level}
        found["least_power"] = self.least_power
        found |= {"low": float(own["low"]), "high": float(own["high"])} if drawn else {}
        # JSON has no word for a missing number
        return found | ({"least_effect": least} if np.isfinite(least) else {})

    def _signature(self, promise: Mapping[str, float]) -> dict[str, str]:
        """Return who accepted a power below the least one; without a signature, refuse such a trial."""
        if promise["power"] >= self.least_power:
            return {}
        who, why = (str(one or "") for one in (self.signed_by, self.signed_reason))
        if not is_blank(who) and not is_blank(why):
            return {"who": who, "reason": why}
        msg = (
            f"The trial would show a reduction of {self.effect:.0%} with a chance of only {promise['power']:.0%}, and "
            f"least_power={self.least_power:g}. Plan more units, more periods or a larger dose. If it must start as it "
            "is, give signed_by and signed_reason."
        )
        raise InputError(msg)

    def _assignment(self, chosen: ChosenUnits, blocks: npt.NDArray[Any]) -> Bools:
        """Return which units are treated in which periods, shape (units, periods)."""
        shape = (len(chosen), self.periods)
        if self.scheme.randomised:
            drawn = self.scheme.draw(blocks, self.periods, 1, np.random.default_rng(self.seed))[0]
            return np.array(np.broadcast_to(drawn, shape) & (blocks >= 0)[:, None])
        known, treated = set(chosen.names), set(self.treated_units)
        if not treated or treated - known or treated == known:
            named = sorted(treated - known) or sorted(treated)
            msg = (
                f"treated_units={named} must name some of the units, but not all: {', '.join(chosen.names)}. An "
                "observational design needs them."
            )
            raise InputError(msg)
        return np.repeat([[name in treated] for name in chosen.names], self.periods, axis=1)

    def _fixed(
        self,
        study: Study,
        first: pd.Period,
        outcomes: tuple[str, ...],
        eligible: Eligible,
        drawn: tuple[Grid, ChosenUnits, npt.NDArray[Any], Bools],
        promised: tuple[Mapping[str, float], Mapping[str, str]],
    ) -> TrialDesign:
        (grid, chosen, blocks, treated), (promise, signed) = drawn, promised

        def names(parts: Sequence[npt.NDArray[np.int64]]) -> tuple[tuple[str, ...], ...]:
            return tuple(tuple(map(str, grid.cells[one])) for one in parts)

        return TrialDesign(
            terms=self.terms,
            scheme=self.scheme.name,
            scheme_settings=dict(vars(self.scheme)),
            unit_kind=chosen.kind,
            units=chosen.names,
            cells=names(chosen.cells),
            zones=names(chosen.zones),
            blocks=tuple(int(one) for one in blocks),
            assignment=tuple("".join("1" if one else "0" for one in row) for row in treated),
            start=f"{first.start_time:%Y-%m-%d}",
            periods=self.periods,
            periods_before=self.power.periods_before,
            period_unit=study.calendar.period_unit,
            week_start=study.calendar.week_start,
            time_zone=study.events.time_zone,
            outcomes=outcomes,
            found_by_patrols=self.found_by_patrols,
            seed=self.seed,
            promise=promise,
            evidence=eligible.evidence,
            signed=signed,
            shifts=chosen.shifts,
        )


def _group_table(residents: Sequence[GroupsOfCells], chosen: ChosenUnits, treated: Bools, risk: Floats) -> pd.DataFrame:
    """Return the shares of groups among residents of units and of treated units, and their exposure as audited."""
    share = np.zeros((len(risk), treated.shape[1]))
    for cells, row in zip(chosen.cells, treated, strict=True):
        share[cells] += row / max(len(set(chosen.shifts)), 1)  # the share of its shifts in which a cell is treated
    inside = np.zeros(len(risk))
    inside[np.concatenate(chosen.cells)] = 1.0
    time = share.mean(axis=1)
    parts = []
    for one in residents:
        table = group_impact(share, np.repeat(risk[:, None], treated.shape[1], axis=1), one)
        for name, weight in (("of_residents", np.ones(len(risk))), ("of_units", inside), ("of_treated", time)):
            everyone = float(weight @ one.total)
            table[name] = weight @ one.by_group / everyone if everyone else np.nan
        parts.append(table[list(GROUP_COLUMNS)])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(GROUP_COLUMNS))
