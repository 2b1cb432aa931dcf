"""Top areas: cover the cells with the highest value, optionally with a cap for each district."""

from dataclasses import InitVar, dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ilp_models.allocation.budget import Budget, budget_from_share, check_sampling, sample_cells, sampled_cells
from ilp_models.allocation.constraint_values import PlanValues
from ilp_models.domain.allocation import AllocationInput, ConstraintValue, Effort
from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TopAreas:
    """Cover the cells with the highest value per need until the budget is spent.

    This is optimal where the budget is the only constraint. Ties are resolved in the order of the cells. With hours,
    the last cell gets the remaining hours.

    Parameters
    ----------
    budget : Budget, optional
        Budget of each period.
    exploration : float, default 0
        Share of the budget for cells drawn at random from all others; above 0 only whole cells are covered.
    seed : int, default 0
        Seed of the random draws.
    share : float, optional
        Short form of ``budget=Budget(budget_share=share)``.

    Raises
    ------
    InputError
        If a setting is out of range.

    Examples
    --------
    >>> TopAreas(share=0.05).name
    'top areas'
    """

    budget: Budget = field(default_factory=Budget)
    exploration: float = 0.0
    seed: int = 0
    share: InitVar[float | None] = field(default=None, kw_only=True)

    def __post_init__(self, share: float | None) -> None:
        """Check the settings."""
        object.__setattr__(self, "budget", budget_from_share(self.budget, share))
        check_sampling(self.exploration)

    @property
    def name(self) -> str:
        """The rule as text."""
        drawn = f", {self.exploration:.0%} of the budget drawn at random" if self.exploration else ""
        return f"top areas{drawn}"

    group_dimensions: ClassVar[tuple[str, ...]] = ()  # it knows no groups

    def allocate(self, expected_value: Floats, inputs: AllocationInput) -> Effort:
        """Return the effort of each cell and period."""
        values, need, available = self.budget.check_values(expected_value, inputs)
        order = np.argsort(-values / need[:, None], axis=0, kind="stable")
        if self.exploration:
            return self._with_exploration(order, need, available, inputs.draw)
        amount = np.zeros_like(values)
        needed = need[order]
        before = np.cumsum(needed, axis=0) - needed
        np.put_along_axis(amount, order, np.clip(available - before, 0.0, needed), axis=0)
        return Effort(amount, (amount > 0).astype(float), np.zeros(values.shape[1]))

    def constraint_values(self, effort: Effort, share: Floats, inputs: AllocationInput) -> tuple[ConstraintValue, ...]:  # noqa: ARG002 - the shape of every rule
        """Return nothing: the budget is the only constraint."""
        return ()

    def _with_exploration(self, order: npt.NDArray[np.int64], need: Floats, available: float, draw: int) -> Effort:
        covered, drawn = sampled_cells(self.exploration, need, available)
        amount, inclusion = np.zeros(order.shape), np.zeros(order.shape)
        for period in range(order.shape[1]):
            chosen = np.zeros(len(order), dtype=bool)
            chosen[order[: covered - drawn, period]] = True
            rng = np.random.default_rng((self.seed, draw, period))
            flags, inclusion[:, period] = sample_cells(chosen, drawn, rng)
            amount[:, period] = flags * need
        return Effort(amount, inclusion, np.zeros(order.shape[1]))


@dataclass(frozen=True)
class Capped:
    """Cover the cells with the highest value, but give no district more than a share of the budget.

    Parameters
    ----------
    budget : Budget, optional
        Budget of each period.
    most : float, default 0.25
        Maximum share of the budget for one district; cells without a district count as one district.
    share : float, optional
        Short form of ``budget=Budget(budget_share=share)``.

    Raises
    ------
    InputError
        If ``most`` is not in (0, 1].

    Examples
    --------
    >>> Capped(most=0.25, share=0.05).name
    'top areas, at most 25% of the budget for a district'
    """

    budget: Budget = field(default_factory=Budget)
    most: float = 0.25
    share: InitVar[float | None] = field(default=None, kw_only=True)

    def __post_init__(self, share: float | None) -> None:
        """Check the settings."""
        object.__setattr__(self, "budget", budget_from_share(self.budget, share))
        if not 0 < self.most <= 1:
            msg = f"allocation.most={self.most} must be in (0, 1]. Write a quarter as 0.25."
            raise InputError(msg)

    @property
    def name(self) -> str:
        """The rule as text."""
        return f"top areas, at most {self.most:.0%} of the budget for a district"

    group_dimensions: ClassVar[tuple[str, ...]] = ()  # it knows no groups

    def allocate(self, expected_value: Floats, inputs: AllocationInput) -> Effort:
        """Return the effort of each cell and period."""
        values, need, available = self.budget.check_values(expected_value, inputs)
        names, district = np.unique(inputs.districts.astype(str), return_inverse=True)
        cap = self._cap(available)
        room = np.minimum(np.bincount(district, weights=need, minlength=len(names)), cap)
        if room.sum() < available * (1 - 1e-9):
            msg = (
                f"{len(names)} district(s) with at most {cap:g} {self.budget.budget_unit} each cannot take "
                f"{available:g}. Raise allocation.most, or lower the budget."
            )
            raise InputError(msg)
        order = np.argsort(-values / need[:, None], axis=0, kind="stable")
        amount = np.zeros_like(values)
        for period in range(values.shape[1]):
            left, of_district = available, np.full(len(names), cap)
            for cell in order[:, period]:
                amount_here = min(need[cell], left, of_district[district[cell]])
                amount[cell, period] = amount_here
                left -= amount_here
                of_district[district[cell]] -= amount_here
                if left <= 0:
                    break
        return Effort(amount, (amount > 0).astype(float), np.zeros(values.shape[1]))

    def constraint_values(self, effort: Effort, share: Floats, inputs: AllocationInput) -> tuple[ConstraintValue, ...]:
        """Return the effort of each district."""
        return tuple(PlanValues(effort, share, inputs).district_cap(self._cap(self.budget.available(inputs))))

    def _cap(self, available: float) -> float:
        """Return the maximum effort for one district."""
        cap = self.most * available
        return float(np.floor(cap + 1e-9)) if self.budget.budget_unit == "cells" else cap
