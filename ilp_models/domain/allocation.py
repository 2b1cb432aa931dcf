"""Allocations: the effort of each cell and period, its budget and rule, and the inputs of allocation rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final, Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from scipy.sparse import csr_matrix

from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]

UNITS: Final = ("cells", "hours")
TOP_AREAS: Final = "top areas"  # the rule that is audited by default
RULE: Final = "rule"  # in place of a ranking, where the plans of an audited rule were measured
DIMS: Final = ("cell", "period")
_SLACK: Final = 1e-6  # relative tolerance of solvers


class GroupsOfCells(Protocol):
    """Residents of each cell by the groups of one dimension."""

    @property
    def dimension(self) -> str:
        """Name of the dimension, such as ``income``."""
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
        """Share of each group among the residents of a cell; 0 in cells without residents."""
        ...


@dataclass(frozen=True, eq=False)
class AllocationInput:
    """Cells and residents as allocation rules see them; rules never see events."""

    area_m2: Floats  # (cells,): ground area
    centres: Floats  # (cells, 2), metres
    neighbours: csr_matrix  # symmetric 0/1 matrix (cells x cells): 1 where two cells touch
    districts: npt.NDArray[np.object_]  # parent area of each cell, empty text where there is none
    residents: tuple[GroupsOfCells, ...] = ()  # one for each dimension; needed by constraints on groups
    expected: Floats | None = None  # (cells, periods): expected counts for coverage; default: the expected value
    draw: int = 0  # number of the draw; repeated lotteries differ by it
    starts: tuple[str, ...] = ()  # first day of each period, for messages

    def __post_init__(self) -> None:
        """Check that all parts have the same number of cells."""
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
            msg = f"An allocation of {size} cells has inputs of other lengths: {wrong}. Pass one value for each cell."
            raise InputError(msg)

    def period_text(self, number: int) -> str:
        """Return which period a message is about: its first day, or its number where the days are not known."""
        return f"The period from {self.starts[number]}" if number < len(self.starts) else f"Period {number + 1}"

    def groups_of(self, dimension: str) -> GroupsOfCells:
        """Return the residents by the groups of one dimension."""
        for one in self.residents:
            if one.dimension == dimension:
                return one
        known = ", ".join(one.dimension for one in self.residents) or "none"
        msg = f"No residents by {dimension} (dimensions: {known}). Set groups.path=FILE, or another dimension."
        raise InputError(msg)


@dataclass(frozen=True, eq=False)
class Effort:
    """The result of an allocation rule."""

    amount: Floats  # (cells, periods): effort in the unit of the budget
    inclusion: Floats  # (cells, periods): probability that a cell gets effort; between 0 and 1 in lotteries
    gap: Floats  # (periods,): relative gap to the optimal value; 0 where optimal or not optimised

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Join the effort of consecutive spans of periods."""
        return cls(
            np.concatenate([part.amount for part in parts], axis=1),
            np.concatenate([part.inclusion for part in parts], axis=1),
            np.concatenate([part.gap for part in parts]),
        )


@dataclass(frozen=True)
class ConstraintValue:
    """The value that a finished plan has where an allocation rule sets a bound."""

    name: str  # what is limited, with its group or district
    period: int  # position
    value: float
    low: float
    high: float
    remedy: str  # what to change where the bound is to be another

    @property
    def excess(self) -> float:
        """How far the value lies outside the bounds; 0 if they hold, to the tolerance of solvers."""
        return max(0.0, self._beyond(self.low - self.value, self.low), self._beyond(self.value - self.high, self.high))

    def as_text(self) -> str:
        """Return value and bound, such as ``coverage of income/low is 0.1 (at least 0.2)``."""
        bound = f"at least {self.low:g}" if self.value < self.low else f"at most {self.high:g}"
        return f"{self.name} is {self.value:.4g} ({bound})"

    @staticmethod
    def _beyond(distance: float, bound: float) -> float:
        return distance if distance > _SLACK * max(1.0, abs(bound)) else 0.0


@dataclass(frozen=True, eq=False)
class PlannedPeriods:
    """An allocation rule applied to the forecast of every test period, as that forecast was known then."""

    rule: Mapping[str, Any]  # settings of the rule
    name: str  # the rule in words
    share: Floats  # (cells, periods): covered share of each cell, in expectation where cells are drawn at random
    budget_share: float  # the budget over the effort that covers every cell
    gap: Floats  # (periods,): relative gap to the optimal value
    group_dimensions: tuple[str, ...] = ()  # dimensions whose groups the rule itself looks at

    def __post_init__(self) -> None:
        """Check the shapes and that shares lie between 0 and 1."""
        if self.share.ndim != 2 or self.gap.shape != self.share.shape[1:]:
            msg = f"A plan of shape {self.share.shape} has gaps of shape {self.gap.shape}. Plan cells by periods."
            raise InputError(msg)
        if not ((self.share >= 0) & (self.share <= 1 + _SLACK)).all() or not 0 < self.budget_share <= 1 + _SLACK:
            msg = "The covered shares and the budget of a plan must lie between 0 and 1."
            raise InputError(msg)


