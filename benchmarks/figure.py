"""Figures: measured values, their references and their goals."""

from dataclasses import dataclass
from typing import Any, Final

_DIGITS: Final = 6


@dataclass(frozen=True)
class Goal:
    """The interval that a figure, or its ratio to the reference, should be in.

    Parameters
    ----------
    low, high : float, optional
        Ends of the interval, both included.
    of : str, default "figure"
        ``figure`` or ``ratio``.
    """

    low: float | None = None
    high: float | None = None
    of: str = "figure"

    def __str__(self) -> str:
        """Return the goal in words, such as ``ratio <= 0.1``."""
        if self.low is not None and self.high is not None:
            return f"{self.low:g} <= {self.of} <= {self.high:g}"
        return f"{self.of} >= {self.low:g}" if self.high is None else f"{self.of} <= {self.high:g}"

    def holds(self, value: float) -> bool:
        """Return whether a value is in the interval; NaN never is."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True)
class Figure:
    """One row of the benchmark table.

    Parameters
    ----------
    name : str
        What was measured, in words.
    figure : float
        The measured value: a median if there are several rounds.
    unit : str
        Unit of the figure and of the reference; empty for counts and shares.
    goal : Goal
        The goal.
    reference : float, optional
        The reference, measured in the same run.
    against : str, optional
        What the reference is, in words.
    n : int, default 1
        Rounds, or units of the figure.
    note : str, optional
        What a reader must know to interpret it.
    """

    name: str
    figure: float
    unit: str
    goal: Goal
    reference: float | None = None
    against: str = ""
    n: int = 1
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The figure as a multiple of the reference, None without one."""
        return None if self.reference is None else self.figure / self.reference

    def to_dict(self, *, judged: bool) -> dict[str, Any]:
        """Return the row as plain JSON values."""
        ratio = self.ratio
        value = self.figure if self.goal.of == "figure" or ratio is None else ratio
        return {
            "name": self.name,
            "figure": round(self.figure, _DIGITS),
            "reference": None if self.reference is None else round(self.reference, _DIGITS),
            "ratio": None if ratio is None else round(ratio, _DIGITS),
            "goal": str(self.goal),
            "holds": self.goal.holds(value) if judged else None,
            "unit": self.unit,
            "against": self.against,
            "n": self.n,
            "note": self.note,
        }


class NotMeasuredError(Exception):
    """Something that a case needs is missing; the message says what."""
