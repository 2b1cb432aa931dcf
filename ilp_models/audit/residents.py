"""Residents of cells by group."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Residents:
    """Residents of each cell by the groups of one dimension, such as income."""

    dimension: str
    groups: tuple[str, ...]
    by_group: Floats  # residents n_ig, (cells, groups); 0 in cells whose area is not in the table
    total: Floats  # all residents n_i, (cells,)
    by_area: Floats  # residents of the areas of the cells, (areas, groups)
    missing: float  # share of residents left out: areas without a cell, and an estimate for cells without an area
    method: str = "parent area"  # how residents were assigned: "parent area", "area overlay" or "weighted overlay"
    moved: float = 0.0  # share of residents on the grid in cells that got their residents by apportionment
    area: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))  # row of by_area of each cell, -1 unknown
    unmatched: tuple[str, ...] = ()  # areas of the table without a cell, and of the grid without a row, by name

    def __post_init__(self) -> None:
        """Set the areas of all cells to unknown where they are not given."""
        if len(self.area) == 0:
            object.__setattr__(self, "area", np.full(len(self.total), -1, dtype=np.int64))

    @property
    def shares(self) -> Floats:
        """Share s_ig of each group among the residents of a cell; 0 without residents."""
        result = np.zeros_like(self.by_group)
        np.divide(self.by_group, self.total[:, None], out=result, where=self.total[:, None] > 0)
        return result

    @property
    def areas_of_half(self) -> npt.NDArray[np.int64]:
        """The smallest number of areas that hold half of each group, shape (groups,)."""
        largest_first = -np.sort(-self.by_area, axis=0)
        return np.asarray((np.cumsum(largest_first, axis=0) < 0.5 * largest_first.sum(axis=0)).sum(axis=0) + 1)
