"""Effort in proportion to a power of the value, no cell getting more than it can take."""

from dataclasses import InitVar, dataclass, field

import numpy as np
import numpy.typing as npt

from ilp_models.allocation.budget import Budget, budget_from_share
from ilp_models.domain.allocation import AllocationInput, Effort
from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Proportional:
    """Gives each cell effort in proportion to its value raised to an exponent.

    What a cell cannot take goes to the others in the same proportion. Exponent 0 spreads evenly, 1 follows the value,
    and the larger it is the closer the effort comes to that of the top areas.

    Parameters
    ----------
    budget : Budget, optional
        What may be spent.
    exponent : float, default 1
        Gamma, >= 0.
    lottery : bool, default False
        Draw whole cells with these shares as probabilities instead of giving each cell its share of the time; for
        budgets in cells.
    seed : int, default 0
        Of the draw.
    share : float, optional
        Short form of ``budget=Budget(budget_share=share)``.

    Raises
    ------
    InputError
        If the exponent is negative or no number, or hours are to be drawn.
    """

    budget: Budget = field(default_factory=Budget)
    exponent: float = 1.0
    lottery: bool = False
    seed: int = 0
    share: InitVar[float | None] = field(default=None, kw_only=True)

    def __post_init__(self, share: float | None) -> None:
        """Refuse what gives no proportion."""
        object.__setattr__(self, "budget", budget_from_share(self.budget, share))
        if not 0 <= self.exponent < np.inf:
            msg = f"allocation.exponent={self.exponent} must be a number >= 0."
            raise InputError(msg)
        if self.lottery and self.budget.budget_unit != "cells":
            msg = "allocation.lottery draws whole cells; set budget.budget_unit=cells, or lottery=false."
            raise InputError(msg)

    @property
    def name(self) -> str:
        """The rule in words."""
        return f"proportional to value^{self.exponent:g}{', drawn by lottery' if self.lottery else ''}"

    def allocate(self, expected_value: Floats, territory: AllocationInput) -> Effort:
        """Return the effort of each cell and period."""
        values, need, available = self.budget.parts(expected_value, territory)
        scale = np.maximum(values.max(axis=0, keepdims=True), np.finfo(float).tiny)
        weights = (values / scale) ** self.exponent  # scaled first: a large power of a small count would be lost
        amount = np.stack([_poured(column, need, available) for column in weights.T], axis=1)
        if not self.lottery:
            return Effort(amount, (amount > 0).astype(float), np.zeros(values.shape[1]))
        drawn = [
            systematic(column, np.random.default_rng((self.seed, territory.draw, period)))
            for period, column in enumerate(amount.T)
        ]
        return Effort(np.stack(drawn, axis=1), amount, np.zeros(values.shape[1]))


def _poured(weights: Floats, need: Floats, available: float) -> Floats:
    """Return effort in proportion to weights, filled up to the need; cells without weight get what is then left."""
    amount = np.zeros_like(need)
    some = weights > 0
    if some.any():
        amount[some] = water_fill(weights[some], need[some], min(available, float(need[some].sum())))
    left = available - float(amount.sum())
    if left > 1e-9 * available and not some.all():
        amount[~some] = water_fill(need[~some], need[~some], min(left, float(need[~some].sum())))
    return amount


def water_fill(weights: Floats, need: Floats, available: float) -> Floats:
    """Return effort c w_i, cut at the need of each cell, with c such that all is spent."""
    order = np.argsort(need / weights, kind="stable")  # in this order cells are full, as c grows
    full = np.concatenate(([0.0], np.cumsum(need[order])))[:-1]
    rest = np.cumsum(weights[order][::-1])[::-1]
    levels = (available - full) / rest
    met = levels * weights[order] <= need[order]
    level = levels[np.argmax(met)] if met.any() else np.inf
    return np.minimum(level * weights, need)


def systematic(probabilities: Floats, rng: np.random.Generator) -> Floats:
    """Return a draw of whole cells in which each has exactly its probability."""
    order = rng.permutation(len(probabilities))
    total = round(float(probabilities.sum()))
    ends = np.cumsum(probabilities[order])
    ends *= total / ends[-1]
    ends[-1] = total
    ticks = np.floor(ends - rng.random())
    drawn = np.zeros(len(probabilities))
    drawn[order] = np.diff(np.concatenate(([-1.0], ticks)))
    return drawn
