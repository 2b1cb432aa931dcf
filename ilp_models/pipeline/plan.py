"""From an admitted forecast to an allocation on the terms audited, with what it means."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

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
from ilp_models.allocation.objective import Objective
from ilp_models.audit.groups.table import GroupTable
from ilp_models.domain.allocation import DIMS as ALLOCATION_DIMS
from ilp_models.domain.allocation import Allocation, Allocator, Effort, Override
from ilp_models.domain.compute import Compute
from ilp_models.domain.decision import Decision
from ilp_models.pipeline.allocation_inputs import grid_of, require_audited_terms, territory_of, value_per_unit
from ilp_models.pipeline.allocation_result import AllocationResult, CapChoice
from ilp_models.pipeline.archive_lookup import explained_by, load_audit_input, residents_of
from ilp_models.pipeline.overrides import changed
from ilp_models.pipeline.run_folder import RunFolder


@dataclass(frozen=True, eq=False)
class PlanTask:
    """What an allocation is made from.

    Parameters
    ----------
    left : Left
        The forecast and its places.
    decision : Decision
        The decision that permits it.
    unit : str
        What cells are ranked by.
    groups : GroupTable
        Residents by group; without a path and a source, those that the audit kept are taken.
    objective : Objective
        What is to be covered.
    allocator : Allocator
        The rule, with its budget.
    frontier : Frontier
        Caps whose price is told.
    compute : Compute
        Where the work runs.
    """

    left: RunFolder
    decision: Decision
    unit: str
    groups: GroupTable
    objective: Objective
    allocator: Allocator
    frontier: Frontier
    compute: Compute

    def made(self, choice: CapChoice, changes: tuple[Override, ...]) -> AllocationResult:
        """Return the allocation with what it means, on the terms audited."""
        forecast, places = self.left.forecast, self.left.places
        grid = grid_of(places, self.groups.area_level)
        known = self.groups.path is not None or self.groups.source is not None
        kept = load_audit_input(self.left.folder)
        residents = self.groups.to_cells(grid) if known else residents_of(kept, self.decision, grid.cells)
        territory = territory_of(grid, places.area, residents)
        budget: Budget = self.allocator.budget
        need, available = budget.need(territory), budget.available(territory)
        share = budget.budget_share if budget.amount is None else available / float(need.sum())
        asked = {"unit": self.unit, "share": share, "group_table": self.groups.digest() if known else ""}
        slack = 1e-9 if budget.amount is None else float(need.max() / need.sum())
        require_audited_terms(asked, dict(self.decision.report.header), slack)
        expected = np.asarray(forecast.expected.values, dtype=float)
        value = self.objective.value(expected, list(map(str, forecast.expected.indexes["crime_type"])))
        ranked = value_per_unit(value, self.unit, territory)
        counts = expected.sum(axis=0)
        territory = replace(territory, expected=counts)
        effort = allocate_periods(self.allocator, ranked, territory, self.compute)
        effort = changed(effort, changes, grid.cells, forecast.periods)
        allocation = self._noun(effort, value, (need, available), changes)
        part = expected_share(effort, need)
        means = [group_impact(part, counts, one, self._reference(one.dimension)) for one in residents]
        priced = pd.DataFrame(columns=list(FRONTIER_COLUMNS))
        if residents:
            caps = tuple({*map(float, self.frontier.caps), choice.cap})
            base = self.allocator if isinstance(self.allocator, Constrained) else Constrained(budget=budget)
            tried = replace(self.frontier, caps=caps, reference=self._reference(self._dimension(residents)))
            priced = tried.run(base, ranked, territory, self.compute)
        return AllocationResult(
            left=self.left,
            decision=self.decision,
            allocation=allocation,
            share=part,
            gap=effort.gap,
            territory=territory,
            grid=grid,
            groups=pd.concat(means, ignore_index=True) if means else pd.DataFrame(columns=list(IMPACT_COLUMNS)),
            frontier=priced,
            choice=choice,
            past=None if kept is None else kept.replay,
            reasons=explained_by(self.left.folder),
        )

    def _dimension(self, residents: Any) -> str:
        return str(self.frontier.dimension or residents[0].dimension)

    def _reference(self, dimension: str) -> str | None:
        """Return the group that a dimension is compared with: that of its cap, else that of the frontier."""
        caps = getattr(self.allocator, "exposure", None) or {}
        if dimension in caps:
            reference: str | None = caps[dimension].get("reference")
            return reference
        return self.frontier.reference if dimension == self.frontier.dimension else None

    def _noun(
        self, effort: Effort, value: np.ndarray[Any, Any], budget: tuple[Any, float], changes: tuple[Override, ...]
    ) -> Allocation:
        forecast, (need, available) = self.left.forecast, budget
        coords = {"cell": forecast.expected.indexes["cell"], "period": forecast.periods}

        def cube(values: Any) -> xr.DataArray:
            return xr.DataArray(values, dims=ALLOCATION_DIMS, coords=coords)

        return Allocation(
            effort=cube(effort.amount),
            budget=available,
            unit=self.allocator.budget.budget_unit,
            objective=self.objective.name,
            allocator=self.allocator.name,
            covered=cube(expected_share(effort, need) * value),
            inclusion=cube(effort.inclusion),
            decision=self.decision.seal,
            overrides=changes,
        )
