"""Apply the audited allocation rule to past forecasts, and hold an allocation to the rule that was audited."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from ilp_models.allocation.frontier import allocate_periods, expected_share
from ilp_models.allocation.objective import CoverageValue
from ilp_models.allocation.stored_rules import rule_from_settings
from ilp_models.allocation.top_areas import TopAreas
from ilp_models.audit.audit import Audit
from ilp_models.audit.flagging import HARM
from ilp_models.audit.residents import Residents
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.allocation import AllocationInput, Allocator, PlannedPeriods
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError, NotRunError, WithheldError
from ilp_models.domain.grid import Grid
from ilp_models.domain.recipe import describe
from ilp_models.domain.replay import Replay
from ilp_models.export.table import CellTable

Floats = npt.NDArray[np.float64]

_EQUAL: Final = 0.01  # relative; squares of one size differ by the scale of the projection
_OTHER_RULE: Final = "Leave allocation out to apply the audited rule, or audit with this one (audit/rule=...)."


def territory_of(grid: Grid, areas: npt.NDArray[np.object_], residents: tuple[Residents, ...]) -> AllocationInput:
    """Return what an allocation rule may know of the cells."""
    centres = shapely.get_coordinates(shapely.centroid(grid.geometry))
    return AllocationInput(grid.area_m2, centres, grid.neighbours, areas, residents)


def value_per_unit(value: Floats, rank_by: str, territory: AllocationInput) -> Floats:
    """Return the value of covering a cell in the unit that cells are ranked by."""
    if rank_by in ("count", HARM):
        return value
    if rank_by == "per_km2":
        return np.asarray(value / (territory.area_m2 / 1e6)[:, None])
    if rank_by == "per_resident" and territory.residents:
        people = territory.residents[0].total
        return np.asarray(value / np.where(people > 0, people, np.inf)[:, None])
    msg = (
        f"rank_by={rank_by} cannot rank cells for an allocation. Use count, per_km2 or, with groups.path=FILE, "
        "per_resident."
    )
    raise InputError(msg)


def value_of(rank_by: str, harm: Mapping[str, float], harm_set: str = "") -> CoverageValue:
    """Return what a plan covers under an audited ranking: events, or their harm."""
    return CoverageValue(dict(harm), harm_set) if rank_by == HARM else CoverageValue()


@dataclass(frozen=True, eq=False)
class CellPlanner:
    """An allocation rule on the cells of a grid, with what is covered and how cells are ranked."""

    rule: Allocator
    territory: AllocationInput
    rank_by: str
    objective: CoverageValue
    crime_types: tuple[str, ...]

    @classmethod
    def from_grid(
        cls,
        rule: Allocator,
        grid: Grid,
        residents: tuple[Residents, ...],
        ranking: tuple[str, Mapping[str, float]],
        crime_types: tuple[str, ...],
    ) -> Self:
        """Return the rule on a grid; ``ranking`` is what cells are ranked by, and the harm of one crime by type."""
        territory = territory_of(grid, CellTable.from_grid(grid).area, residents)
        return cls(rule, territory, ranking[0], value_of(*ranking), crime_types)

    def plan(
        self, expected: Floats, compute: Compute, draw: int = 0, periods: pd.PeriodIndex | None = None
    ) -> PlannedPeriods:
        """Return the plan of each period from expected counts (crime types, cells, periods), named in errors."""
        value = self.objective.of(expected, self.crime_types)
        starts = () if periods is None else tuple(periods.start_time.strftime("%Y-%m-%d"))
        territory = replace(self.territory, expected=expected.sum(axis=0), draw=draw, starts=starts)
        need, available = self.rule.budget.need(territory), self.rule.budget.available(territory)
        ranked = value_per_unit(value, self.rank_by, territory)
        effort = allocate_periods(self.rule, ranked, territory, compute)
        share = np.clip(expected_share(effort, need), 0.0, 1.0)
        return PlannedPeriods(
            json.loads(json.dumps(describe(self.rule))),
            self.rule.name,
            share,
            available / float(need.sum()),
            effort.gap,
            self.rule.group_dimensions,
        )

    def covered(self, expected: Floats, draw: int) -> Floats:
        """Return the covered share of each cell, shape (cells,), for expected counts (crime types, cells)."""
        return self.plan(expected[:, :, None], LocalProcesses(jobs=1), draw).share[:, 0]


def plan_replay(
    rule: Allocator,
    replay: Replay,
    grid: Grid,
    residents: tuple[Residents, ...],
    ranking: tuple[str, Mapping[str, float]],
    compute: Compute | None = None,
) -> PlannedPeriods:
    """Return the plans that a rule makes from the forecast of each test period; recorded events are never seen."""
    planner = CellPlanner.from_grid(rule, grid, residents, ranking, replay.crime_types)
    try:
        expected = np.asarray(replay.expected.values, dtype=float)
        return planner.plan(expected, compute or LocalProcesses(jobs=1), periods=replay.periods)
    except (InputError, NotRunError) as error:
        msg = f"The rule '{rule.name}' cannot plan every test period of {replay.forecaster}: {error}"
        raise InputError(msg) from error


def is_top_areas(rule: Allocator) -> bool:
    """Return whether a rule covers a share of the cells from the top: the rule that is audited by default."""
    return rule == TopAreas(share=rule.budget.budget_share)


def with_plain_rule(audit: Audit) -> Audit:
    """Return the audit with the top areas as its default rule, which ``TopAreas(share=...)`` is another name of."""
    if audit.rule is None or not is_top_areas(audit.rule):
        return audit
    return replace(audit, rule=None, land_share=audit.rule.budget.budget_share)


def audited_rule(header: Mapping[str, Any]) -> Allocator:
    """Return the rule that a decision is about."""
    if "rule_settings" not in header:
        msg = "The decision names no allocation rule, because an earlier version made it. Run `ilp weekly` again."
        raise WithheldError(msg)
    settings = header["rule_settings"]
    return TopAreas(share=float(header["land_share"])) if settings is None else rule_from_settings(settings)


def require_audited_rule(rule: Allocator, header: Mapping[str, Any], territory: AllocationInput) -> None:
    """Raise WithheldError unless a rule is the audited one.

    The default rule was audited on its map of a share of the land; a plan takes whole cells.
    """
    audited = audited_rule(header)
    if header["rule_settings"] is not None:
        if describe(rule) != header["rule_settings"]:
            msg = f"The audit was of the rule '{audited.name}', not of '{rule.name}' as set here. {_OTHER_RULE}"
            raise WithheldError(msg)
        return
    if not isinstance(rule, TopAreas) or rule.exploration or rule.budget.budget_unit != "cells":
        msg = f"The audit was of the top areas, not of the rule '{rule.name}'. {_OTHER_RULE}"
        raise WithheldError(msg)
    need, share = rule.budget.need(territory), float(header["land_share"])
    ours = rule.budget.budget_share if rule.budget.amount is None else rule.budget.amount / float(need.sum())
    slack = 1e-9 if rule.budget.amount is None else 1 / len(need)
    if not abs(ours - share) <= slack:
        msg = (
            f"The audit used {share:.4g} of the land, and this allocation {ours:.4g} of the cells. Set "
            f"allocation.budget.budget_share={share:.4g}, or audit with audit.land_share={ours:.4g}."
        )
        raise WithheldError(msg)
    if header["share_of"] == "land" and np.ptp(territory.area_m2) > _EQUAL * territory.area_m2.max():
        msg = (
            "The audit flagged a share of the land, the areas differ in size, and an allocation takes whole areas. "
            "Audit with audit.share_of=cells, or with a rule (audit/rule=...)."
        )
        raise WithheldError(msg)
