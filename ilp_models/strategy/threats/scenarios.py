"""Scenarios of planning: fewer or more hours, another harm set, or a threat that is left out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ilp_models.domain.errors import InputError


@dataclass(frozen=True)
class Scenarios:
    """Which scenarios are compared with today's hours.

    Parameters
    ----------
    budget_share : float, default 0.05
        Today's hours, as a share of those that cover all cells.
    hours : sequence of float, default (0.8, 1.2)
        Factors of these hours.

    Raises
    ------
    InputError
        If a number is not above 0, or more hours are planned than cover all cells.

    Examples
    --------
    >>> Scenarios(hours=[0.5]).budget_share
    0.05
    """

    budget_share: float = 0.05
    hours: Sequence[float] = (0.8, 1.2)

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        factors = (1.0, *self.hours)
        for factor in factors:
            if not (np.isfinite(factor) and factor > 0 and 0 < factor * self.budget_share <= 1):
                msg = (
                    f"scenarios.budget_share={self.budget_share} times {factor} must be above 0 and at most 1. "
                    "Set scenarios.hours to factors of today's hours."
                )
                raise InputError(msg)
