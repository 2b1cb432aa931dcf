"""The most valuable allocation that keeps stated constraints: one mixed-integer linear programme a period."""

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
from ilp_models.domain.allocation import AllocationInput, Effort
from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Constrained:
    """Covers what is worth most among all choices that keep the constraints.

    Parameters
    ----------
    budget : Budget, optional
        What may be spent.
    exposure : mapping of str to mapping, optional
        By dimension of groups: ``cap`` (a number, or numbers by group) and ``reference``; see
        :class:`ilp_models.allocation.constraints.ExposureCap`.
    coverage : mapping of str to float or mapping, optional
        By dimension of groups: the least share of the expected events of a group on covered land.
    districts : float or mapping of str to float, optional
        Least effort for every district, or for some by name.
    spacing : float, default 0
        Least distance between the centres of chosen cells, metres.
    patrol_areas : int, optional
        Chosen cells form at most so many connected areas; without it anything goes.
    exploration : float, default 0
        Share of the budget that goes to whole cells drawn at random among those not chosen. Exposure and coverage
        hold in expectation over the draw; spacing, patrol areas and districts hold for the chosen cells.
    whole : bool, default True
        Whether a cell is covered in full or not at all; hours may also be split.
    spend_all : bool, default True
        Whether the whole budget must be spent, where cells need the same or may be split.
    gap : float, default 0.001
        Relative gap to the best allocation at which the solver may stop; the proven one is recorded.
    time_limit_s : float, default 60
        Time for one period.
    seed : int, default 0
        Of the draw.
    share : float, optional
        Short form of ``budget=Budget(budget_share=share)``.

    Raises
    ------
    InputError
        If a setting is out of its range, or settings contradict each other.

    References
    ----------
    Wheeler (2020), Allocating police resources while limiting racial inequality. Justice Quarterly 37(5).
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
        """Refuse settings that no allocation could keep."""
        object.__setattr__(self, "budget", budget_from_share(self.budget, share))
        check_sampling(self.exploration)
        self._caps()
        if not (self.spacing >= 0 and 0 <= self.gap < 1 and self.time_limit_s > 0):
            values = f"spacing={self.spacing}, gap={self.gap}, time_limit_s={self.time_limit_s}"
            msg = f"allocation needs spacing >= 0, 0 <= gap < 1 and time_limit_s > 0, not {values}."
        elif self.patrol_areas is not None and not self.patrol_areas >= 1:
            msg = f"allocation.patrol_areas={self.patrol_areas} must be at least 1, or null for no such constraint."
        elif self.patrol_areas is not None and self.spacing:
            msg = "allocation.spacing keeps chosen cells apart and patrol_areas joins them; set one of them only."
        elif not self.whole and (
            self.budget.budget_unit == "cells" or self.exploration or self.spacing or self.patrol_areas
        ):
            msg = "allocation.whole=false splits hours, without exploration, spacing or patrol areas; set whole=true."
        else:
            return
        raise InputError(msg)

    @property
    def name(self) -> str:
        """The rule in words, with every constraint."""
        kept = [
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
        return f"constrained: {'; '.join(kept) or 'the budget only'}"

    def allocate(self, expected_value: Floats, territory: AllocationInput) -> Effort:
        """Return the effort of each cell and period."""
        values, need, available = self.budget.parts(expected_value, territory)
        expected = values if territory.expected is None else np.asarray(territory.expected, dtype=float)
        covered, drawn = sampled_cells(self.exploration, need, available) if self.exploration else (0, 0)
        likely = inclusion_probability(len(need), covered, drawn) if drawn else 0.0
        fixed = self._fixed_rules(territory, need, available, drawn, likely)
        amount, inclusion = np.zeros_like(values), np.zeros_like(values)
        gaps = np.zeros(values.shape[1])
        for period in range(values.shape[1]):
            floors = self._floors(territory, expected[:, period], likely)
            program = MixedIntegerProgram(values[:, period], (*fixed, *floors), self.whole, self.gap, self.time_limit_s)
            chosen, gaps[period] = program.solve(f"Period {period + 1}")
            flags, inclusion[:, period] = chosen, chosen > 0
            if drawn:
                rng = np.random.default_rng((self.seed, territory.draw, period))
                covered_now, inclusion[:, period] = sample_cells(chosen > 0, drawn, rng)
                flags = covered_now.astype(float)
            amount[:, period] = flags * need
        return Effort(amount, inclusion, gaps)

    def _caps(self) -> dict[str, ExposureCap]:
        try:
            return {dimension: ExposureCap(**cap) for dimension, cap in (self.exposure or {}).items()}
        except TypeError as error:
            msg = f"allocation.exposure needs cap, and may have reference, for each dimension ({error})."
            raise InputError(msg) from error

    def _fixed_rules(
        self, territory: AllocationInput, need: Floats, available: float, drawn: int, likely: float
    ) -> list[Constraint]:
        """Return the rules that are the same in every period."""
        rules = self._spending(need, available - drawn * need[0] if drawn else available)
        for dimension, cap in self._caps().items():
            rules += cap.rules(territory.groups_of(dimension), likely)
        if self.districts is not None:
            rules += district_constraints(territory, need, self.districts)
        if self.spacing:
            rules += spacing_constraints(territory, self.spacing)
        if self.patrol_areas is not None:
            most = int(np.searchsorted(np.cumsum(np.sort(need)), available * (1 + 1e-9), side="right"))
            rules.append(contiguity_constraint(territory, self.patrol_areas, max(most, 1)))
        return rules

    def _spending(self, need: Floats, available: float) -> list[Constraint]:
        even = np.ptp(need) <= 1e-9 * need.max()
        row, most = csr_matrix(need / need.max()), available / need.max()
        if even and self.whole:  # a number of whole cells
            most = np.floor(most + 1e-9)
        words = f"{most * need.max():g} {self.budget.budget_unit}"
        high = np.array([most])
        rules = [Constraint(f"a budget of {words}", "raise the budget", row, -np.inf * np.ones(1), high)]
        if self.spend_all and (even or not self.whole):
            way_out = "set allocation.spend_all=false"
            rules.append(Constraint(f"spending all {words}", way_out, row, high, np.array([np.inf])))
        return rules

    def _floors(self, territory: AllocationInput, expected: Floats, likely: float) -> list[Constraint]:
        return [
            rule
            for dimension, floor in (self.coverage or {}).items()
            for rule in coverage_constraints(territory.groups_of(dimension), floor, expected, likely)
        ]
