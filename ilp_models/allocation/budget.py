"""The budget of each period, the effort that full coverage of a cell needs, and random exploration."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ilp_models.domain.allocation import UNITS, AllocationInput
from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Budget:
    """A number of cells, or hours of patrol, for each period.

    Parameters
    ----------
    budget_share : float, default 0.05
        Share of the effort that full coverage of all cells needs; used where ``amount`` is not set.
    amount : float, optional
        Cells (a whole number) or hours in each period.
    budget_unit : str, default "cells"
        ``cells`` or ``hours``.
    per_cell : float, default 1
        Hours in a period that cover one cell in full, also the maximum for a cell; 1 with cells.
    per_km2 : float, default 0
        Additional hours for each square kilometre of the cell; 0 with cells.

    Raises
    ------
    InputError
        If a number is out of range.

    Examples
    --------
    >>> Budget(amount=40, budget_unit="hours", per_cell=2).per_km2
    0.0
    """

    budget_share: float = 0.05
    amount: float | None = None
    budget_unit: str = "cells"
    per_cell: float = 1.0
    per_km2: float = 0.0

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.budget_unit not in UNITS or not 0 < (self.budget_share or 0.0) <= 1:
            msg = (
                f"budget needs budget_unit in {UNITS} and 0 < budget_share <= 1, not budget_unit={self.budget_unit}, "
                f"budget_share={self.budget_share}. Where amount is set, omit budget_share."
            )
        elif self.budget_unit == "cells" and (self.per_cell != 1 or self.per_km2 != 0):
            msg = "budget.per_cell and per_km2 are hours. Set budget.budget_unit=hours, or leave them at 1 and 0."
        elif not (self.per_cell >= 0 and self.per_km2 >= 0 and 0 < self.per_cell + self.per_km2 < np.inf):
            msg = f"budget needs hours >= 0, not all 0: per_cell={self.per_cell}, per_km2={self.per_km2}."
        elif self.amount is not None and not (0 < self.amount < np.inf):
            msg = f"budget.amount={self.amount} must be a number above 0."
        elif self.amount is not None and self.budget_unit == "cells" and self.amount != round(self.amount):
            msg = (
                f"budget.amount={self.amount} must be a whole number of cells. "
                "Set budget.budget_unit=hours to cover part of a cell."
            )
        else:
            return
        raise InputError(msg)

    def need(self, inputs: AllocationInput) -> Floats:
        """Return the effort that covers each cell in full."""
        return np.asarray(self.per_cell + self.per_km2 * inputs.area_m2 / 1e6, dtype=float)

    def available(self, inputs: AllocationInput) -> float:
        """Return the budget of each period in cells or hours."""
        whole = float(self.need(inputs).sum())
        if self.amount is None:
            amount = self.budget_share * whole
            return max(1.0, float(round(amount))) if self.budget_unit == "cells" else amount
        if self.amount > whole * (1 + 1e-9):
            msg = f"budget.amount={self.amount:g} exceeds the effort that covers every cell ({whole:g}). Lower it."
            raise InputError(msg)
        return float(self.amount)

    def check_values(self, expected_value: Floats, inputs: AllocationInput) -> tuple[Floats, Floats, float]:
        """Return the checked values, the need of each cell and the budget of a period."""
        values = np.asarray(expected_value, dtype=float)
        if values.ndim != 2 or len(values) != len(inputs.area_m2):
            msg = f"Expected values have shape {values.shape}. Pass ({len(inputs.area_m2)} cells, periods)."
            raise InputError(msg)
        if not (np.isfinite(values) & (values >= 0)).all():
            msg = "Expected values must be finite and not negative. Check the forecast and the objective."
            raise InputError(msg)
        return values, self.need(inputs), self.available(inputs)


Flags = npt.NDArray[np.bool_]


def budget_from_share(budget: Budget, share: float | None) -> Budget:
    """Return the budget, or the one that covers a share of the land in full where a share is given."""
    if share is None:
        return budget
    if budget != Budget():
        msg = f"An allocation rule takes share={share} or a budget, not both; set budget_share in the budget."
        raise InputError(msg)
    return Budget(budget_share=share)


def check_sampling(share: float) -> None:
    """Check the share of random exploration."""
    if not 0 <= share < 1:
        msg = f"allocation.exploration={share} must be in [0, 1). Write 10 % as 0.1."
        raise InputError(msg)


def sampled_cells(share: float, need: Floats, available: float) -> tuple[int, int]:
    """Return the number of cells that the budget covers, and how many of them are drawn at random."""
    if np.ptp(need) > 1e-9 * need.max():
        msg = "allocation.exploration draws whole cells of equal need. Set budget.per_km2=0, or exploration=0."
        raise InputError(msg)
    cells = math.floor(available / need[0] * (1 + 1e-9))
    if cells < 1:
        msg = f"The budget {available:g} does not cover one cell ({need[0]:g}). Raise it, or set exploration=0."
        raise InputError(msg)
    return cells, min(cells, max(1, round(share * cells)))


def inclusion_probability(cells: int, covered: int, drawn: int) -> float:
    """Return the probability that a cell that was not chosen is drawn."""
    return drawn / (cells - (covered - drawn))


def sample_cells(chosen: Flags, drawn: int, rng: np.random.Generator) -> tuple[Flags, Floats]:
    """Draw from the cells not chosen; return the covered cells and their inclusion probabilities."""
    others = np.flatnonzero(~chosen)
    covered = chosen.copy()
    covered[rng.choice(others, size=drawn, replace=False)] = True
    return covered, np.where(chosen, 1.0, drawn / len(others))
