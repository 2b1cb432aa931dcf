"""Standing approvals: the terms that a reviewer signs for the next weeks, and what is outside them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from ilp_models.audit.monitoring.cusum import Monitoring
from ilp_models.domain.check_definition import Limit, State
from ilp_models.domain.checks import label_of
from ilp_models.domain.decision import REVIEW, Decision
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.finding import Finding, subject_text

UNDER: Final = "under"  # in the line of an approval: the number of the line with the standing approval
METHOD: Final = "method_digest"
MAX_WEEKS: Final = 8
_RECORD_SLACK: Final = 2.0  # times the share of records that a rule of the intake found when it was signed
# it is judged by the lines themselves: the weeks before are earlier decisions on the same data
_BY_LINES: Final = "earlier_decisions"

Subject = tuple[str, ...]  # check, crime type, dimension, group
Bounds = tuple[float | None, float | None]


def standing_facts(decision: Decision) -> dict[str, Any]:
    """Return what later weeks need to know of a decision, for its line: reviews by value, and all other obstacles."""
    known = decision.report.header.get("register") or {}
    reviews = [
        [*one.key, one.value]
        for obstacle in decision.obstacles
        for one in obstacle.findings
        if obstacle.kind == REVIEW and one.check != _BY_LINES
    ]
    barred = [one.check or "the decision as a whole" for one in decision.obstacles if one.kind != REVIEW]
    return {
        "review_values": sorted(reviews),
        "barred": sorted(set(barred)),
        "unregistered": int(known.get("unregistered") or 0),
    }


@dataclass(frozen=True)
class StandingTerms:
    """What a reviewer signs: until when, for which method, and how far reviews and records may move."""

    until: datetime  # with a time zone
    method: str  # digest of all settings, groups and code
    bounds: Mapping[Subject, Bounds]  # of the value of each review; None is no bound
    records: Mapping[str, float]  # largest share of the records that each rule of the intake may find
    unregistered: int = 0  # decisions in the folder of the register that it does not know
    monitoring: Mapping[str, Any] = field(default_factory=dict)  # settings of `ilp monitor`

    @classmethod
    def from_decision(cls, decision: Decision, weeks: int, now: datetime, monitoring: Monitoring | None = None) -> Self:
        """Return the terms that follow from a decision: no review may become worse than its interval."""
        if type(weeks) is not int or not 1 <= weeks <= MAX_WEEKS:
            msg = f"standing_weeks={weeks} is not possible. A standing approval lasts 1 to {MAX_WEEKS} weeks."
            raise InputError(msg)
        header = decision.report.header
        if not header.get(METHOD):
            msg = f"Decision {decision.short} does not state its method. Audit again for a standing approval."
            raise WithheldError(msg)
        reviews = (one for obstacle in decision.obstacles if obstacle.kind == REVIEW for one in obstacle.findings)
        return cls(
            until=now.astimezone(UTC) + timedelta(weeks=weeks),
            method=str(header[METHOD]),
            bounds={one.key: _bounds(one) for one in reviews if one.check != _BY_LINES},
            records={rule: min(1.0, _RECORD_SLACK * share) for rule, share in header["intake_shares"].items()},
            unregistered=standing_facts(decision)["unregistered"],
            monitoring=(monitoring or Monitoring()).settings,
        )

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the terms that :meth:`to_dict` wrote; WithheldError if they cannot be read."""
        try:
            until = datetime.fromisoformat(plain["until"])
            terms = cls(
                until=until.astimezone(UTC) if until.tzinfo else until,
                method=str(plain["method"]),
                bounds={tuple(map(str, key)): (low, high) for *key, low, high in plain["bounds"]},
                records={str(rule): float(share) for rule, share in plain["records"].items()},
                unregistered=int(plain["unregistered"]),
                monitoring=dict(plain["monitoring"]),
            )
            numbers = [*terms.records.values(), terms.unregistered]
            numbers += [one for pair in terms.bounds.values() for one in pair if one is not None]
            if until.tzinfo is None or not all(map(math.isfinite, numbers)):
                raise ValueError(plain)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            msg = "The standing approval in the register cannot be read. Approve the decision itself."
            raise WithheldError(msg) from error
        return terms

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "until": self.until.isoformat(),
            "method": self.method,
            "bounds": [[*key, *ends] for key, ends in sorted(self.bounds.items())],
            "records": dict(self.records),
            "unregistered": self.unregistered,
            "monitoring": dict(self.monitoring),
        }

    def lines(self) -> list[str]:
        """Return the terms in words."""
        said = [f"{_subject_of(key)}: {_range_text(ends)}" for key, ends in sorted(self.bounds.items())]
        said += [f"{rule}: at most {share:.2%} of the records" for rule, share in sorted(self.records.items())]
        usual, own = Monitoring().settings, self.monitoring
        other = [f"{name}={value}" for name, value in sorted(own.items()) if usual.get(name) != value]
        said.append(f"monitoring is quiet with {', '.join(other)}" if other else "monitoring is quiet")
        return [*said, "no other review, no failure, no lack of evidence, and no other warning on the records"]

    def fault(self, facts: Mapping[str, Any]) -> str:
        """Return why the facts of a decision's line are outside the terms; empty if they are inside."""
        try:
            return next(self._faults(facts), "")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return f"its line does not state what is needed ({error!r})"

    def _faults(self, facts: Mapping[str, Any]) -> Iterator[str]:
        if facts[METHOD] != self.method:
            yield "its settings, groups or code are not those of the standing approval"
        if facts["barred"]:
            yield f"obstacles that no reviewer may accept: {', '.join(map(label_of, facts['barred']))}"
        if facts.get("rules_tried"):
            yield "it compared other rules"
        if not facts["unregistered"] <= self.unregistered:
            yield "the folder of the register has decisions that the register lacks"
        yield from self._review_faults(facts["review_values"])
        yield from self._record_faults(facts["intake_shares"])

    def _review_faults(self, reviews: Sequence[Any]) -> Iterator[str]:
        for *key, value in reviews:
            ends, about = self.bounds.get(tuple(key)), _subject_of(tuple(map(str, key)))
            if ends is None:
                yield f"{about} asks for a review that was not accepted"
            elif not (_at_least(value, ends[0]) and _at_most(value, ends[1])):
                yield f"{about} is {value:.4g}; accepted: {_range_text(ends)}"

    def _record_faults(self, shares: Mapping[str, float]) -> Iterator[str]:
        for rule, share in shares.items():
            if rule not in self.records:
                yield f"the intake has a new warning ({rule}, {share:.2%} of the records)"
            elif not share <= self.records[rule]:
                yield f"the intake warns of {share:.2%} of the records ({rule}); accepted: {self.records[rule]:.2%}"


