"""The price of a cap on exposure: what is still covered, and who is exposed and covered, from no cap to parity."""

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
class _Task:
    """One period under one cap."""

    allocator: Allocator
    value: Floats
    territory: AllocationInput


@dataclass(frozen=True)
class Frontier:
    """Which caps are tried, on the exposure of whom.

    Parameters
    ----------
    dimension : str, optional
        Dimension of the groups; by default the first that there is.
    reference : str, optional
        Group that exposures are compared with; by default each is compared with all other residents.
    caps : sequence of float, optional
        Largest ratios of exposure, infinity for no cap, which is always among them.
    time_limit_s : float, default 10
        Time for one period under one cap.
    parity : float, default 0.005
        How far exposure ratios may exceed a cap of 1 or less where each group is compared with all others: together
        such caps demand equality, which whole cells never meet to the last digit.

    Raises
    ------
    InputError
        If a cap or the time is no number above 0.
    """

    dimension: str | None = None
    reference: str | None = None
    caps: Sequence[float] = CAPS
    time_limit_s: float = 10.0
    parity: float = 0.005

    def __post_init__(self) -> None:
        """Refuse caps that are none."""
        if not (all(float(cap) > 0 for cap in self.caps) and self.time_limit_s > 0 and self.parity >= 0):
            msg = f"frontier.caps={list(self.caps)} must be above 0, .inf for no cap; time_limit_s > 0, parity >= 0."
            raise InputError(msg)

    def run(
        self,
        allocator: Constrained,
        value: Floats,
        territory: AllocationInput,
        compute: Compute,
        recorded: Floats | None = None,
    ) -> pd.DataFrame:
        """Return the price and the consequences of each cap.

        What keeps a tighter cap also keeps a looser one: the better of the two is taken, so that solver gaps do not
        make a looser cap seem dearer.
        """
        if not territory.residents:
            msg = "A frontier needs residents by group; give groups.path=FILE."
            raise InputError(msg)
        groups = territory.groups_of(self.dimension or territory.residents[0].dimension)
        caps = sorted({np.inf, *map(float, self.caps)}, reverse=True)
        found = self._solved(allocator, groups.dimension, caps, value, (territory, compute))
        events = recorded
        if events is None:
            events = value if territory.expected is None else territory.expected
        total, need = float((value if recorded is None else recorded).sum()), allocator.budget.need(territory)
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
            told: dict[str, Any] = {
                "cap": cap,
                "capture": capture,
                "of_uncapped": capture / uncapped,
                "gap": gap,
                "note": note,
            }
            rows.append(means.assign(reference=self.reference or "rest", **told))
        return pd.concat(rows, ignore_index=True)[list(FRONTIER_COLUMNS)]

    def _solved(
        self,
        allocator: Constrained,
        dimension: str,
        caps: Sequence[float],
        value: Floats,
        where: tuple[AllocationInput, Compute],
    ) -> dict[float, tuple[Effort | None, str]]:
        territory, compute = where
        solved: dict[float, tuple[Effort | None, str]] = {}
        best: Effort | None = None
        for cap in reversed(caps):
            asked = cap * (1 + self.parity) if cap <= 1 and self.reference is None else cap
            capped = {**(allocator.exposure or {}), dimension: {"cap": asked, "reference": self.reference}}
            ruled = replace(allocator, exposure=capped, time_limit_s=self.time_limit_s)
            try:
                effort = allocate_periods(ruled, value, territory, compute)
            except (InputError, NotRunError) as error:
                if cap == np.inf:
                    raise
                solved[cap] = None, str(error)
                continue
            best = effort if best is None else _better(best, effort, value, allocator.budget.need(territory))
            solved[cap] = best, ""
        return solved


def allocate_periods(allocator: Allocator, value: Floats, territory: AllocationInput, compute: Compute) -> Effort:
    """Return the effort of all periods, each solved on its own where the work runs."""
    tasks = [
        _Task(
            allocator,
            value[:, [period]],
            replace(
                territory,
                draw=territory.draw + period,
                expected=None if territory.expected is None else territory.expected[:, [period]],
            ),
        )
        for period in range(value.shape[1])
    ]
    return Effort.join(compute.map(_allocated, tasks, "Allocating"))


def _allocated(task: _Task) -> Effort:
    return task.allocator.allocate(task.value, task.territory)


def _better(tight: Effort, loose: Effort, value: Floats, need: Floats) -> Effort:
    """Return, period by period, the effort that covers more."""
    worth = [(expected_share(effort, need) * value).sum(axis=0) for effort in (tight, loose)]
    kept = worth[0] > worth[1]
    return Effort(
        np.where(kept, tight.amount, loose.amount),
        np.where(kept, tight.inclusion, loose.inclusion),
        loose.gap,
    )


def expected_share(effort: Effort, need: Floats) -> Floats:
    """Return the part of each cell that is covered, in expectation where a lottery decides."""
    by_chance = (effort.inclusion > 0) & (effort.inclusion < 1)
    return np.where(by_chance, effort.inclusion, effort.amount / need[:, None])


def group_impact(share: Floats, events: Floats, groups: GroupsOfCells, reference: str | None = None) -> pd.DataFrame:
    """Return exposure and coverage of each group under an allocation."""
    people = groups.by_group
    time = share.sum(axis=1)
    others = groups.total[:, None] - people
    if reference is not None:
        others = np.repeat(people[:, [groups.groups.index(reference)]], people.shape[1], axis=1)
    alive = groups.total > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        exposure = time @ people / (share.shape[1] * people.sum(axis=0))
        ratio = exposure / (time @ others / (share.shape[1] * others.sum(axis=0)))
        burden = events.sum(axis=1) @ groups.shares
        patrol = time @ groups.shares / time[alive].sum()
        coverage = (share * events).sum(axis=1) @ groups.shares / burden
        need = patrol / (burden / events[alive].sum())
    columns = (groups.dimension, list(groups.groups), exposure, ratio, need, coverage)
    return pd.DataFrame(dict(zip(IMPACT_COLUMNS, columns, strict=True)))
