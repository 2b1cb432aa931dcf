"""Residents of cells by group."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Residents:
    """Residents of each cell by the groups of one dimension.

    Parameters
    ----------
    dimension : str
        Such as ``income``.
    groups : tuple of str
        Names of the groups.
    by_group : ndarray of float64
        Residents n_ig, shape (cells, groups); 0 in cells whose area the table does not know.
    total : ndarray of float64
        All residents n_i, shape (cells,).
    by_area : ndarray of float64
        Residents of the areas that the cells lie in, shape (areas, groups): what evidence is counted on.
    missing : float
        Share of residents that the measures leave out: those of table areas without a cell, and an estimate for
        cells without a table area, at the mean density of the others.
    method : str, default "parent area"
        How residents of areas were laid on the cells: by ``parent area``, or by ``area overlay`` or ``weighted
        overlay`` of polygons.
    moved : float, default 0
        Share of the residents on the grid whose cell rests on apportionment, as their area lies in several cells.
    area : ndarray of int64, optional
        Row of ``by_area`` that each cell belongs to (the one most of its residents come from), -1 where not known;
        by default of no cell.
    unmatched : tuple of str, optional
        Areas of the table without a cell, and of the grid without a row in the table, by name.
    """

    dimension: str
    groups: tuple[str, ...]
    by_group: Floats
    total: Floats
    by_area: Floats
    missing: float
    method: str = "parent area"
    moved: float = 0.0
    area: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    unmatched: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Call the areas of the cells unknown where they are not given."""
        if len(self.area) == 0:
            object.__setattr__(self, "area", np.full(len(self.total), -1, dtype=np.int64))

    @property
    def shares(self) -> Floats:
        """Share s_ig of each group among the residents of a cell, 0 where nobody is known to live."""
        result = np.zeros_like(self.by_group)
        np.divide(self.by_group, self.total[:, None], out=result, where=self.total[:, None] > 0)
        return result

    @property
    def areas_of_half(self) -> npt.NDArray[np.int64]:
        """The fewest areas that hold half of each group, shape (groups,)."""
        largest_first = -np.sort(-self.by_area, axis=0)
        return np.asarray((np.cumsum(largest_first, axis=0) < 0.5 * largest_first.sum(axis=0)).sum(axis=0) + 1)
