"""Allocation inputs of small towns with groups, and skewed expected values."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from ilp_models.domain.allocation import AllocationInput


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
