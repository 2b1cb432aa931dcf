"""Findings: what one check of an audit measured, the limit it was held against, and the state that follows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from ilp_models.domain.checks import ALL, REQUIRED, Key
from ilp_models.domain.errors import InputError

__all__ = ["ALL", "Finding", "Key", "Limit", "State"]


class State(StrEnum):
    """What a check came to; only ``pass`` speaks for a model."""

    PASS = "pass"  # noqa: S105 - a verdict, not a secret
    REVIEW = "review"
    INSUFFICIENT = "insufficient"
    FAIL = "fail"


@dataclass(frozen=True)
class Limit:
    """The bounds that an estimate is held against.

    Parameters
    ----------
    fail_below, warn_below, warn_above, fail_above : float, optional
        Bounds in the unit of the estimate; an estimate on a bound has not crossed it.
    neutral : float, default 1
        The value that means no difference: 1 for a ratio, 0 for a difference or a skill.
    decisive : bool, default False
        Whether a pass needs the whole interval above the neutral value, so that a tie is no pass.

    Raises
    ------
    InputError
        If a bound or the neutral value is not finite, or the bounds are out of order.
    """

    fail_below: float | None = None
    warn_below: float | None = None
    warn_above: float | None = None
    fail_above: float | None = None
    neutral: float = 1.0
    decisive: bool = False

    def __post_init__(self) -> None:
        """Refuse bounds that could let everything through."""
        bounds = [b for b in (self.fail_below, self.warn_below, self.warn_above, self.fail_above) if b is not None]
        if not all(map(math.isfinite, (*bounds, self.neutral))) or bounds != sorted(bounds):
            msg = (
                f"Bounds of a limit must rise from fail_below to fail_above and be finite, not {bounds} with neutral "
                f"{self.neutral}; mend audit."
            )
            raise InputError(msg)

    def judge(self, estimate: float, low: float, high: float) -> State:
        """Return the state of an estimate.

        Parameters
        ----------
        estimate : float
            The point estimate.
        low, high : float
            Ends of its interval; both equal to the estimate where it is exact.

        Returns
        -------
        State
            ``insufficient`` if a number is not finite; ``fail`` beyond a fail bound with an interval that excludes
            the neutral value; ``review`` beyond a fail bound otherwise, beyond a warn bound, or where a decisive
            pass is asked for and the interval reaches the neutral value; else ``pass``.
        """
        if not all(map(math.isfinite, (estimate, low, high))):
            return State.INSUFFICIENT
        if _beyond(estimate, self.fail_below, self.fail_above):
            return State.REVIEW if low <= self.neutral <= high else State.FAIL
        if _beyond(estimate, self.warn_below, self.warn_above) or (self.decisive and low <= self.neutral):
            return State.REVIEW
        return State.PASS

    def words(self) -> str:
        """Return the bounds in words.

        Returns
        -------
        str
            Such as ``review beyond 0.95 to 1.05, fail beyond 0.9 to 1.1``.
        """
        parts = [
            f"{word} {side} {bound:g}"
            for word, side, bound in (
                ("fail", "below", self.fail_below),
                ("review", "below", self.warn_below),
                ("review", "above", self.warn_above),
                ("fail", "above", self.fail_above),
            )
            if bound is not None
        ]
        return ", ".join([*parts, *([f"review unless the whole interval lies above {self.neutral:g}"] * self.decisive)])


@dataclass(frozen=True)
class Finding:
    """One number of an audit with its state.

    Parameters
    ----------
    check : str
        Name of the check, such as ``sum_ratio``.
    title : str
        What was measured, in words for a reviewer.
    state : State
        As judged when the finding was made; :attr:`holds` judges again.
    reason : str
        Why the state is what it is and, where it is not pass, what to do.
    estimate, low, high : float, default NaN
        Point estimate and interval, both ends equal to the estimate where it is exact.
    limit : Limit, optional
        The bounds it was held against; none where it is only reported.
    crime_type : str, default ""
        The crime type, ``all`` for their pool, or empty.
    dimension, group : str, default ""
        Dimension of the group table, and the group in it, or empty.
    evidence : float, default NaN
        What the number rests on: events for scores, weighted events for groups, rows or areas otherwise.
    """

    check: str
    title: str
    state: State
    reason: str
    estimate: float = math.nan
    low: float = math.nan
    high: float = math.nan
    limit: Limit | None = None
    crime_type: str = ""
    dimension: str = ""
    group: str = ""
    evidence: float = math.nan

    @property
    def key(self) -> Key:
        """Check, crime type, dimension and group: what the finding is about."""
        return self.check, self.crime_type, self.dimension, self.group

    @property
    def required(self) -> bool:
        """Whether the gate demands this check."""
        return self.check in REQUIRED

    @property
    def overridable(self) -> bool:
        """Whether a person may sign a review of it with a reason."""
        return self.required and REQUIRED[self.check].overridable

    @property
    def holds(self) -> bool:
        """Whether the check passed and its numbers, judged again by bounds that are there, say so too."""
        if self.state is not State.PASS or self.limit is None or not self.limit.words():
            return False
        return self.limit.judge(self.estimate, self.low, self.high) is State.PASS

    @property
    def reviewable(self) -> bool:
        """Whether it is a review, by its numbers judged again too, that a person may accept with a reason."""
        if self.state is not State.REVIEW or self.limit is None or not self.overridable:
            return False
        return self.limit.judge(self.estimate, self.low, self.high) is State.REVIEW

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain JSON values.

        Returns
        -------
        dict
            NaN becomes None; ``required`` and ``overridable`` are added for readers.
        """
        plain: dict[str, Any] = {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}
        limit = None if self.limit is None else dict(vars(self.limit))
        return plain | {"limit": limit, "required": self.required, "overridable": self.overridable}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the finding that :meth:`to_dict` wrote.

        Parameters
        ----------
        plain : mapping
            JSON values.

        Returns
        -------
        Finding
            None becomes NaN again.

        Raises
        ------
        InputError
            If a name or a value is not one of a finding.
        """
        values = {name: value for name, value in plain.items() if name not in ("required", "overridable")}
        try:
            for name in ("estimate", "low", "high", "evidence"):
                values[name] = math.nan if values[name] is None else float(values[name])
            values["state"] = State(values["state"])
            values["limit"] = None if values["limit"] is None else Limit(**values["limit"])
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            msg = f"A stored finding cannot be read ({error!r}); run the audit again."
            raise InputError(msg) from error


def _beyond(estimate: float, below: float | None, above: float | None) -> bool:
    return (below is not None and estimate < below) or (above is not None and estimate > above)


def _plain(value: object) -> object:
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    return str(value) if isinstance(value, State) else value
