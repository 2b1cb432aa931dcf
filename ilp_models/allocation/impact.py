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
    """Return the part of each cell that is covered, in expectation where a lottery decides.

    Parameters
    ----------
    effort : Effort
        What an allocator gives.
    need : ndarray of float64
        Effort that covers each cell in full, shape (cells,).

    Returns
    -------
    ndarray of float64
        From 0 to 1, shape (cells, periods).
    """
    by_chance = (effort.inclusion > 0) & (effort.inclusion < 1)
    return np.where(by_chance, effort.inclusion, effort.amount / need[:, None])


def group_impact(share: Floats, events: Floats, groups: GroupsOfCells, reference: str | None = None) -> pd.DataFrame:
    """Return exposure and coverage of each group under an allocation.

    Parameters
    ----------
    share : ndarray of float64
        Covered part a_it of each cell, shape (cells, periods).
    events : ndarray of float64
        Events y_it, expected or recorded, same shape.
    groups : GroupsOfCells
        Residents by the groups of one dimension.
    reference : str, optional
        Group that exposures are compared with; by default each is compared with all other residents.

    Returns
    -------
    DataFrame
        The columns of ``COLUMNS``, one row a group: ``exposure`` sum a n_ig / (T N_g); ``exposure_ratio`` over that of
        the reference; ``need_adjusted_ratio`` share of the effort over share of the events by who lives there;
        ``coverage`` sum a y s_ig / sum y s_ig. NaN where a sum is 0.
    """
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
