"""Approvals and withdrawals: whether the register permits acting on a decision."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ilp_models.audit.monitoring.cusum import Monitoring
from ilp_models.audit.register.approval_lines import (
    OBJECTIONS,
    STANDING,
    approval_in,
    approvals_in,
    signed_bytes,
)
from ilp_models.audit.register.approval_rules import (
    active_entries,
    check_answers,
    check_declarations,
    check_key,
    check_objections,
    check_reviewer,
    named,
    withheld_before,
)
from ilp_models.audit.register.earlier import RegisterSnapshot, earlier_decisions, states_of
from ilp_models.audit.register.extents import EXTENT
from ilp_models.audit.register.objections import open_objections
from ilp_models.audit.register.register import Register, RegisterEntry, RegisterState
from ilp_models.audit.register.signatures import CREATE_KEY, ReviewerSignature, sign
from ilp_models.audit.register.standing import METHOD, UNDER, StandingTerms, standing_facts
from ilp_models.audit.register.standing_checks import check_standing, find_standing, reviewer_key
from ilp_models.domain.decision import Approval, Decision
from ilp_models.domain.errors import WithheldError
from ilp_models.domain.governance import is_blank

HEADER_FIELDS: Final = (
    "rule",
    "rule_settings",
    "rules_tried",
    "rank_by",
    "harm",
    "harm_set",
    "land_share",
    "grid",
    "places",
    "group_table",
    "group_source",
    "settings_digest",
    "random_settings",
    METHOD,
    "intake_shares",
    "replays",
    "data",
    EXTENT,
    "first_period",
    "last_period",
    "governance",
)


def record_decision(register: Register, decision: Decision, who: str, files: Mapping[str, str] | None = None) -> None:
    """Write a new decision, admitted or withheld, to the register, before any of its grids is written.

    ``files`` has the SHA-256 of each file that the decision rests on.
    """
    header = decision.report.header
    content = {
        "admitted": decision.admitted,
        "forecaster": decision.forecaster,
        "recipe": decision.recipe,
        "forecast": decision.forecast,
        "cutoff": decision.cutoff,
        "valid_until": decision.valid_until.isoformat(),
        "against": [] if decision.admitted else list(decision.reasons),
        "changed": list(decision.report.changed),
        **states_of(decision.findings),
        **standing_facts(decision),
        "files": dict(files or {}),
        **{name: header[name] for name in HEADER_FIELDS if name in header},
    }
    known = RegisterSnapshot.from_dict(header["register"]) if header.get("register") else None

    def check(state: RegisterState) -> None:
        found = earlier_decisions(state.lines, header, decision.seal)
        if known is not None and [one.decision for one in found] != [one.decision for one in known.earlier]:
            msg = (
                f"Another decision on the same data was written to {register.path} after this forecast was audited. "
                "Run the audit again."
            )
            raise WithheldError(msg)
        check_declarations(state.lines, decision)

    register.append(RegisterEntry("decided", who, decision.seal, decision.issued, content), check)


def approve(
    register: Register,
    decision: Decision,
    signature: ReviewerSignature,
    files: Mapping[str, str],
    standing_weeks: int = 0,
    monitoring: Monitoring | None = None,
) -> Approval:
    """Write a reviewer's approval of a decision to the register and return it.

    It names the withheld decisions on the same data that the register has. If there are any, it needs a signature. It
    also needs one to cover the decisions of later weeks, which are then monitored with the settings of ``monitoring``.
    """
    check_reviewer(decision, signature.reviewer, signature.now)
    lines = register.verify().lines
    answers = withheld_before(lines, decision)
    against = open_objections(lines, decision.report.header.get(EXTENT))
    text_of = _content(signature, decision, files, [one.decision for one in answers])
    text_of |= {OBJECTIONS: [one.to_dict() for one in against]} if against else {}
    if type(standing_weeks) is not int or standing_weeks != 0:
        terms = StandingTerms.from_decision(decision, standing_weeks, signature.now, monitoring)
        text_of[STANDING] = terms.to_dict()
        own = next((one.content for one in lines if one.act == "decided" and one.decision == decision.seal), {})
        if fault := terms.fault(own):
            msg = f"A standing approval would not cover this decision itself: {fault}. Leave standing_weeks out."
            raise WithheldError(msg)
        if signature.key is None:
            msg = f"A standing approval must be signed: key=FILE. {CREATE_KEY}."
            raise WithheldError(msg)
    if answers and signature.key is None:
        msg = (
            f"Decisions on the same data that were withheld by a check before: {len(answers)} ({named(answers)}). An "
            f"approval must say in its reason why this forecast differs, and be signed: key=FILE. {CREATE_KEY}."
        )
        raise WithheldError(msg)
    signed = {} if signature.key is None else sign(signed_bytes(decision.seal, text_of), signature.key)
    content = text_of | {"signature": "", "key": "", "public_key": ""} | signed
    entry = RegisterEntry("approved", signature.who, decision.seal, signature.now, content)
    check_key(decision, content["key"], ())

    def check(state: RegisterState) -> None:
        active_entries(state, decision, signature.now)
        # anyone who can write to the file can add an unsigned line: it must not prevent a signed approval
        approvals = approvals_in(state.entries_of(decision.seal))
        # and a line under a standing approval, which may have ended, prevents no own approval
        own = [one for one in approvals if UNDER not in one.content]
        if before := [one for one in own if one.content.get("key", "") == content["key"]]:
            answered = set(before[-1].content.get("answers") or ())
            if all(one.decision in answered for one in answers):
                earlier = f"{before[0].content.get('reviewer')}, on {before[0].moment:%Y-%m-%d}"
                msg = f"Decision {decision.short} is approved already; by {earlier}. Audit again for another approval."
                raise WithheldError(msg)
        check_answers(state.lines, decision, set(content["answers"]))
        check_objections(state.lines, decision, entry)

    digest = register.append(entry, check)
    return replace(approval_in(entry), line=digest)


def approve_under_standing(
    register: Register, decision: Decision, files: Mapping[str, str], who: str, now: datetime
) -> Approval:
    """Write that a decision is approved by a standing approval in the register, and return the approval.

    Raises WithheldError with the reason if none covers the decision.
    """
    lines = register.verify().lines
    number = find_standing(lines, decision.report.header.get(METHOD), reviewer_key(decision))
    if not number:
        msg = (
            f"No standing approval in {register.path} is for the settings, groups and code of decision "
            f"{decision.short}. Approve the decision itself, with standing_weeks=8 for the next weeks too."
        )
        raise WithheldError(msg)
    signed = approval_in(lines[number - 1])
    signature = ReviewerSignature(signed.reviewer, _reason_under(number, signed.reason), who, now)
    answers = [one.decision for one in withheld_before(lines, decision)]
    content = _content(signature, decision, files, answers) | {UNDER: number}
    entry = RegisterEntry("approved", who, decision.seal, now, content)

    def check(state: RegisterState) -> None:
        if any(one.content.get(UNDER) == number for one in approvals_in(state.entries_of(decision.seal))):
            msg = f"Decision {decision.short} is approved under the standing approval already. Nothing is left to do."
            raise WithheldError(msg)
        # checked as it will be read
        after = replace(state, entries=state.entries + 1, lines=(*state.lines, entry))
        active_entries(after, decision, now)
        _checked_approval(after, decision, entry, (), now)

    digest = register.append(entry, check)
    return replace(_checked_approval(register.verify(), decision, entry, (), now), line=digest)


def _reason_under(number: int, reason: str) -> str:
    return f"under the standing approval in line {number}: {reason}"


def withdraw(register: Register, seal: str, reason: str, who: str, now: datetime) -> None:
    """Write the withdrawal of a decision to the register; afterwards the decision permits no export.

    It is possible at any time: if the last line has a later time than ``now``, the withdrawal has that time and states
    the time of the clock.
    """

    def check(state: RegisterState) -> None:
        entries = state.entries_of(seal)
        if is_blank(reason):
            msg = f"A withdrawal needs a reason, not {reason!r}. Give reason='...'."
        elif not any(entry.act == "decided" for entry in entries):
            msg = f"The register {register.path} knows no decision {seal[:16]}. Set register to the file that has it."
        elif any(entry.act == "withdrawn" for entry in entries):
            msg = f"Decision {seal[:16]} is withdrawn already; see {register.path}. Nothing is left to do."
        else:
            return
        raise WithheldError(msg)

    register.append(RegisterEntry("withdrawn", who, seal, now, {"reason": reason}), check)


def registered_decision(
    register: Register, decision: Decision, now: datetime, trusted_keys: Sequence[Ed25519PublicKey] = ()
) -> Decision:
    """Return a decision with its approval; raise WithheldError if the register does not confirm the decision."""
    return decision_in_state(register.verify(), decision, now, trusted_keys)


def decision_in_state(
    state: RegisterState, decision: Decision, now: datetime, trusted_keys: Sequence[Ed25519PublicKey] = ()
) -> Decision:
    """Return the same as :func:`registered_decision` from the state of a verified register.

    Every rule of an approval is checked again. Lines that break one are ignored, since anyone can add a line.
    """
    entries = active_entries(state, decision, now)
    decided = next(state.lines.index(entry) for entry in entries if entry.act == "decided")
    check_declarations(state.lines[:decided], decision)
    valid, refusals = [], []
    for entry in approvals_in(entries):
        try:
            valid.append(_checked_approval(state, decision, entry, trusted_keys, now))
        except WithheldError as error:
            refusals.append(error)
    if valid:
        return replace(decision, approval=([one for one in valid if one.key] or valid)[-1])
    if refusals:
        raise refusals[-1]
    if trusted_keys:
        msg = (
            f"Decision {decision.short} needs a signed approval (trusted_keys is set) and has none. Run `ilp approve`."
        )
        raise WithheldError(msg)
    if decision.admitted:
        check_answers(state.lines, decision, set())
    return decision


def _checked_approval(
    state: RegisterState,
    decision: Decision,
    entry: RegisterEntry,
    trusted_keys: Sequence[Ed25519PublicKey],
    now: datetime,
) -> Approval:
    """Return the approval of a line; raise WithheldError if it breaks a rule of approvals."""
    approval = approval_in(entry)
    if UNDER in entry.content:
        signed = _standing_approval(state, decision, entry, now)
        # the line itself is not signed: reviewer, reason and key are those of the signature
        number = entry.content[UNDER]
        reason = _reason_under(number, signed.reason)
        approval = replace(approval, reviewer=signed.reviewer, reason=reason, key=signed.key)
        approval = replace(approval, under=number, standing=signed.standing)
    check_reviewer(decision, approval.reviewer, approval.moment)
    check_key(decision, approval.key, trusted_keys)
    if approval.changed != tuple(decision.report.changed):
        msg = (
            f"The approval of decision {decision.short} does not repeat the settings that differ from the defaults. "
            "Audit and approve again."
        )
        raise WithheldError(msg)
    before = state.lines[: state.lines.index(entry)]
    if not approval.under:  # an objection ends a standing approval
        check_objections(before, decision, entry)
    check_answers(before, decision, set(approval.answers), signed=bool(approval.key))
    return approval


def _standing_approval(state: RegisterState, decision: Decision, entry: RegisterEntry, now: datetime) -> Approval:
    """Return the standing approval that a line follows from; raise WithheldError unless it covers the decision."""
    number, lines = entry.content[UNDER], state.lines
    before = lines.index(entry)
    given = lines[number - 1] if type(number) is int and 0 < number <= before else None
    if given is None or given.act != "approved" or not isinstance(given.content.get(STANDING), Mapping):
        msg = f"The approval of decision {decision.short} names no standing approval. Audit and approve again."
        raise WithheldError(msg)
    return check_standing(lines, number, decision, (entry.moment, now), before)


def _content(
    signature: ReviewerSignature, decision: Decision, files: Mapping[str, str], answers: Sequence[str]
) -> dict[str, Any]:
    # building the approval refuses one without a name or a reason
    approval = Approval(decision.seal, signature.reviewer, signature.reason, decision.reviews, signature.now)
    return {
        "reviewer": approval.reviewer,
        "reason": approval.reason,
        "reviews": list(approval.reviews),
        "changed": list(decision.report.changed),
        "answers": list(answers),
        "signed": approval.moment.astimezone(UTC).isoformat(),
        "forecast": decision.forecast,
        "valid_until": decision.valid_until.isoformat(),
        "files": dict(files),
    }
