"""Proportional allocation: effort in proportion to a power of the value, up to full coverage of a cell."""

from dataclasses import InitVar, dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ilp_models.allocation.budget import Budget, budget_from_share
from ilp_models.domain.allocation import AllocationInput, ConstraintValue, Effort
from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Proportional:
    """Give each cell effort in proportion to its value to the power of an exponent.

    Effort above full coverage of a cell goes to the others in the same proportion. Exponent 0 gives all cells the same
    effort, 1 follows the value, and large exponents approach the top areas.

    Parameters
    ----------
    budget : Budget, optional
        Budget of each period.
    exponent : float, default 1
        The exponent, >= 0.
    lottery : bool, default False
        Draw whole cells with these shares as probabilities instead of splitting the effort; for budgets in cells.
    seed : int, default 0
        Seed of the random draws.
    share : float, optional
        Short form of ``budget=Budget(budget_share=share)``.

    Raises
    ------
    InputError
        If the exponent is negative or not a number, or a lottery is combined with hours.

    Examples
    --------
    >>> Proportional(share=0.1).name
    'proportional to value^1'
    """

    budget: Budget = field(default_factory=Budget)
    exponent: float = 1.0
    lottery: bool = False
    seed: int = 0
    share: InitVar[float | None] = field(default=None, kw_only=True)

    def __post_init__(self, share: float | None) -> None:
        """Check the settings."""
        object.__setattr__(self, "budget", budget_from_share(self.budget, share))
        if not 0 <= self.exponent < np.inf:
            msg = f"allocation.exponent={self.exponent} must be a number >= 0."
            raise InputError(msg)
        if self.lottery and self.budget.budget_unit != "cells":
            msg = "allocation.lottery draws whole cells. Set budget.budget_unit=cells, or lottery=false."
            raise InputError(msg)

    @property
    def name(self) -> str:
        """The rule as text."""
        return f"proportional to value^{self.exponent:g}{', drawn by lottery' if self.lottery else ''}"

    group_dimensions: ClassVar[tuple[str, ...]] = ()  # it knows no groups

    def allocate(self, expected_value: Floats, inputs: AllocationInput) -> Effort:
        """Return the effort of each cell and period."""
        values, need, available = self.budget.check_values(expected_value, inputs)
        scale = np.maximum(values.max(axis=0, keepdims=True), np.finfo(float).tiny)
        weights = (values / scale) ** self.exponent  # scaled first, since a large power of a small count underflows
        amount = np.stack([_fill_by_weight(column, need, available) for column in weights.T], axis=1)
        if not self.lottery:
            return Effort(amount, (amount > 0).astype(float), np.zeros(values.shape[1]))
        drawn = [
            systematic_sample(column, np.random.default_rng((self.seed, inputs.draw, period)))
            for period, column in enumerate(amount.T)
        ]
        return Effort(np.stack(drawn, axis=1), amount, np.zeros(values.shape[1]))

    def constraint_values(self, effort: Effort, share: Floats, inputs: AllocationInput) -> tuple[ConstraintValue, ...]:  # noqa: ARG002 - the shape of every rule
        """Return nothing: the budget is the only constraint."""
        return ()


def _fill_by_weight(weights: Floats, need: Floats, available: float) -> Floats:
    """Return effort in proportion to weights, at most the need; cells with weight 0 share the rest."""
    amount = np.zeros_like(need)
    some = weights > 0
    if some.any():
        amount[some] = water_fill(weights[some], need[some], min(available, float(need[some].sum())))
    left = available - float(amount.sum())
    if left > 1e-9 * available and not some.all():
        amount[~some] = water_fill(need[~some], need[~some], min(left, float(need[~some].sum())))
    return amount


def water_fill(weights: Floats, need: Floats, available: float) -> Floats:
    """Return effort c w_i, capped at the need of each cell, with c such that the whole budget is spent."""
    order = np.argsort(need / weights, kind="stable")  # the order in which cells become full as c grows
    full = np.concatenate(([0.0], np.cumsum(need[order])))[:-1]
    rest = np.cumsum(weights[order][::-1])[::-1]
    levels = (available - full) / rest
    met = levels * weights[order] <= need[order]
    level = levels[np.argmax(met)] if met.any() else np.inf
    return np.minimum(level * weights, need)


def systematic_sample(probabilities: Floats, rng: np.random.Generator) -> Floats:
    """Return a systematic sample of whole cells with exactly these inclusion probabilities."""
    order = rng.permutation(len(probabilities))
    total = round(float(probabilities.sum()))
    ends = np.cumsum(probabilities[order])
    ends *= total / ends[-1]
    ends[-1] = total
    ticks = np.floor(ends - rng.random())
    sample = np.zeros(len(probabilities))
    sample[order] = np.diff(np.concatenate(([-1.0], ticks)))
    return sample
