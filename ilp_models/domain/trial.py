"""A field trial of acting on a forecast: counts of units, their assignment to treatment, and the effect."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.integer[Any]]


class Scheme(Protocol):
    """How units are assigned to treatment. The draws of one seed are equal on every machine."""

    @property
    def name(self) -> str:
        """Name in words."""
        ...

    @property
    def randomised(self) -> bool:
        """Whether units are drawn."""
        ...

    def blocks(self, usual: Floats) -> Integers:
        """Return the block of each unit, from their usual counts; -1 for a unit that takes no part."""
        ...

    def draw(self, blocks: Integers, periods: int, draws: int, generator: np.random.Generator) -> Bools:
        """Return assignments (draws, units, periods), or (draws, units, 1) where units never change."""
        ...

    def analysed(self, treated: Bools) -> Bools:
        """Return which of the assigned periods (units, periods) are analysed; the others are washout."""
        ...


@dataclass(frozen=True, eq=False)
class TrialData:
    """Counts of a trial and the assignment of its units.

    Parameters
    ----------
    before : ndarray of float
        Counts before the trial, shape (units, periods before).
    during : ndarray of float
        Counts of the trial, shape (units, periods).
    treated : ndarray of bool
        Which units were assigned to treatment in which periods, shape of ``during``.
    scheme : Scheme
        How they were assigned.
    blocks : ndarray of int
        Block of each unit; -1 for a unit that takes no part.

    Raises
    ------
    InputError
        If shapes differ, counts are negative or not finite, or no unit is treated or none is a control.
    """

    before: Floats
    during: Floats
    treated: Bools
    scheme: Scheme
    blocks: Integers

    def __post_init__(self) -> None:
        """Refuse what cannot be compared."""
        if self.during.shape != self.treated.shape or len({len(self.before), len(self.during), len(self.blocks)}) > 1:
            msg = (
                f"The trial has counts before of shape {self.before.shape}, counts during {self.during.shape}, "
                f"assignments {self.treated.shape} and {len(self.blocks)} blocks. Give one row for each unit."
            )
            raise InputError(msg)
        for name in ("before", "during"):
            values = getattr(self, name)
            if not (np.isfinite(values).all() and (values >= 0).all()):
                msg = f"The counts {name} the trial must be finite and at least 0."
                raise InputError(msg)
        inside = self.treated[self.blocks >= 0]
        if not inside.any() or inside.all():
            what = "no unit is a control" if inside.size and inside.all() else "no unit is treated"
            msg = f"In this trial {what}, so that there is nothing to compare. Check the assignment."
            raise InputError(msg)

    @property
    def usual(self) -> Floats:
        """The usual count of each unit in one period, from the periods before the trial."""
        return usual_counts(self.before)


def usual_counts(before: npt.NDArray[Any]) -> Floats:
    """Return the mean past count of each unit, with one period of the mean of all units added."""
    total = before.sum(axis=1, dtype=float)
    return np.asarray((total + total.mean() / before.shape[1]) / (before.shape[1] + 1))


@dataclass(frozen=True)
class Effect:
    """What an estimator says about the treatment: a ratio of counts and the number of events, with intervals.

    Attributes
    ----------
    estimator : str
        Such as ``intention to treat``.
    ratio, ratio_low, ratio_high : float
        Counts of the treated as a multiple of what they would have been; NaN where the estimator has no ratio.
    events, events_low, events_high : float
        Events more (or fewer, below 0) than without the treatment, over the whole trial.
    p_value : float
        Two-sided p-value of no effect; NaN where it is not defined.
    """

    estimator: str
    ratio: float
    ratio_low: float
    ratio_high: float
    events: float
    events_low: float
    events_high: float
    p_value: float

    def shown(self, level: float = 0.05) -> bool:
        """Return whether the effect differs from none at a level."""
        return bool(self.p_value <= level)
