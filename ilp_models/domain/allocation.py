"""Allocations: how much effort each cell gets in each period, under a budget, and on which decision that rests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from scipy.sparse import csr_matrix

from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]

UNITS: Final = ("cells", "hours")
DIMS: Final = ("cell", "period")
_SLACK: Final = 1e-6  # relative: a solver keeps its constraints within this


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


@dataclass(frozen=True, eq=False)
class Effort:
    """What an allocator gives.

    Parameters
    ----------
    amount : ndarray of float64
        Effort of each cell and period in the unit of the budget, shape (cells, periods).
    inclusion : ndarray of float64
        Probability with which a cell gets effort in a period, from 0 to 1, shape (cells, periods): 1 where it was
        chosen, 0 where it was not and could not have been, between where a lottery decided.
    gap : ndarray of float64
        How far the value covered may lie below the best possible one, relative, shape (periods,); 0 where it is the
        best or none was sought.
    """

    amount: Floats
    inclusion: Floats
    gap: Floats

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Return the effort of several spans of periods as one."""
        return cls(
            np.concatenate([part.amount for part in parts], axis=1),
            np.concatenate([part.inclusion for part in parts], axis=1),
            np.concatenate([part.gap for part in parts]),
        )


class Allocator(Protocol):
    """A rule that turns expected values into effort under a budget."""

    @property
    def name(self) -> str:
        """What files call the rule."""
        ...

    @property
    def budget(self) -> Any:
        """What may be spent, a :class:`ilp_models.allocation.budget.Budget`."""
        ...

    def allocate(self, expected_value: Floats, territory: AllocationInput) -> Effort:
        """Return the effort of each cell and period."""
        ...


@dataclass(frozen=True)
class Override:
    """A person's change of the effort of one cell and period.

    Parameters
    ----------
    cell, period : str
        Where and when; the period by its first day, ISO 8601.
    effort : float
        What the cell gets instead, in the unit of the budget.
    who, reason : str
        Who changed it and why.

    Raises
    ------
    InputError
        If nobody is named or no reason is given.
    """

    cell: str
    period: str
    effort: float
    who: str
    reason: str

    def __post_init__(self) -> None:
        """Refuse a change that nobody answers for."""
        if not self.who.strip() or not self.reason.strip():
            msg = f"The override of {self.cell} in {self.period} needs who made it and why; fill in who and reason."
            raise InputError(msg)


@dataclass(frozen=True, eq=False)
class Allocation:
    """Effort for each cell and period under a budget, and the decision that it rests on.

    Parameters
    ----------
    effort : DataArray
        Effort per (cell, period), finite and >= 0; ``period`` is a PeriodIndex.
    budget : float
        What may be spent in each period.
    unit : str
        ``cells`` or ``hours``: the unit of effort and budget.
    objective : str
        What was to be covered, such as ``expected count covered``.
    allocator : str
        The rule that gave it.
    covered : DataArray
        Expected value covered per (cell, period), in the unit of the objective, assuming that it grows in proportion
        to effort up to the whole of a cell.
    inclusion : DataArray
        Probability with which each (cell, period) gets effort.
    decision : str
        Seal of the decision that it rests on; empty for an experiment.
    overrides : tuple of Override, optional
        Changes made by hand, already part of ``effort``.

    Raises
    ------
    InputError
        If an effort is NaN, infinite or negative, a period spends more than the budget, the unit is unknown, or a
        cell has effort that it had no chance to get.
    """

    effort: xr.DataArray
    budget: float
    unit: str
    objective: str
    allocator: str
    covered: xr.DataArray
    inclusion: xr.DataArray
    decision: str = ""
    overrides: tuple[Override, ...] = field(default=())

    def __post_init__(self) -> None:
        """Refuse what nobody could carry out."""
        if self.unit not in UNITS:
            msg = f"The unit of effort {self.unit!r} is unknown; choose one of {', '.join(UNITS)}."
            raise InputError(msg)
        for name, cube in (("effort", self.effort), ("covered", self.covered), ("inclusion", self.inclusion)):
            if cube.dims != DIMS or cube.shape != self.effort.shape:
                msg = f"The {name} of an allocation has the dimensions {DIMS} of its effort, not {cube.dims}."
                raise InputError(msg)
            self._refuse(~(np.isfinite(cube.values) & (cube.values >= 0)), name, "is no number >= 0; give one")
        most = 1.0 if self.unit == "cells" else np.inf
        self._refuse(self.effort.values > most * (1 + _SLACK), "effort", "is more than the whole cell; give 1 at most")
        self._refuse(self.inclusion.values > 1 + _SLACK, "inclusion", "is no probability; give 1 at most")
        unlikely = (self.effort.values > 0) & (self.inclusion.values <= 0)
        self._refuse(unlikely, "inclusion", "is 0 although the cell has effort; give the chance that it had")
        self._refuse_overspending()

    @property
    def periods(self) -> pd.PeriodIndex:
        """The periods, in order."""
        return pd.PeriodIndex(self.effort.indexes["period"])

    @property
    def spent(self) -> Floats:
        """Effort given in each period, shape (periods,)."""
        return np.asarray(self.effort.values.sum(axis=0))

    def _refuse(self, bad: npt.NDArray[np.bool_], name: str, why: str) -> None:
        if bad.any():
            cell, period = (int(index[0]) for index in np.nonzero(bad))
            value = {"effort": self.effort, "covered": self.covered, "inclusion": self.inclusion}[name]
            where = f"{self.effort.indexes['cell'][cell]} / {self.effort.indexes['period'][period]}"
            msg = f"The {name} {value.values[cell, period]} of {where} {why}; {int(bad.sum())} such in all."
            raise InputError(msg)

    def _refuse_overspending(self) -> None:
        if not (np.isfinite(self.budget) and self.budget > 0):
            msg = f"A budget of {self.budget} {self.unit} allocates nothing; give a number above 0."
            raise InputError(msg)
        over = self.spent > self.budget * (1 + _SLACK)
        if over.any():
            first = int(np.flatnonzero(over)[0])
            msg = (
                f"Period {self.effort.indexes['period'][first]} spends {self.spent[first]:g} of {self.budget:g} "
                f"{self.unit}; take effort away elsewhere, or raise the budget."
            )
            raise InputError(msg)
