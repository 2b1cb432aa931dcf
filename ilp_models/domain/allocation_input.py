"""Territories: what an allocator may know of the cells and of who lives there."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]


class GroupsOfCells(Protocol):
    """Residents of each cell by the groups of one dimension."""

    @property
    def dimension(self) -> str:
        """Such as ``income``."""
        ...

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups."""
        ...

    @property
    def by_group(self) -> Floats:
        """Residents of each group, shape (cells, groups)."""
        ...

    @property
    def total(self) -> Floats:
        """All residents, shape (cells,)."""
        ...

    @property
    def shares(self) -> Floats:
        """Share of each group among the residents of a cell, 0 where nobody is known to live."""
        ...


@dataclass(frozen=True, eq=False)
class AllocationInput:
    """What an allocator may know of the cells; it never sees an event.

    Parameters
    ----------
    area_m2 : ndarray of float64
        Ground area of each cell, square metres.
    centres : ndarray of float64
        Centre of each cell, shape (cells, 2), metres.
    neighbours : csr_matrix
        Symmetric 0/1 matrix (cells x cells): 1 where two cells touch.
    districts : ndarray of str
        Parent area of each cell, empty text where there is none.
    residents : tuple of GroupsOfCells, optional
        One a dimension; without them no constraint can speak of groups.
    expected : ndarray of float64, optional
        Expected counts of each cell and period, shape (cells, periods), for coverage; by default the expected value.
    draw : int, default 0
        Number of the draw: repeated lotteries of one allocator differ by it.

    Raises
    ------
    InputError
        If the parts are not of the same cells.
    """

    area_m2: Floats
    centres: Floats
    neighbours: csr_matrix
    districts: npt.NDArray[np.object_]
    residents: tuple[GroupsOfCells, ...] = ()
    expected: Floats | None = None
    draw: int = 0

    def __post_init__(self) -> None:
        """Refuse parts of different cells."""
        size = len(self.area_m2)
        lengths = {
            "centres": len(self.centres),
            "neighbours": int(self.neighbours.shape[0]),
            "districts": len(self.districts),
            **{one.dimension: len(one.total) for one in self.residents},
            "expected": size if self.expected is None else len(self.expected),
        }
        wrong = {name: length for name, length in lengths.items() if length != size}
        if wrong:
            msg = f"A territory of {size} cells has parts of another length: {wrong}; give one value a cell."
            raise InputError(msg)

    def groups_of(self, dimension: str) -> GroupsOfCells:
        """Return the residents by the groups of one dimension."""
        for one in self.residents:
            if one.dimension == dimension:
                return one
        known = ", ".join(one.dimension for one in self.residents) or "none"
        msg = (
            f"No residents by {dimension} are known (known: {known}); give groups.path=FILE or name another dimension."
        )
        raise InputError(msg)
