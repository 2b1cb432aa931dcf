"""Whether a standing approval covers a decision: the latest valid one counts, until a line of the register ends it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ilp_models.audit.register.approval_lines import STANDING, approval_in, signed_content
from ilp_models.audit.register.approval_rules import check_objections
from ilp_models.audit.register.earlier import earlier_decisions
from ilp_models.audit.register.extents import EXTENT, SAME_AREA, shared_area
from ilp_models.audit.register.register import RegisterEntry
from ilp_models.audit.register.standing import MAX_WEEKS, METHOD, StandingTerms, standing_facts
from ilp_models.domain.decision import Approval, Decision
from ilp_models.domain.errors import WithheldError
from ilp_models.domain.governance import Governance

MONITORED: Final = "monitored"
QUIET: Final = "quiet"
SETTINGS: Final = "settings"  # in the line of a monitoring: its own settings
_OWN: Final = "A reviewer can approve this decision itself with `ilp approve key=FILE`"
_REPEATED: Final = (METHOD, "intake_shares", "rules_tried", "data", "last_period", EXTENT)


def find_standing(lines: Sequence[RegisterEntry], method: Any, key: str | None = None) -> int:
    """Return the number of the latest line with a standing approval of a method, 0 if there is none.

    Lines without a valid signature, and copies of an earlier line, are no standing approvals. Lines that the reviewer's
    key signed come before those by other keys.
    """
    seen: list[Any] = []
    found: list[tuple[bool, int]] = []
    for number, line in enumerate(lines, 1):
        terms = line.content.get(STANDING)
        if line.act == "approved" and method and isinstance(terms, Mapping) and terms.get("method") == method:
            signer, known = _key_of(line), (line.decision, signed_content(line))
            if signer and known not in seen:
                found.append((signer == key, number))
            seen.append(known)
    return max(found, default=(False, 0))[1]


def reviewer_key(decision: Decision) -> str | None:
    """Return the fingerprint of the reviewer's key in the governance of a decision."""
    return Governance.from_dict(decision.report.header.get("governance") or {}).reviewer_key


def _key_of(line: RegisterEntry) -> str:
    """Return the fingerprint of the key that signed a line; empty without a valid signature."""
    try:
        return approval_in(line).key
    except WithheldError:
        return ""


def check_standing(
    lines: Sequence[RegisterEntry], number: int, decision: Decision, moments: Sequence[datetime], used: int
) -> Approval:
    """Return the standing approval in a line; raise WithheldError unless it covers a decision at each of some moments.

    It must be the latest one of its method in the lines before ``used``. All lines can end it.
    """
    signed = _valid_standing(lines, number, decision, used)
    terms = StandingTerms.from_dict(lines[number - 1].content[STANDING])
    if why := _standing_fault(lines, number, terms, decision, moments) or _monitoring_fault(
        lines, number, terms, decision
    ):
        msg = (
            f"The standing approval of {signed.reviewer} (line {number} of the register) does not cover "
            f"decision {decision.short}: {why}. {_OWN}."
        )
        raise WithheldError(msg)
    return signed


@dataclass(frozen=True)
class StandingOutlook:
    """The latest standing approval of the method of a decision, before the records of the decision were monitored."""

    number: int  # of its line in the register
    signed: str  # seal of the decision that the reviewer signed
    fault: str  # why it does not cover the decision; empty if it does once monitoring is quiet

    @classmethod
    def from_lines(cls, lines: Sequence[RegisterEntry], decision: Decision, now: datetime) -> "StandingOutlook | None":
        """Return the outlook for a decision; None if no standing approval is for its method."""
        number = find_standing(lines, decision.report.header.get(METHOD), reviewer_key(decision))
        if not number:
            return None
        given = lines[number - 1]
        try:
            _valid_standing(lines, number, decision, len(lines))
            terms = StandingTerms.from_dict(given.content[STANDING])
            fault = _standing_fault(lines, number, terms, decision, [now])
        except WithheldError as error:
            fault = str(error).rstrip(".")
        return cls(number, given.decision, fault)


def _valid_standing(lines: Sequence[RegisterEntry], number: int, decision: Decision, used: int) -> Approval:
    """Return the standing approval in a line; raise WithheldError if it is not one or not the latest of its method."""
    given = lines[number - 1]
    signed, home = approval_in(given), _decided(lines[:number], given.decision)
    terms = StandingTerms.from_dict(given.content[STANDING])
    latest = find_standing(lines[:used], terms.method, reviewer_key(decision))
    withheld = {
        one.decision
        for header in (home, decision.report.header)
        for one in earlier_decisions(lines[:number], header, given.decision)
        if one.counts
    }
    if latest != number or not withheld <= set(signed.answers):
        msg = f"The standing approval in line {number} of the register is not valid. Approve the decision itself."
        raise WithheldError(msg)
    check_objections(lines[: number - 1], decision, given)
    return signed


