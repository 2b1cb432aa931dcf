"""Standing approvals: what a reviewer signs for the next weeks, and what ends it, from lines of the register alone."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from ilp_models.audit.register.earlier import earlier_decisions
from ilp_models.audit.register.extents import EXTENT, SAME_AREA, shared_area
from ilp_models.audit.register.register import RegisterEntry
from ilp_models.domain.check_definition import Limit, State
from ilp_models.domain.checks import label_of
from ilp_models.domain.decision import REVIEW, Decision
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.finding import Finding, subject_text

STANDING: Final = "standing"  # in the line of an approval: the terms that the reviewer signed
UNDER: Final = "under"  # in the line of an approval: the number of the line with the standing approval
METHOD: Final = "method_digest"
MAX_WEEKS: Final = 8
MONITORED: Final = "monitored"
QUIET: Final = "quiet"
_RECORD_SLACK: Final = 2.0  # times the share of records that a rule of the intake found when it was signed
# it is judged by the lines themselves: the weeks before are earlier decisions on the same data
_BY_LINES: Final = "earlier_decisions"
_OWN: Final = "A reviewer can approve this decision itself with `ilp approve key=FILE`"

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

    @classmethod
    def from_decision(cls, decision: Decision, weeks: int, now: datetime) -> Self:
        """Return the terms that follow from a decision: no review may become worse than its interval."""
        if isinstance(weeks, bool) or not 1 <= weeks <= MAX_WEEKS:
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
            )
            numbers = [one for pair in terms.bounds.values() for one in pair if one is not None]
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
        }

    def lines(self) -> list[str]:
        """Return the terms in words."""
        said = [f"{_subject_of(key)}: {_range_text(ends)}" for key, ends in sorted(self.bounds.items())]
        said += [f"{rule}: at most {share:.2%} of the records" for rule, share in sorted(self.records.items())]
        return [*said, "no other review, no failure, no lack of evidence, and no other warning on the records"]

    def fault(self, facts: Mapping[str, Any]) -> str:
        """Return why the facts of a decision's line are outside the terms; empty if they are inside."""
        try:
            return next(self._faults(facts), "")
        except (KeyError, TypeError, ValueError) as error:
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


def find_standing(lines: Sequence[RegisterEntry], method: Any) -> int:
    """Return the number of the latest line with a standing approval of a method, 0 if there is none."""
    numbers = [
        number
        for number, line in enumerate(lines, 1)
        if line.act == "approved"
        and isinstance(line.content.get(STANDING), Mapping)
        and method
        and line.content[STANDING].get("method") == method
    ]
    return numbers[-1] if numbers else 0


def check_standing(
    lines: Sequence[RegisterEntry], number: int, decision: Decision, moments: Sequence[datetime]
) -> None:
    """Raise WithheldError unless the standing approval in a line covers a decision at each of some moments.

    The signature of the line is verified by the caller. All lines count, also those after the decision.
    """
    signed = lines[number - 1]
    terms = StandingTerms.from_dict(signed.content[STANDING])
    own = next((one.content for one in lines if one.act == "decided" and one.decision == decision.seal), {})
    home = next((one.content for one in lines[:number] if one.act == "decided" and one.decision == signed.decision), {})
    why = (
        terms.fault(home)
        or _own_fault(own, decision)
        or terms.fault(own)
        or _late(terms, moments)
        or next(_endings(lines, number, terms, decision), "")
        or _monitoring_fault(lines[number:], signed.decision, home, own)
    )
    if not why and list(home.get("changed") or ()) != list(decision.report.changed):
        why = "other settings differ from the defaults than those that the reviewer accepted"
    if why:
        msg = (
            f"The standing approval of {signed.content.get('reviewer')} (line {number} of the register) does not cover "
            f"decision {decision.short}: {why}. {_OWN}."
        )
        raise WithheldError(msg)


def _own_fault(own: Mapping[str, Any], decision: Decision) -> str:
    """Return that the line of a decision does not say what the decision says; empty if it does."""
    said = {name: own.get(name) for name in standing_facts(decision)}
    differs = said != standing_facts(decision) or own.get(METHOD) != decision.report.header.get(METHOD)
    return "its line in the register does not fit it" if differs else ""


def _late(terms: StandingTerms, moments: Sequence[datetime]) -> str:
    late = any(one.astimezone(UTC) >= terms.until for one in moments)
    return f"it ended on {terms.until:%Y-%m-%d %H:%M} UTC" if late else ""


def _endings(lines: Sequence[RegisterEntry], number: int, terms: StandingTerms, decision: Decision) -> Iterator[str]:
    """Yield what ended a standing approval since its line."""
    header = decision.report.header
    decided = {one.decision: one.content for one in lines if one.act == "decided"}
    series = {seal for seal, facts in decided.items() if facts.get(METHOD) == terms.method}
    others = {one.decision for one in earlier_decisions(lines[number:], header, decision.seal) if one.counts}
    for line in lines[number:]:
        day = f"{line.moment:%Y-%m-%d}"
        if line.act == "decided" and line.decision in series | others and line.decision != decision.seal:
            if fault := terms.fault(line.content):
                yield f"it ended on {day} with decision {line.decision[:16]}: {fault}"
        elif line.act == "withdrawn" and line.decision in series | {lines[number - 1].decision}:
            yield f"it ended on {day}: decision {line.decision[:16]} was withdrawn"
        elif line.act == "objected":
            if shared_area(decided.get(line.decision, {}).get(EXTENT), header.get(EXTENT)) >= SAME_AREA:
                yield f"it ended on {day} with an objection to a plan in the area"
        elif line.act == MONITORED and line.decision in series and line.content.get(QUIET) is not True:
            yield f"it ended on {day}: monitoring was not quiet"


def _monitoring_fault(
    lines: Sequence[RegisterEntry], seal: str, home: Mapping[str, Any], own: Mapping[str, Any]
) -> str:
    """Return that monitoring has not seen the records of a decision; empty if it has, or if no period is new."""
    last = str(own.get("last_period", ""))
    if last == home.get("last_period"):
        return ""
    seen = any(
        one.act == MONITORED
        and one.decision == seal
        and one.content.get("data") == own.get("data")
        and str(one.content.get("last_period", "")) >= last
        for one in lines
    )
    return "" if seen else "monitoring has not seen its records; run `ilp monitor` on the run that the reviewer signed"


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
