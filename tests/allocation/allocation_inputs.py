"""Allocation inputs of small towns with groups, and skewed expected values."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from ilp_models.allocation.budget import Budget
from ilp_models.allocation.constrained import Constrained
from ilp_models.allocation.proportional import Proportional
from ilp_models.allocation.top_areas import Capped, TopAreas
from ilp_models.domain.allocation import AllocationInput
from ilp_models.domain.errors import InputError


@dataclass(frozen=True, eq=False)
class Groups:
    """Residents of cells by group."""

    dimension: str
    groups: tuple
    by_group: np.ndarray
    total: np.ndarray

    @property
    def shares(self):
        return np.divide(
            self.by_group, self.total[:, None], out=np.zeros_like(self.by_group), where=self.total[:, None] > 0
        )


@dataclass(frozen=True)
class InlineCompute:
    """Run tasks at once, in order."""

    def map(self, function, tasks, description):  # noqa: ARG002 - the shape of every compute
        return [function(task) for task in tasks]


def small_town(rows=3, columns=4, seed=0, groups=("hill", "shore"), size=500.0):
    """Return squares in rows; each pair of rows is a district; groups live mixed, residents differ."""
    rng = np.random.default_rng(seed)
    row, column = np.divmod(np.arange(rows * columns), columns)
    steps = np.abs(row[:, None] - row) + np.abs(column[:, None] - column)
    total = rng.uniform(200, 2000, rows * columns)
    people = rng.dirichlet(np.ones(len(groups)), rows * columns) * total[:, None]
    return AllocationInput(
        area_m2=np.full(rows * columns, size * size),
        centres=np.stack([column, row], axis=1) * size,
        neighbours=csr_matrix((steps == 1).astype(float)),
        districts=np.array([f"district {one // 2}" for one in row], dtype=object),
        residents=(Groups("origin", tuple(groups), people, total),),
    )


def skewed_values(territory, periods=1, seed=1):
    """Return expected values with the skew of crime counts."""
    return np.random.default_rng(seed).gamma(0.7, 1.0, (len(territory.area_m2), periods))


RULES = [
    TopAreas(share=0.1),
    TopAreas(Budget(amount=7), exploration=0.3, seed=4),
    Capped(share=0.1, most=0.4),
    Proportional(Budget(amount=30, budget_unit="hours", per_cell=2), exponent=0.5),
    Constrained(share=0.3, districts=1),
    Constrained(
        share=0.05, exposure={"origin": {"cap": {"Upland": 1.2}, "reference": "Lowland"}}, coverage={"origin": 0.1}
    ),
]


SEEDS = st.integers(0, 10_000)
EXACT = {"gap": 0.0}


def exposure_ratios(rows, groups, reference=None):
    """Return the exposure of each group over that of the reference, a row a choice."""
    exposed = rows @ (groups.by_group / groups.by_group.sum(axis=0))
    others = groups.total[:, None] - groups.by_group
    rest = rows @ (others / others.sum(axis=0))
    return exposed / (rest if reference is None else exposed[:, [reference]])


def coverages(rows, worth, groups):
    """Return the share of each group's events that a choice covers."""
    burden = worth[:, None] * groups.shares
    return rows @ burden / burden.sum(axis=0)


def worth_of(effort, worth):
    return float((effort.amount * worth).sum())


def refusal(**settings):
    with pytest.raises(InputError) as raised:
        Constrained(Budget(amount=4), **settings).allocate(skewed_values(small_town()), small_town())
    return str(raised.value)
