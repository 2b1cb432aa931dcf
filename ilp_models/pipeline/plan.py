"""Allocate patrol effort from an approved forecast, under the rule and share that were audited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
import xarray as xr
from scipy.sparse import csr_matrix

from ilp_models.allocation.budget import Budget
from ilp_models.allocation.constrained import Constrained
from ilp_models.allocation.frontier import (
    FRONTIER_COLUMNS,
    IMPACT_COLUMNS,
    Frontier,
    allocate_periods,
    expected_share,
    group_impact,
)
from ilp_models.allocation.objective import CoverageValue, Objective, harm_covered
from ilp_models.allocation.top_areas import TopAreas
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.register.register import Register
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.allocation import DIMS as ALLOCATION_DIMS
from ilp_models.domain.allocation import Allocation, Allocator, Effort, Override
from ilp_models.domain.compute import Compute
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.grid import Grid
from ilp_models.domain.harm_weights import HarmWeights
from ilp_models.domain.recipe import describe
from ilp_models.export.table import CellTable
from ilp_models.grid.cell_geometry import adjacency
from ilp_models.pipeline.allocation_result import AllocationResult, CapChoice
from ilp_models.pipeline.audit_archive import NullLocator
from ilp_models.pipeline.audited_rule import (
    audited_rule,
    require_audited_rule,
    territory_of,
    value_of,
    value_per_unit,
)
from ilp_models.pipeline.day_patterns import DayPatterns
from ilp_models.pipeline.overrides import (
    MAX_OVERRIDE_SHARE,
    OverriddenPlan,
    OverrideEffect,
    apply_overrides,
    audited_limits,
    check_override_share,
    read_overrides,
)
from ilp_models.pipeline.previous_plan import PreviousPlan, previous_plan
from ilp_models.pipeline.registration import REGISTER
from ilp_models.pipeline.run_folder import RunFolder, archived_residents


def allocate_effort(  # noqa: PLR0913 - the rule, and what it is applied to
    source: str | Path,
    *,
    chosen_by: str,
    reason: str,
    rule: Allocator | None = None,
    rank_by: str | None = None,
    groups: GroupTable | None = None,
    objective: Objective | None = None,
    frontier: Frontier | None = None,
    overrides: str | Sequence[Override] | None = None,
    max_override_share: float = MAX_OVERRIDE_SHARE,
    register: str | Path | Register = REGISTER,
    trusted_keys: str | None = None,
    compute: Compute | None = None,
) -> AllocationResult:
    """Allocate patrol effort from a forecast that was admitted or approved.

    The register and the decision are checked first. Rule, share and ranking are those that were audited.

    Parameters
    ----------
    source : str or Path
        Folder of the run of `weekly` or `audit` whose forecast is allocated.
    chosen_by, reason : str
        Who chose this allocation, and why; both are written into every file.
    rule : Allocator, optional
        By default the audited rule. Another rule is refused.
    rank_by : str, optional
        What cells are ranked by: ``count``, ``per_km2`` or ``per_resident``; by default, and only, the audited ranking.
    groups : GroupTable, optional
        Residents by group; by default those that the audit of the run archived.
    objective : Objective, optional
        What is to be covered: events, or their harm where the audit ranked by harm. By default the audited one. Its
        harm sets, by default those of the audit, are shown side by side.
    frontier : Frontier, optional
        Exposure caps to evaluate.
    overrides : str or sequence of Override, optional
        Changes made by hand, or the CSV file that lists them. Constraints, gap and measures of groups are then
        calculated again.
    max_override_share : float, default 0.2
        Largest share of the effort that may be set by hand.
    register : str, Path or Register, default "outputs/register.jsonl"
        The register of decisions; ``Register(path, last=DIGEST)`` also requires the line with that digest.
    trusted_keys : str, optional
        File or folder with public keys of reviewers.
    compute : Compute, optional
        Where the work runs.

    Returns
    -------
    AllocationResult
        Effort by cell and period, and what it means for groups of residents.

    Raises
    ------
    WithheldError
        If no valid decision allows the forecast to be used, the terms differ from those audited, or overrides break a
        constraint, an audited limit or the largest share.
    InputError
        If a setting or an override cannot be used.

    Examples
    --------
    Effort follows from a decision, so a forecast without one is refused:

    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(size_km=2, districts=2, weeks=12).read()
    >>> forecast = ilp.make_forecast(ilp.MovingAverage(4), events, ilp.SquareGrid(1000))
    >>> file = forecast.to_file(folder / "forecast.parquet")
    >>> try:
    ...     ilp.allocate_effort(folder, chosen_by="Duty planner", reason="the usual plan")
    ... except ilp.WithheldError as error:
    ...     print(error.advice)
    Run the audit, or export with grade=research.
    """
    if not str(chosen_by or "").strip() or not str(reason or "").strip():
        msg = "An allocation needs a person and a reason. Set chosen_by and reason."
        raise InputError(msg)
    check_override_share(max_override_share)
    frontier = frontier or Frontier()
    run = RunFolder.from_path(source)
    book = Register.from_path(register)
    decision = run.permitted_decision(book, trusted_keys)
    changes = read_overrides(overrides) if overrides is None or isinstance(overrides, str) else tuple(overrides)
    header = decision.report.header
    rule = rule or audited_rule(header)
    task = PlanTask(
        run,
        decision,
        rank_by or str(header["rank_by"]),
        groups or GroupTable(),
        objective or Objective(),
        rule,
        frontier,
        compute or LocalProcesses(),
        max_override_share,
        previous_plan(book, run.forecast.periods[0], set(map(str, run.places.area))),
    )
    other = not isinstance(rule, TopAreas | Constrained)
    return task.allocate(CapChoice(str(chosen_by), str(reason), cap_of(rule, frontier), other), changes)


@dataclass(frozen=True, eq=False)
class PlanTask:
    """An allocation to be made: forecast, decision, rule, and the residents and caps to evaluate."""

    run: RunFolder
    decision: Decision
    rank_by: str
    groups: GroupTable  # without a path and a source, the residents of the audit archive are used
    objective: Objective
    allocator: Allocator
    frontier: Frontier
    compute: Compute
    max_override_share: float = MAX_OVERRIDE_SHARE
    previous: PreviousPlan | None = None

    def allocate(self, choice: CapChoice, changes: tuple[Override, ...]) -> AllocationResult:
        """Return the allocation and what it means for groups, on the terms that were audited."""
        forecast, places = self.run.forecast, self.run.places
        grid = grid_of(places, self.groups.area_level)
        own_groups = self.groups.path is not None or self.groups.source is not None
        archive = self.run.audit_input()
        residents = self.groups.to_cells(grid) if own_groups else archived_residents(archive, self.decision, grid.cells)
        territory = territory_of(grid, places.area, residents)
        budget: Budget = self.allocator.budget
        need, available = budget.need(territory), budget.available(territory)
        header = self.decision.report.header
        require_audited_rule(self.allocator, header, territory)
        require_audited_terms(self.rank_by, self.groups.digest() if own_groups else "", header)
        expected = np.asarray(forecast.expected.values, dtype=float)
        types = tuple(map(str, forecast.expected.indexes["crime_type"]))
        sets = harm_side_by_side(self.objective, header, types)
        worth = audited_value(self.objective, header, types)
        value = worth.of(expected, types)
        ranked = value_per_unit(value, self.rank_by, territory)
        counts = expected.sum(axis=0)
        starts = tuple(forecast.periods.start_time.strftime("%Y-%m-%d"))
        territory = replace(territory, expected=counts, starts=starts)
        planned = allocate_periods(self.allocator, ranked, territory, self.compute)
        effort = apply_overrides(planned, changes, grid.cells, forecast.periods, need)
        plan = OverriddenPlan(planned, effort, ranked, need, territory)
        allocation = self._allocation(effort, value, need, available, changes, worth.name)
        by_hand = OverrideEffect(0.0, self.max_override_share)
        if changes:
            by_hand = plan.check(self.allocator, audited_limits(self.decision), self.max_override_share)
        part = expected_share(effort, need)
        impact = [group_impact(part, counts, one, self._reference(one.dimension)) for one in residents]
        caps_evaluated = pd.DataFrame(columns=list(FRONTIER_COLUMNS))
        if residents:
            caps = tuple({*map(float, self.frontier.caps), choice.cap})
            base = self.allocator if isinstance(self.allocator, Constrained) else Constrained(budget=budget)
            dimension = str(self.frontier.dimension or residents[0].dimension)
            frontier = replace(self.frontier, caps=caps, reference=self._reference(dimension))
            caps_evaluated = frontier.run(base, ranked, territory, self.compute)
        return AllocationResult(
            run=self.run,
            decision=self.decision,
            allocation=allocation,
            by_hand=by_hand,
            share=part,
            gap=plan.gap if changes else effort.gap,
            territory=territory,
            grid=grid,
            groups=pd.concat(impact, ignore_index=True) if impact else pd.DataFrame(columns=list(IMPACT_COLUMNS)),
            frontier=caps_evaluated,
            harm=harm_covered(part, expected, types, sets),
            choice=choice,
            audited_replay=None if archive is None else archive.replay,
            audited_plan=None if archive is None else archive.plan,
            reasons=self.run.reasons(),
            patterns=DayPatterns.from_folder(self.run.folder / "audit"),
            previous=self.previous,
            settings=describe(
                {
                    "allocation": self.allocator,
                    "objective": self.objective,
                    "rank_by": self.rank_by,
                    "frontier": self.frontier,
                    "groups": self.groups,
                }
            ),
        )

    def _reference(self, dimension: str) -> str | None:
        """Return the group that a dimension is compared with: that of its cap, else that of the frontier."""
        caps = getattr(self.allocator, "exposure", None) or {}
        if dimension in caps:
            reference: str | None = caps[dimension].get("reference")
            return reference
        return self.frontier.reference if dimension == self.frontier.dimension else None

    def _allocation(
        self, effort: Effort, value: Any, need: Any, available: float, changes: tuple[Override, ...], objective: str
    ) -> Allocation:
        forecast = self.run.forecast
        coords = {"cell": forecast.expected.indexes["cell"], "period": forecast.periods}

        def cube(values: Any) -> xr.DataArray:
            return xr.DataArray(values, dims=ALLOCATION_DIMS, coords=coords)

        return Allocation(
            effort=cube(effort.amount),
            budget=available,
            unit=self.allocator.budget.budget_unit,
            objective=objective,
            allocator=f"{self.allocator.name}; changed by hand" if changes else self.allocator.name,
            covered=cube(expected_share(effort, need) * value),
            inclusion=cube(effort.inclusion),
            decision=self.decision.seal,
            overrides=changes,
        )


_REACH_M: Final = 1.0  # borders of given areas may leave slivers
_SHARED_M2: Final = 5.0  # cells that meet in a corner only are no neighbours on foot


def grid_of(places: CellTable, area_level: str | None = None) -> Grid:
    """Return the grid of stored places, to spread residents over."""
    geometry = np.asarray(places.geometry.array, dtype=object)
    labelled = any(bool(area) for area in places.area)
    return Grid(
        cells=places.cells,
        geometry=geometry,
        area_m2=shapely.area(geometry),
        crs=str(places.geometry.crs),
        neighbours=_neighbours(geometry),
        locator=NullLocator(),
        locator_cells=np.arange(len(geometry)),
        parents=pd.DataFrame({area_level or "area": places.area}) if labelled else pd.DataFrame(),
    )


def require_audited_terms(rank_by: str, group_table: str, header: Mapping[str, Any]) -> None:
    """Raise WithheldError where ranking or group table differ from what was audited."""
    if rank_by != header.get("rank_by"):
        msg = (
            f"The audit used rank_by={header.get('rank_by')}, not rank_by={rank_by}. "
            "Use the audited one, or audit the other."
        )
    elif group_table and group_table != header.get("group_table"):
        msg = "The group table differs from the audited one. Pass the audited table in groups, or audit with this one."
    else:
        return
    raise WithheldError(msg)


def audited_value(objective: Objective, header: Mapping[str, Any], crime_types: Sequence[str]) -> CoverageValue:
    """Return what the audited plans cover; raise WithheldError for a harm set or weights that were not audited."""
    audited = value_of(str(header["rank_by"]), header["harm"], str(header.get("harm_set") or ""))
    if objective.harm is None:
        return audited
    asked = next(one.by_type() for one in objective.weights(crime_types) if one.name == objective.harm)
    if objective.harm != audited.harm_set or asked != dict(audited.harm):
        planned = f"the harm set {audited.harm_set} and weights {dict(audited.harm)}" if audited.harm else "events"
        msg = (
            f"The audit planned with {planned}, not with objective.harm={objective.harm} and weights {asked}. Leave "
            "objective.harm out, or audit with audit.rank_by=harm and this set in audit.harm."
        )
        raise WithheldError(msg)
    return audited


def harm_side_by_side(
    objective: Objective, header: Mapping[str, Any], crime_types: Sequence[str]
) -> tuple[HarmWeights, ...]:
    """Return the harm sets to show: those that are given, else those of the audit."""
    return objective.weights(crime_types) or tuple(HarmWeights.from_dict(one) for one in header.get("harm_sets", ()))


def _neighbours(geometry: npt.NDArray[np.object_]) -> csr_matrix:
    left, right = shapely.STRtree(geometry).query(geometry, predicate="dwithin", distance=_REACH_M)
    once = left < right
    left, right = left[once], right[once]
    reach = shapely.buffer(geometry, _REACH_M)
    shared = shapely.area(shapely.intersection(geometry[left], reach[right]))
    long_enough = shared > _SHARED_M2
    return adjacency(left[long_enough], right[long_enough], len(geometry))


def cap_of(allocation: Allocator, frontier: Frontier) -> float:
    """Return the exposure cap of a rule on the dimension of the frontier; infinity for none."""
    caps = getattr(allocation, "exposure", None) or {}
    dimension = frontier.dimension or next(iter(caps), None)
    cap = caps.get(dimension, {}).get("cap", np.inf)
    return float(max(cap.values(), default=np.inf) if isinstance(cap, Mapping) else cap)
