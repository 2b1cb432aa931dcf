"""Findings of an audit as data, and the sentences that are made from them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from ilp_models.domain.check_definition import ALL, REVIEWER, Check, Limit, State
from ilp_models.domain.checks import CATALOGUE, REQUIRED, Key, label_of
from ilp_models.domain.errors import InputError

__all__ = ["ALL", "REPORTED", "Finding", "Key", "Limit", "Shortfall", "State"]

REPORTED: Final = "reported"  # shown for a value without a limit, whose state is a pass
_NUMBERS: Final = ("value", "low", "high", "evidence")
_VERDICTS: Final[Mapping[State, str]] = {
    State.PASS: "passes",
    State.REVIEW: "needs review",
    State.INSUFFICIENT: "lacks evidence",
    State.FAIL: "fails",
}


@dataclass(frozen=True)
class Shortfall:
    """Evidence that a finding lacks: an amount found and needed, or a short text where it is not an amount."""

    what: str
    found: float = math.nan
    needed: float = math.nan

    def as_text(self) -> str:
        """Return such as ``150 weighted events, 200 needed``."""
        if math.isnan(self.needed):
            return self.what
        return f"{self.found:.0f} {self.what}, {self.needed:g} needed"


@dataclass(frozen=True)
class Finding:
    """The value of one check for one crime type or group, with its state."""

    check: str
    state: State  # as judged when the finding was made; `holds` judges again
    value: float = math.nan
    low: float = math.nan  # ends of the interval, equal to the value where it is exact
    high: float = math.nan
    limit: Limit | None = None
    crime_type: str = ""  # "all" for the pool
    dimension: str = ""
    group: str = ""
    evidence: float = math.nan  # events, rows or areas that the value rests on
    shortfall: tuple[Shortfall, ...] = ()
    detail: str = ""  # a sentence that only the check knows
    advice: str = ""  # what to do; empty for a pass

    @property
    def key(self) -> Key:
        """Check, crime type, dimension and group."""
        return self.check, self.crime_type, self.dimension, self.group

    @property
    def required(self) -> bool:
        """Whether the gate requires this check."""
        return self.check in REQUIRED

    @property
    def signable(self) -> bool:
        """Whether the reviewer may accept a review of this check with a reason."""
        return self.required and REQUIRED[self.check].signer == REVIEWER

    @property
    def judged(self) -> bool:
        """Whether it has a limit; otherwise the value is reported only."""
        return self.limit is not None and self.limit.bounded

    @property
    def holds(self) -> bool:
        """Whether the check passed, and judging its numbers by its limit again confirms it."""
        if self.state is not State.PASS or self.limit is None or not self.limit.bounded:
            return False
        return self.limit.judge(self.value, self.low, self.high) is State.PASS

    @property
    def reviewable(self) -> bool:
        """Whether it is a review, also when its numbers are judged again, that the reviewer may accept."""
        if self.state is not State.REVIEW or self.limit is None or not self.signable:
            return False
        return self.limit.judge(self.value, self.low, self.high) is State.REVIEW

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; NaN becomes None, ``required`` and ``signable`` are added for readers."""
        plain: dict[str, Any] = {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}
        limit = None if self.limit is None else dict(vars(self.limit))
        lacking = [{name: _plain(value) for name, value in vars(one).items()} for one in self.shortfall]
        return plain | {
            "limit": limit,
            "shortfall": lacking,
            "required": self.required,
            "signable": self.signable,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the finding that :meth:`to_dict` wrote; InputError if it is not one of this version."""
        values = {name: value for name, value in plain.items() if name not in ("required", "signable")}
        try:
            values |= {name: _number(values[name]) for name in _NUMBERS}
            values["state"] = State(values["state"])
            values["limit"] = None if values["limit"] is None else Limit(**values["limit"])
            values["shortfall"] = tuple(
                Shortfall(one["what"], _number(one["found"]), _number(one["needed"])) for one in values["shortfall"]
            )
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            msg = f"A stored finding cannot be read ({error!r}); run the audit again."
            raise InputError(msg) from error


def subject_text(finding: Finding) -> str:
    """Return what a finding is about, such as ``Robbery, income low``; empty for the model as a whole."""
    kind = "all crime types" if finding.crime_type == ALL else finding.crime_type
    return ", ".join(filter(None, (kind, " ".join(filter(None, (finding.dimension, finding.group))))))


def state_text(finding: Finding) -> str:
    """Return the state as pages and the terminal show it: ``reported`` for a value without a limit."""
    return REPORTED if finding.state is State.PASS and not finding.judged else str(finding.state)


def verdict_text(finding: Finding) -> str:
    """Return the state as a verb, such as ``needs review``."""
    shown = state_text(finding)
    return f"is {shown}" if shown == REPORTED else _VERDICTS[finding.state]


def numbers_text(finding: Finding) -> str:
    """Return such as ``1.14 (interval 1.1 to 1.18; acceptable: 0.9 to 1.1)``; empty without a value."""
    if not math.isfinite(finding.value):
        return ""
    limit, notes = finding.limit or Limit(), []
    if math.isfinite(finding.low + finding.high):
        if finding.low != finding.high:
            notes.append(f"interval {finding.low:.3g} to {finding.high:.3g}")
    else:
        notes.append("no interval")
    if finding.judged:
        notes.append(f"acceptable: {limit.acceptable()}")
    bounds = (limit.fail_below, limit.warn_below, limit.warn_above, limit.fail_above)
    # a value just beyond a bound must not be printed as the bound itself
    digits = next((count for count in range(3, 9) if float(f"{finding.value:.{count}g}") not in bounds), 3)
    remarks = f" ({'; '.join(notes)})" if notes else ""
    return f"{finding.value:.{digits}g}{remarks}"


def remarks_text(finding: Finding) -> str:
    """Return the shortfall, the detail, how to read the value and the advice, as sentences."""
    lacking = " and ".join(one.as_text() for one in finding.shortfall)
    entry = CATALOGUE.get(finding.check)
    missed = entry is not None and finding.state in (State.FAIL, State.REVIEW) and math.isfinite(finding.value)
    parts = [
        f"{lacking[:1].upper()}{lacking[1:]}.".replace("..", ".") if lacking else "",
        finding.detail,
        _direction(finding, entry) if entry is not None and missed and entry.adjustable else "",
        finding.advice,
        "The reviewer may accept it with a reason." if finding.reviewable else "",
    ]
    return " ".join(filter(None, parts))


def _direction(finding: Finding, entry: Check) -> str:
    """Return what the value says: on which side of the neutral value it lies, else how to read it."""
    limit = finding.limit or entry.limit
    side = entry.below if finding.value < limit.neutral else entry.above if finding.value > limit.neutral else ""
    return side or entry.reading


def conclusion_text(finding: Finding) -> str:
    """Return state, subject and numbers, without the label of the check and without advice."""
    about, numbers = subject_text(finding), numbers_text(finding)
    subject, values = f" for {about}" if about else "", f": {numbers}" if numbers else ""
    return f"{verdict_text(finding)}{subject}{values}."


def predicate_text(finding: Finding) -> str:
    """Return the sentence on a finding without the label of its check."""
    return f"{conclusion_text(finding)} {remarks_text(finding)}".rstrip()


def sentence(finding: Finding) -> str:
    """Return a finding in words: conclusion, number, interval, acceptable range, and what to do."""
    return f"{label_of(finding.check)} {predicate_text(finding)}"


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _plain(value: object) -> object:
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    return str(value) if isinstance(value, State) else value