def _standing_fault(
    lines: Sequence[RegisterEntry],
    number: int,
    terms: StandingTerms,
    decision: Decision,
    moments: Sequence[datetime],
) -> str:
    """Return why a standing approval does not cover a decision, except for monitoring; empty if it does."""
    given = lines[number - 1]
    home, own = _decided(lines[:number], given.decision), _decided(lines, decision.seal)
    earlier = any(one.act == "decided" and one.decision == decision.seal for one in lines[:number])
    changed = "other settings differ from the defaults than those that the reviewer accepted"
    return (
        terms.fault(home)
        or _limits_fault(given, terms, earlier=earlier)
        or _own_fault(own, decision)
        or terms.fault(own)
        or _late(terms, moments)
        or next(_endings(lines, number, terms, decision), "")
        or ("" if home.get("changed") == list(decision.report.changed) else changed)
    )


def _decided(lines: Sequence[RegisterEntry], seal: str) -> Mapping[str, Any]:
    """Return the first line of a decision: a line that somebody adds later changes nothing."""
    return next((one.content for one in lines if one.act == "decided" and one.decision == seal), {})


def _limits_fault(given: RegisterEntry, terms: StandingTerms, *, earlier: bool) -> str:
    """Return that the terms last too long, or that the decision was made before them; empty if neither holds."""
    if terms.until > given.moment + timedelta(weeks=MAX_WEEKS):
        return f"it says that it lasts until {terms.until:%Y-%m-%d}, and one lasts at most {MAX_WEEKS} weeks"
    return "the decision was made before it" if earlier else ""


def _own_fault(own: Mapping[str, Any], decision: Decision) -> str:
    """Return that the line of a decision does not say what the decision says; empty if it does."""
    header = json.loads(json.dumps(decision.report.header, default=str))
    said = {name: header.get(name) for name in _REPEATED} | standing_facts(decision)
    return "" if all(own.get(name) == value for name, value in said.items()) else "its line does not fit it"


def _late(terms: StandingTerms, moments: Sequence[datetime]) -> str:
    late = any(one >= terms.until for one in moments)
    return f"it ended on {terms.until:%Y-%m-%d %H:%M} UTC" if late else ""


def _endings(lines: Sequence[RegisterEntry], number: int, terms: StandingTerms, decision: Decision) -> Iterator[str]:
    """Yield what ended a standing approval since its line."""
    header = decision.report.header
    decided = [one for one in lines if one.act == "decided"]
    series = {one.decision for one in decided if one.content.get(METHOD) == terms.method}
    others = {one.decision for one in earlier_decisions(lines[number:], header, decision.seal) if one.counts}
    for line in lines[number:]:
        day, short = f"{line.moment:%Y-%m-%d}", line.decision[:16]
        if line.act == "decided" and line.decision in series | others and line.decision != decision.seal:
            if fault := terms.fault(line.content):
                yield f"it ended on {day} with decision {short}: {fault}"
        elif line.act == "withdrawn" and line.decision in series | {lines[number - 1].decision}:
            yield f"it ended on {day}: decision {short} was withdrawn"
        elif line.act == "objected":
            extents = [one.content.get(EXTENT) for one in decided if one.decision == line.decision] or [None]
            if any(shared_area(one, header.get(EXTENT)) >= SAME_AREA for one in extents):
                yield f"it ended on {day} with an objection to a plan in the area"
        elif line.act == MONITORED and line.decision in series and line.content.get(QUIET) is not True:
            yield f"it ended on {day}: monitoring was not quiet"


def _monitoring_fault(lines: Sequence[RegisterEntry], number: int, terms: StandingTerms, decision: Decision) -> str:
    """Return that monitoring has not seen the records of a decision; empty if it has, or if they were signed."""
    signed, own = lines[number - 1].decision, _decided(lines, decision.seal)
    data, last = own.get("data"), str(own.get("last_period", ""))
    if data and data == _decided(lines[:number], signed).get("data"):
        return ""
    seen = [
        one.content.get(SETTINGS)
        for one in lines[number:]
        if one.act == MONITORED
        and one.decision == signed
        and one.content.get("data") == data
        and str(one.content.get("last_period", "")) >= last
    ]
    if terms.monitoring in seen:
        return ""
    if seen:
        return "monitoring read its records with other settings than the reviewer signed; run `ilp monitor` with those"
    return "monitoring has not seen its records; run `ilp monitor` on the run that the reviewer signed"
