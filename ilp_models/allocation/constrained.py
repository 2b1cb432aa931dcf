"""Constrained allocation: the best choice of cells under constraints, one mixed-integer program for each period."""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from ilp_models.allocation.budget import (
    Budget,
    budget_from_share,
    check_sampling,
    inclusion_probability,
    sample_cells,
    sampled_cells,
)
from ilp_models.allocation.constraint_values import PlanValues
from ilp_models.allocation.constraints import (
    Bounds,
    Constraint,
    ExposureCap,
    contiguity_constraint,
    coverage_constraints,
    district_constraints,
    spacing_constraints,
)
from ilp_models.allocation.milp import MixedIntegerProgram
from ilp_models.domain.allocation import AllocationInput, ConstraintValue, Effort
from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Constrained:
    """Cover the highest expected value among all choices that meet the constraints.

    Parameters
    ----------
    budget : Budget, optional
        Budget of each period.
    exposure : mapping of str to mapping, optional
        For each dimension of groups: ``cap`` (a number, or numbers by group) and ``reference``; see
        :class:`ilp_models.allocation.constraints.ExposureCap`.
    coverage : mapping of str to float or mapping, optional
        For each dimension of groups: the minimum share of the expected events of a group in covered cells.
    districts : float or mapping of str to float, optional
        Minimum effort for every district, or for some by name.
    spacing : float, default 0
        Minimum distance between the centres of chosen cells, metres.
    patrol_areas : int, optional
        Maximum number of connected areas that the chosen cells form; no limit by default.
    exploration : float, default 0
        Share of the budget for whole cells drawn at random from those not chosen. Exposure and coverage hold in
        expectation over the draw; spacing, patrol areas and districts hold for the chosen cells.
    whole : bool, default True
        Whether a cell is covered in full or not at all; with hours, False allows parts of a cell.
    spend_all : bool, default True
        Whether the whole budget must be spent, where all cells need the same or may be split.
    gap : float, default 0.001
        Relative gap to the optimum at which the solver may stop; the proven gap is recorded.
    time_limit_s : float, default 60
        Time limit of the solver for one period, seconds.
    seed : int, default 0
        Seed of the random draws.
    share : float, optional
        Short form of ``budget=Budget(budget_share=share)``.

    Raises
    ------
    InputError
        If a setting is out of range, or settings contradict each other.

    References
    ----------
    Wheeler (2020), Allocating police resources while limiting racial inequality. Justice Quarterly 37(5).

    Examples
    --------
    >>> Constrained(share=0.1).name
    'constrained: the budget only'
    """

    budget: Budget = field(default_factory=Budget)
    exposure: Mapping[str, Mapping[str, Any]] | None = None
    coverage: Mapping[str, Bounds] | None = None
    districts: Bounds | None = None
    spacing: float = 0.0
    patrol_areas: int | None = None
    exploration: float = 0.0
    whole: bool = True
    spend_all: bool = True
    gap: float = 1e-3
    time_limit_s: float = 60.0
    seed: int = 0
    share: InitVar[float | None] = field(default=None, kw_only=True)

    def __post_init__(self, share: float | None) -> None:
        """Check the settings."""
        object.__setattr__(self, "budget", budget_from_share(self.budget, share))
        check_sampling(self.exploration)
        self._caps()
        if not (self.spacing >= 0 and 0 <= self.gap < 1 and self.time_limit_s > 0):
            values = f"spacing={self.spacing}, gap={self.gap}, time_limit_s={self.time_limit_s}"
            msg = f"allocation needs spacing >= 0, 0 <= gap < 1 and time_limit_s > 0, not {values}."
        elif self.patrol_areas is not None and not self.patrol_areas >= 1:
            msg = f"allocation.patrol_areas={self.patrol_areas} must be at least 1, or null for no limit."
        elif self.patrol_areas is not None and self.spacing:
            msg = "allocation.spacing separates cells and patrol_areas joins them. Set only one of them."
        elif not self.whole and (
            self.budget.budget_unit == "cells" or self.exploration or self.spacing or self.patrol_areas
        ):
            msg = "allocation.whole=false needs hours, and no exploration, spacing or patrol areas. Set whole=true."
        else:
            return
        raise InputError(msg)

    @property
    def name(self) -> str:
        """The rule and its constraints as text."""
        constraints = [
            *(
                f"exposure of {dimension} at most {cap.cap} of {cap.reference or 'the rest'}"
                for dimension, cap in self._caps().items()
            ),
            *(f"coverage of {dimension} at least {floor}" for dimension, floor in (self.coverage or {}).items()),
            *([f"districts at least {self.districts}"] if self.districts is not None else []),
            *([f"{self.spacing:g} m apart"] if self.spacing else []),
            *([f"at most {self.patrol_areas} patrol area(s)"] if self.patrol_areas is not None else []),
            *([f"{self.exploration:.0%} of the budget drawn at random"] if self.exploration else []),
        ]
        return f"constrained: {'; '.join(constraints) or 'the budget only'}"

    @property
    def group_dimensions(self) -> tuple[str, ...]:
        """Dimensions with an exposure cap or a coverage minimum."""
        return tuple(dict.fromkeys((*(self.exposure or {}), *(self.coverage or {}))))

    def allocate(self, expected_value: Floats, inputs: AllocationInput) -> Effort:
        """Return the effort of each cell and period."""
        values, need, available = self.budget.check_values(expected_value, inputs)
        expected = values if inputs.expected is None else np.asarray(inputs.expected, dtype=float)
        covered, drawn = sampled_cells(self.exploration, need, available) if self.exploration else (0, 0)
        chance = inclusion_probability(len(need), covered, drawn) if drawn else 0.0
        fixed = self._period_free_constraints(inputs, need, available, drawn, chance)
        amount, inclusion = np.zeros_like(values), np.zeros_like(values)
        gaps = np.zeros(values.shape[1])
        for period in range(values.shape[1]):
            constraints = (*fixed, *self._coverage(inputs, expected[:, period], chance))
            program = MixedIntegerProgram(values[:, period], constraints, self.whole, self.gap, self.time_limit_s)
            chosen, gaps[period] = program.solve(inputs.period_text(period))
            flags, inclusion[:, period] = chosen, chosen > 0
            if drawn:
                rng = np.random.default_rng((self.seed, inputs.draw, period))
                covered_now, inclusion[:, period] = sample_cells(chosen > 0, drawn, rng)
                flags = covered_now.astype(float)
            amount[:, period] = flags * need
        return Effort(amount, inclusion, gaps)

    def constraint_values(self, effort: Effort, share: Floats, inputs: AllocationInput) -> tuple[ConstraintValue, ...]:
        """Return the value of each constraint on a finished plan. Unspent budget is none: files show what is spent."""
        plan = PlanValues(effort, share, inputs)
        return (
            *(one for dimension, cap in self._caps().items() for one in plan.exposure(dimension, cap)),
            *(
                one
                for dimension, floor in (self.coverage or {}).items()
                for one in plan.coverage(inputs.groups_of(dimension), floor)
            ),
            *(plan.districts(self.districts) if self.districts is not None else ()),
            *(plan.spacing(self.spacing) if self.spacing else ()),
            *(plan.patrol_areas(self.patrol_areas) if self.patrol_areas is not None else ()),
        )

    def _caps(self) -> dict[str, ExposureCap]:
        try:
            return {dimension: ExposureCap(**cap) for dimension, cap in (self.exposure or {}).items()}
        except TypeError as error:
            msg = f"allocation.exposure={self.exposure} needs cap, and may have reference, by dimension ({error})."
            raise InputError(msg) from error

    def _period_free_constraints(
        self, inputs: AllocationInput, need: Floats, available: float, drawn: int, chance: float
    ) -> list[Constraint]:
        """Return the constraints that are the same in every period."""
        constraints = self._budget_constraints(need, available - drawn * need[0] if drawn else available)
        for dimension, cap in self._caps().items():
            constraints += cap.constraints(inputs.groups_of(dimension), chance)
        if self.districts is not None:
            constraints += district_constraints(inputs, need, self.districts)
        if self.spacing:
            constraints += spacing_constraints(inputs, self.spacing)
        if self.patrol_areas is not None:
            most = int(np.searchsorted(np.cumsum(np.sort(need)), available * (1 + 1e-9), side="right"))
            constraints.append(contiguity_constraint(inputs, self.patrol_areas, max(most, 1)))
        return constraints

    def _budget_constraints(self, need: Floats, available: float) -> list[Constraint]:
        even = np.ptp(need) <= 1e-9 * need.max()
        row, most = csr_matrix(need / need.max()), available / need.max()
        if even and self.whole:  # whole cells
            most = np.floor(most + 1e-9)
        words = f"{most * need.max():g} {self.budget.budget_unit}"
        high = np.array([most])
        constraints = [Constraint(f"a budget of {words}", "raise the budget", row, -np.inf * np.ones(1), high)]
        if self.spend_all and (even or not self.whole):
            remedy = "set allocation.spend_all=false"
            constraints.append(Constraint(f"spending all {words}", remedy, row, high, np.array([np.inf])))
        return constraints

    def _coverage(self, inputs: AllocationInput, expected: Floats, chance: float) -> list[Constraint]:
        return [
            constraint
            for dimension, floor in (self.coverage or {}).items()
            for constraint in coverage_constraints(inputs.groups_of(dimension), floor, expected, chance)
        ]