class Allocator(Protocol):
    """An allocation rule: it turns expected values into effort under a budget."""

    @property
    def name(self) -> str:
        """Name of the rule in output files."""
        ...

    @property
    def budget(self) -> Any:
        """The :class:`ilp_models.allocation.budget.Budget` of each period."""
        ...

    @property
    def group_dimensions(self) -> tuple[str, ...]:
        """Dimensions whose groups of residents the rule looks at; empty for a rule without group data."""
        ...

    def allocate(self, expected_value: Floats, inputs: AllocationInput) -> Effort:
        """Return the effort of each cell and period."""
        ...

    def constraint_values(self, effort: Effort, share: Floats, inputs: AllocationInput) -> Sequence[ConstraintValue]:
        """Return the value of each constraint on a finished plan; ``share`` is the covered share of its cells."""
        ...


@dataclass(frozen=True)
class Override:
    """A manual change of the effort of one cell and period.

    Raises InputError where the person or the reason is missing.
    """

    cell: str
    period: str  # first day, ISO 8601
    effort: float  # new effort, in the unit of the budget
    who: str
    reason: str

    def __post_init__(self) -> None:
        """Check that person and reason are given."""
        if not self.who.strip() or not self.reason.strip():
            msg = f"The override of {self.cell} in {self.period} has no person or no reason. Fill in who and reason."
            raise InputError(msg)


@dataclass(frozen=True, eq=False)
class Allocation:
    """Effort for each cell and period under a budget, with the decision that permits it.

    Raises InputError where an effort is NaN, infinite or negative, a period exceeds the budget, the unit is unknown, or
    a cell has effort with inclusion probability 0.
    """

    effort: xr.DataArray  # (cell, period), finite and >= 0; period is a PeriodIndex
    budget: float  # of each period
    unit: str  # cells or hours
    objective: str  # such as "expected count covered"
    allocator: str  # name of the rule
    covered: xr.DataArray  # (cell, period): covered value, assumed proportional to effort up to full coverage
    inclusion: xr.DataArray  # (cell, period): probability of getting effort
    decision: str = ""  # seal of the decision; empty in experiments
    overrides: tuple[Override, ...] = field(default=())  # manual changes, already part of effort

    def __post_init__(self) -> None:
        """Check that the effort is feasible."""
        if self.unit not in UNITS:
            msg = f"The unit of effort {self.unit!r} is unknown. Choose one of {', '.join(UNITS)}."
            raise InputError(msg)
        for name, cube in (("effort", self.effort), ("covered", self.covered), ("inclusion", self.inclusion)):
            if cube.dims != DIMS or cube.shape != self.effort.shape:
                msg = f"The {name} of an allocation has dimensions {cube.dims}. Pass {DIMS} in the shape of the effort."
                raise InputError(msg)
            self._refuse(~(np.isfinite(cube.values) & (cube.values >= 0)), name, "is not a number >= 0")
        most = 1.0 if self.unit == "cells" else np.inf
        self._refuse(self.effort.values > most * (1 + _SLACK), "effort", "exceeds full coverage (1)")
        self._refuse(self.inclusion.values > 1 + _SLACK, "inclusion", "exceeds 1")
        unlikely = (self.effort.values > 0) & (self.inclusion.values <= 0)
        self._refuse(unlikely, "inclusion", "is 0 although the cell has effort")
        self._refuse_overspending()

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each cell and period: ``cell, period, effort, inclusion, covered``."""
        cubes = {"effort": self.effort, "inclusion": self.inclusion, "covered": self.covered}
        return pd.DataFrame({name: cube.to_series() for name, cube in cubes.items()}).reset_index()

    def __repr__(self) -> str:
        """Return rule, budget and size in one line."""
        cells, periods = self.effort.shape
        used = int((self.effort.values > 0).any(axis=1).sum())
        return (
            f"<Allocation by {self.allocator}: {self.budget:g} {self.unit} in each of {periods} period(s), "
            f"{used} of {cells} cells>"
        )

    def _repr_html_(self) -> str:
        """Return the summary line and the cells with the most effort, for notebooks."""
        rows = self.to_frame().sort_values("effort", ascending=False, kind="stable").head(10)
        return f"<p>{escape(repr(self))}</p>{rows.to_html(index=False, float_format='{:.3g}'.format)}"

    @property
    def periods(self) -> pd.PeriodIndex:
        """The periods, in order."""
        return pd.PeriodIndex(self.effort.indexes["period"])

    @property
    def spent(self) -> Floats:
        """Total effort in each period, shape (periods,)."""
        return np.asarray(self.effort.values.sum(axis=0))

    def _refuse(self, bad: npt.NDArray[np.bool_], name: str, why: str) -> None:
        if bad.any():
            cell, period = (int(index[0]) for index in np.nonzero(bad))
            value = {"effort": self.effort, "covered": self.covered, "inclusion": self.inclusion}[name]
            where = f"{self.effort.indexes['cell'][cell]} / {self.effort.indexes['period'][period]}"
            count = int(bad.sum())
            msg = f"The {name} {value.values[cell, period]} of {where} {why} ({count} such values). Correct it."
            raise InputError(msg)

    def _refuse_overspending(self) -> None:
        if not (np.isfinite(self.budget) and self.budget > 0):
            msg = f"The budget {self.budget} {self.unit} must be above 0."
            raise InputError(msg)
        over = self.spent > self.budget * (1 + _SLACK)
        if over.any():
            first = int(np.flatnonzero(over)[0])
            msg = (
                f"Period {self.effort.indexes['period'][first]} spends {self.spent[first]:g} of {self.budget:g} "
                f"{self.unit}. Reduce effort in other cells, or raise the budget."
            )
            raise InputError(msg)
