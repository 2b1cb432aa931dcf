"""What an allocation means for groups of residents: exposure, need and coverage side by side."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.allocation import Effort
from ilp_models.domain.allocation_input import GroupsOfCells

Floats = npt.NDArray[np.float64]

COLUMNS: Final = ("dimension", "group", "exposure", "exposure_ratio", "need_adjusted_ratio", "coverage")


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
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