def _bounds(finding: Finding) -> Bounds:
    """Return how far the value of a review may move: within its interval, or to where it needs no review."""
    limit = finding.limit or Limit()
    low, high = _first(limit.warn_below, limit.fail_below), _first(limit.warn_above, limit.fail_above)
    ends = min(finding.low, finding.value), max(finding.high, finding.value)
    lowest = ends[0] if low is None and limit.decisive else None if low is None else min(low, ends[0])
    return lowest, None if high is None else max(high, ends[1])


def _first(*bounds: float | None) -> float | None:
    return next((one for one in bounds if one is not None), None)


def _at_least(value: float, bound: float | None) -> bool:
    return bound is None or bool(value >= bound)


def _at_most(value: float, bound: float | None) -> bool:
    return bound is None or bool(value <= bound)


def _range_text(ends: Bounds) -> str:
    low, high = ends
    if low is None or high is None:
        known = [f"{word} {one:.4g}" for word, one in (("at least", low), ("at most", high)) if one is not None]
        return known[0] if known else "any value"
    return f"{low:.4g} to {high:.4g}"


def _subject_of(key: tuple[str, ...]) -> str:
    check, crime_type, dimension, group = key
    about = subject_text(Finding(check, State.REVIEW, crime_type=crime_type, dimension=dimension, group=group))
    return f"{label_of(check)}, {about}" if about else label_of(check)
