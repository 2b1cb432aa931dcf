"""Equity-efficiency frontier: events covered, exposure and coverage of groups for a range of exposure caps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.allocation.constrained import Constrained
from ilp_models.domain.allocation import AllocationInput, Allocator, Effort, GroupsOfCells
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError, NotRunError

Floats = npt.NDArray[np.float64]

CAPS: Final = (np.inf, 2.0, 1.5, 1.25, 1.1, 1.0)
IMPACT_COLUMNS: Final = ("dimension", "group", "exposure", "exposure_ratio", "need_adjusted_ratio", "coverage")
FRONTIER_COLUMNS: Final = (
    *("dimension", "group", "reference", "cap", "capture", "of_uncapped", "gap"),
    *("exposure", "exposure_ratio", "need_adjusted_ratio", "coverage", "note"),
)


@dataclass(frozen=True, eq=False)
class _PeriodTask:
    """One period of an allocation."""

    allocator: Allocator
    value: Floats
    inputs: AllocationInput


@dataclass(frozen=True)
class Frontier:
    """The exposure caps to evaluate, and the groups that they apply to.

    Parameters
    ----------
    dimension : str, optional
        Dimension of the groups; by default the first one.
    reference : str, optional
        Group to compare exposure with; by default each group is compared with all other residents.
    caps : sequence of float, optional
        Maximum exposure ratios; infinity (no cap) is always included.
    time_limit_s : float, default 10
        Time limit of the solver for one period under one cap, seconds.
    parity : float, default 0.005
        Tolerance of exposure ratios above a cap of 1 or less where each group is compared with all others. Together
        such caps mean equality, which whole cells cannot meet exactly.

    Raises
    ------
    InputError
        If a cap or the time limit is not above 0.

    Examples
    --------
    >>> Frontier(dimension="income").caps
    (inf, 2.0, 1.5, 1.25, 1.1, 1.0)
    """

    dimension: str | None = None
    reference: str | None = None
    caps: Sequence[float] = CAPS
    time_limit_s: float = 10.0
    parity: float = 0.005

    def __post_init__(self) -> None:
        """Check the settings."""
        if not (all(float(cap) > 0 for cap in self.caps) and self.time_limit_s > 0 and self.parity >= 0):
            msg = f"frontier.caps={list(self.caps)} must be above 0 (.inf: no cap); time_limit_s > 0 and parity >= 0."
            raise InputError(msg)

    def run(
        self,
        allocator: Constrained,
        value: Floats,
        inputs: AllocationInput,
        compute: Compute,
        recorded: Floats | None = None,
    ) -> pd.DataFrame:
        """Return the captured value and the impact on groups under each cap.

        A solution for a tighter cap also meets a looser one. The better of the two is used, so that solver gaps do not
        make a looser cap look worse.
        """
        if not inputs.residents:
            msg = "A frontier needs residents by group. Set groups.path=FILE."
            raise InputError(msg)
        groups = inputs.groups_of(self.dimension or inputs.residents[0].dimension)
        caps = sorted({np.inf, *map(float, self.caps)}, reverse=True)
        found = self._solve_caps(allocator, groups.dimension, caps, value, (inputs, compute))
        events = recorded
        if events is None:
            events = value if inputs.expected is None else inputs.expected
        total, need = float((value if recorded is None else recorded).sum()), allocator.budget.need(inputs)
        rows, uncapped = [], np.nan
        for cap in caps:
            effort, note = found[cap]
            if isinstance(effort, Effort):
                share = expected_share(effort, need)
                capture = float((share * (value if recorded is None else recorded)).sum()) / total
                uncapped = capture if cap == np.inf else uncapped
                gap, means = float(effort.gap.max()), group_impact(share, events, groups, self.reference)
            else:
                capture, gap = np.nan, np.nan
                means = group_impact(np.zeros_like(value), events, groups, self.reference)
                means.iloc[:, 2:] = np.nan
            columns: dict[str, Any] = {
                "cap": cap,
                "capture": capture,
                "of_uncapped": capture / uncapped,
                "gap": gap,
                "note": note,
            }
            rows.append(means.assign(reference=self.reference or "rest", **columns))
        return pd.concat(rows, ignore_index=True)[list(FRONTIER_COLUMNS)]

    def _solve_caps(
        self,
        allocator: Constrained,
        dimension: str,
        caps: Sequence[float],
        value: Floats,
        where: tuple[AllocationInput, Compute],
    ) -> dict[float, tuple[Effort | None, str]]:
        inputs, compute = where
        solved: dict[float, tuple[Effort | None, str]] = {}
        best: Effort | None = None
        for cap in reversed(caps):
            limit = cap * (1 + self.parity) if cap <= 1 and self.reference is None else cap
            capped = {**(allocator.exposure or {}), dimension: {"cap": limit, "reference": self.reference}}
            rule = replace(allocator, exposure=capped, time_limit_s=self.time_limit_s)
            try:
                effort = allocate_periods(rule, value, inputs, compute)
            except (InputError, NotRunError) as error:
                if cap == np.inf:
                    raise
                solved[cap] = None, str(error)
                continue
            best = effort if best is None else _better_by_period(best, effort, value, allocator.budget.need(inputs))
            solved[cap] = best, ""
        return solved


def allocate_periods(allocator: Allocator, value: Floats, inputs: AllocationInput, compute: Compute) -> Effort:
    """Allocate each period as a separate task and return the effort of all periods."""
    tasks = [
        _PeriodTask(
            allocator,
            value[:, [period]],
            replace(
                inputs,
                draw=inputs.draw + period,
                expected=None if inputs.expected is None else inputs.expected[:, [period]],
                starts=inputs.starts[period : period + 1],
            ),
        )
        for period in range(value.shape[1])
    ]
    return Effort.join(compute.map(_allocate_period, tasks, "Allocating"))


def _allocate_period(task: _PeriodTask) -> Effort:
    return task.allocator.allocate(task.value, task.inputs)


def _better_by_period(tight: Effort, loose: Effort, value: Floats, need: Floats) -> Effort:
    """Return for each period the effort that covers more value."""
    covered = [(expected_share(effort, need) * value).sum(axis=0) for effort in (tight, loose)]
    tight_is_better = covered[0] > covered[1]
    return Effort(
        np.where(tight_is_better, tight.amount, loose.amount),
        np.where(tight_is_better, tight.inclusion, loose.inclusion),
        loose.gap,
    )


def expected_share(effort: Effort, need: Floats) -> Floats:
    """Return the covered share of each cell, in expectation where cells are drawn at random."""
    by_chance = (effort.inclusion > 0) & (effort.inclusion < 1)
    return np.where(by_chance, effort.inclusion, effort.amount / need[:, None])


def group_impact(share: Floats, events: Floats, groups: GroupsOfCells, reference: str | None = None) -> pd.DataFrame:
    """Return exposure, exposure ratio, need-adjusted ratio and coverage of each group under an allocation."""
    people = groups.by_group
    time = share.sum(axis=1)
    others = groups.total[:, None] - people
    if reference is not None:
        others = np.repeat(people[:, [groups.groups.index(reference)]], people.shape[1], axis=1)
    inhabited = groups.total > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        exposure = time @ people / (share.shape[1] * people.sum(axis=0))
        ratio = exposure / (time @ others / (share.shape[1] * others.sum(axis=0)))
        burden = events.sum(axis=1) @ groups.shares
        patrol = time @ groups.shares / time[inhabited].sum()
        coverage = (share * events).sum(axis=1) @ groups.shares / burden
        need = patrol / (burden / events[inhabited].sum())
    columns = (groups.dimension, list(groups.groups), exposure, ratio, need, coverage)
    return pd.DataFrame(dict(zip(IMPACT_COLUMNS, columns, strict=True)))
