"""The parts of a check: its states, its limits, what it has one finding for, and its entry in the catalogue."""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ilp_models.domain.errors import InputError

ALL: Final = "all"  # the pool of all crime types
NONE: Final = "none"
EXACT: Final = "none: exact"
BY_PERIOD: Final = "bootstrap of whole periods in blocks"
REVIEWER: Final = "reviewer"
NO_SIGNER: Final = "no one"


class State(StrEnum):
    """Result of a check; the gate admits only ``pass``."""

    PASS = "pass"  # noqa: S105 - a verdict, not a secret
    REVIEW = "review"
    INSUFFICIENT = "insufficient"
    FAIL = "fail"


class Scope(StrEnum):
    """A check has one finding for each of these."""

    MODEL = "model"
    CRIME_TYPE = "crime_type"
    DIMENSION = "dimension"
    GROUP = "group"
    CRIME_TYPE_AND_DIMENSION = "crime_type and dimension"
    CRIME_TYPE_AND_GROUP = "crime_type and group"


@dataclass(frozen=True)
class Limit:
    """The bounds of the value of a check.

    Parameters
    ----------
    fail_below, warn_below, warn_above, fail_above : float, optional
        Bounds in the unit of the value. A value equal to a bound is within it.
    neutral : float, default 1
        The value that means no difference: 1 for a ratio, 0 for a difference or a skill.
    decisive : bool, default False
        Whether a pass needs the whole interval above the neutral value. A tie is then a review.

    Raises
    ------
    InputError
        If a bound or the neutral value is not finite, or the bounds are out of order.

    Examples
    --------
    >>> Limit(fail_below=0.8, warn_below=0.9).judge(0.85, 0.7, 0.95)
    <State.REVIEW: 'review'>
    """

    fail_below: float | None = None
    warn_below: float | None = None
    warn_above: float | None = None
    fail_above: float | None = None
    neutral: float = 1.0
    decisive: bool = False

    def __post_init__(self) -> None:
        """Refuse bounds that every value would pass."""
        bounds = [b for b in (self.fail_below, self.warn_below, self.warn_above, self.fail_above) if b is not None]
        if not all(map(math.isfinite, (*bounds, self.neutral))) or bounds != sorted(bounds):
            msg = (
                f"A limit has the bounds {bounds} and neutral {self.neutral}. They must be finite and in the order "
                "fail_below <= warn_below <= warn_above <= fail_above. Correct audit.limits, and run the audit again."
            )
            raise InputError(msg)

    def judge(self, value: float, low: float, high: float) -> State:
        """Return the state of a value with its interval; an exact value has ``low == value == high``.

        ``insufficient`` if a number is not finite. ``fail`` beyond a fail bound with an interval that excludes the
        neutral value. ``review`` beyond a fail bound otherwise, beyond a warn bound, or if a decisive limit is not met.
        """
        if not all(map(math.isfinite, (value, low, high))):
            return State.INSUFFICIENT
        if _beyond(value, self.fail_below, self.fail_above):
            return State.REVIEW if low <= self.neutral <= high else State.FAIL
        if _beyond(value, self.warn_below, self.warn_above) or (self.decisive and low <= self.neutral):
            return State.REVIEW
        return State.PASS

    @property
    def bounded(self) -> bool:
        """Whether any value could miss the limit."""
        bounds = (self.fail_below, self.warn_below, self.warn_above, self.fail_above)
        return self.decisive or any(bound is not None for bound in bounds)

    def as_text(self) -> str:
        """Return all bounds, such as ``fail below 0.9, review below 0.95``; empty without a bound."""
        parts = [
            f"{state} {side} {bound:g}"
            for state, side, bound in (
                ("fail", "below", self.fail_below),
                ("review", "below", self.warn_below),
                ("review", "above", self.warn_above),
                ("fail", "above", self.fail_above),
            )
            if bound is not None
        ]
        return ", ".join([*parts, *([f"review unless the whole interval lies above {self.neutral:g}"] * self.decisive)])

    def acceptable(self) -> str:
        """Return the values that pass, such as ``0.9 to 1.1`` or ``at most 0``; empty without a bound."""
        if self.decisive:
            return f"the whole interval above {self.neutral:g}"
        low = self.fail_below if self.warn_below is None else self.warn_below
        high = self.fail_above if self.warn_above is None else self.warn_above
        if low is not None and high is not None:
            return f"{low:g} to {high:g}"
        return f"at least {low:g}" if low is not None else f"at most {high:g}" if high is not None else ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One entry of the catalogue: everything that settings, gate, report and documentation say about a check."""

    name: str
    label: str
    question: str
    formula: str
    reading: str  # how to read the value
    below: str = ""  # what a value below the neutral one says; a finding that misses its limit states it
    above: str = ""  # the same above it
    scope: Scope
    function: str  # module and function that make the findings, below ilp_models.audit
    advice: str = ""  # what to do if it does not pass
    denominator: str = NONE
    reference: str = NONE  # what the value is compared with
    interval: str = BY_PERIOD
    limit: Limit = field(default_factory=Limit)  # the default; without a bound the check is reported only
    adjustable: bool = True  # whether audit.limits may change the limit
    required: bool = True
    signer: str = NO_SIGNER  # who may accept a review with a reason
    about_inputs: bool = False  # about the inputs of the audit: it does not count against a later decision


def _beyond(value: float, below: float | None, above: float | None) -> bool:
    return (below is not None and value < below) or (above is not None and value > above)
