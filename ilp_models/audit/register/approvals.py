"""Approvals and withdrawals: whether the register permits acting on a decision."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ilp_models.audit.register.declarations import declarations_for
from ilp_models.audit.register.earlier import EarlierDecision, RegisterSnapshot, earlier_decisions, states_of
from ilp_models.audit.register.extents import EXTENT
from ilp_models.audit.register.objections import open_objections
from ilp_models.audit.register.register import (
    CLOCK,
    CLOCK_HINT,
    CLOCK_TOLERANCE,
    Register,
    RegisterEntry,
    RegisterState,
)
from ilp_models.audit.register.signatures import CREATE_KEY, ReviewerSignature, fingerprint, sign, verify_signature
from ilp_models.domain.decision import Approval, Decision
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.governance import Governance, is_blank, is_same_person

_SHOWN: Final = 3  # earlier decisions named in a message
_SIGNATURE: Final = ("signature", "key", "public_key")
OBJECTIONS: Final = "objections"  # in the line of an approval: the open ones, with area, text and date
HEADER_FIELDS: Final = (
    "rule",
    "rule_settings",
    "rules_tried",
    "rank_by",
    "land_share",
    "grid",
    "places",
    "group_table",
    "group_source",
    "settings_digest",
    "random_settings",
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
        _check_declarations(state.lines, decision)

    register.append(RegisterEntry("decided", who, decision.seal, decision.issued, content), check)


def approve(register: Register, decision: Decision, signature: ReviewerSignature, files: Mapping[str, str]) -> Approval:
    """Write a reviewer's approval of a decision to the register and return it.

    It names the withheld decisions on the same data that the register has. If there are any, it needs a signature.
    """
    _check_reviewer(decision, signature.reviewer, signature.now)
    lines = register.verify().lines
    answers = _withheld_before(lines, decision)
    against = open_objections(lines, decision.report.header.get(EXTENT))
    text_of = _content(signature, decision, files, [one.decision for one in answers])
    text_of |= {OBJECTIONS: [one.to_dict() for one in against]} if against else {}
    if answers and signature.key is None:
        named = "; ".join(one.as_text() for one in answers[:_SHOWN])
        msg = (
            f"Decisions on the same data that were withheld by a check before: {len(answers)} ({named}). An approval "
            f"must say in its reason why this forecast differs, and be signed: key=FILE. {CREATE_KEY}."
        )
        raise WithheldError(msg)
    signed = {} if signature.key is None else sign(_signed_bytes(decision.seal, text_of), signature.key)
    content = text_of | {"signature": "", "key": "", "public_key": ""} | signed
    entry = RegisterEntry("approved", signature.who, decision.seal, signature.now, content)
    _check_key(decision, content["key"], ())

    def check(state: RegisterState) -> None:
        _active_entries(state, decision, signature.now)
        # anyone who can write to the file can add an unsigned line: it must not prevent a signed approval
        approvals = _approvals(state.entries_of(decision.seal))
        if before := [one for one in approvals if one.content.get("key", "") == content["key"]]:
            answered = set(before[-1].content.get("answers") or ())
            if all(one.decision in answered for one in answers):
                earlier = f"{before[0].content.get('reviewer')}, on {before[0].moment:%Y-%m-%d}"
                msg = f"Decision {decision.short} is approved already; by {earlier}. Audit again for another approval."
                raise WithheldError(msg)
        _check_answers(state.lines, decision, set(content["answers"]))
        _check_objections(state.lines, decision, entry)

    digest = register.append(entry, check)
    return replace(_approval_in(entry, decision), line=digest)


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
    entries = _active_entries(state, decision, now)
    decided = next(state.lines.index(entry) for entry in entries if entry.act == "decided")
    _check_declarations(state.lines[:decided], decision)
    valid, refusals = [], []
    for entry in _approvals(entries):
        try:
            valid.append(_checked_approval(state, decision, entry, trusted_keys))
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
        _check_answers(state.lines, decision, set())
    return decision


def _checked_approval(
    state: RegisterState, decision: Decision, entry: RegisterEntry, trusted_keys: Sequence[Ed25519PublicKey]
) -> Approval:
    """Return the approval of a line; raise WithheldError if it breaks a rule of approvals."""
    approval = _approval_in(entry, decision)
    _check_reviewer(decision, approval.reviewer, approval.moment)
    _check_key(decision, approval.key, trusted_keys)
    if approval.changed != tuple(decision.report.changed):
        msg = (
            f"The approval of decision {decision.short} does not repeat the settings that differ from the defaults. "
            "Audit and approve again."
        )
        raise WithheldError(msg)
    before = state.lines[: state.lines.index(entry)]
    _check_objections(before, decision, entry)
    _check_answers(before, decision, set(approval.answers), signed=bool(approval.key))
    return approval


def _approval_in(entry: RegisterEntry, decision: Decision) -> Approval:
    """Return what a line approves, from its verified content alone; the key is that of a valid signature."""
    content = {name: value for name, value in entry.content.items() if name not in _SIGNATURE}
    signature, key, public = (str(entry.content.get(name, "")) for name in _SIGNATURE)
    if (signature or key) and verify_signature(_signed_bytes(decision.seal, content), signature, public) != key:
        msg = f"The signature of an approval of decision {decision.short} is not valid. Audit and approve again."
        raise WithheldError(msg)
    try:
        values = str(content["reviewer"]), str(content["reason"]), tuple(content["reviews"])
        files = dict(content["files"])
        answers, changed = (tuple(map(str, content[name])) for name in ("answers", "changed"))
        listed = content.get(OBJECTIONS) or []
        against = tuple(f"{one['number']} ({one['area']}, {one['moment'][:10]}): {one['text']}" for one in listed)
        return Approval(decision.seal, *values, entry.moment, key, files, answers, changed, against)
    except (InputError, KeyError, TypeError, ValueError) as error:
        msg = (
            f"The approval of decision {decision.short} in the register is incomplete ({error}). Audit "
            "and approve again."
        )
        raise WithheldError(msg) from error


def _approvals(entries: Sequence[RegisterEntry]) -> list[RegisterEntry]:
    return [entry for entry in entries if entry.act == "approved"]


def _withheld_before(lines: Sequence[RegisterEntry], decision: Decision) -> list[EarlierDecision]:
    """Return the decisions on the same data that a check withheld, without the decision itself."""
    found = earlier_decisions(lines, decision.report.header, decision.seal)
    return [one for one in found if one.counts]


def _check_answers(
    lines: Sequence[RegisterEntry], decision: Decision, answers: set[str], *, signed: bool = True
) -> None:
    """Raise WithheldError unless a signed approval names every withheld decision on the same data."""
    withheld = _withheld_before(lines, decision)
    open_ones = [one for one in withheld if one.decision not in answers]
    if open_ones or (withheld and not signed):
        named = "; ".join(one.as_text() for one in (open_ones or withheld)[:_SHOWN])
        msg = (
            f"Decision {decision.short} is on the same data as others that a check withheld ({len(withheld)}), and no "
            f"signed approval answers them: {named}. A reviewer can do so with `ilp approve key=FILE` and say why it "
            "differs."
        )
        raise WithheldError(msg)


def listed_objections(entry: RegisterEntry) -> tuple[int, ...]:
    """Return the numbers of the open objections that the line of an approval lists."""
    listed = entry.content.get(OBJECTIONS) or []
    return tuple(
        int(one["number"]) for one in listed if isinstance(one, Mapping) and isinstance(one.get("number"), int)
    )


def _check_objections(lines: Sequence[RegisterEntry], decision: Decision, entry: RegisterEntry) -> None:
    """Raise WithheldError unless an approval lists every objection on its area that was open before it."""
    known = {one.number for one in open_objections(lines, decision.report.header.get(EXTENT))}
    missing = sorted(known - set(listed_objections(entry)))
    if missing:
        numbers = ", ".join(map(str, missing))
        msg = (
            f"The approval of decision {decision.short} does not list the open objections {numbers} of its area. Read "
            "them with `ilp objection`, and approve again."
        )
        raise WithheldError(msg)


def _check_declarations(lines: Sequence[RegisterEntry], decision: Decision) -> None:
    """Raise WithheldError unless the declarations in lines before a decision are those that its audit read."""
    header = decision.report.header
    known = RegisterSnapshot.from_dict(header["register"]) if header.get("register") else None
    if known is not None and declarations_for(lines, header, known.begins) != known.declarations:
        msg = (
            f"The declarations in the register are not those that the audit of decision {decision.short} read: one "
            "was written after it, or the decision belongs to another register. Run the audit again."
        )
        raise WithheldError(msg)


def _check_key(decision: Decision, key: str, trusted_keys: Sequence[Ed25519PublicKey]) -> None:
    """Raise WithheldError unless the key of a signature is the reviewer's, and trusted where keys are given."""
    own = _governance(decision).reviewer_key or ""
    if own and key != own:
        msg = (
            f"The approval of decision {decision.short} must be signed with the reviewer's key {own[:16]}, not with "
            f"{key[:16] or 'none'}. Use key=FILE with that key."
        )
    elif trusted_keys and not own:
        msg = (
            "trusted_keys is set and the audit does not say which key is the reviewer's. Set "
            "audit.governance.reviewer_key to its fingerprint, which `ilp approve` prints behind 'signed by key', and "
            "audit again."
        )
    elif trusted_keys and key not in map(fingerprint, trusted_keys):
        msg = (
            f"The approval of decision {decision.short} is signed by none of the keys in trusted_keys. A reviewer with "
            "such a key can approve the decision with `ilp approve key=FILE`."
        )
    else:
        return
    raise WithheldError(msg)


def _active_entries(state: RegisterState, decision: Decision, now: datetime) -> tuple[RegisterEntry, ...]:
    """Return the entries of a decision; raise WithheldError if it is unknown or withdrawn, or if the clock is wrong."""
    entries = state.entries_of(decision.seal)
    withdrawn = next((entry for entry in entries if entry.act == "withdrawn"), None)
    if state.last and now.astimezone(UTC) < datetime.fromisoformat(state.last) - CLOCK_TOLERANCE:
        msg = f"The clock shows {now}, before the last line of the register ({state.last}). {CLOCK_HINT}."
    elif not any(entry.act == "decided" for entry in entries):
        msg = (
            f"The register knows no decision {decision.short}: it was made elsewhere or was changed. Run the audit "
            "again, or set register to the file that has it."
        )
    elif withdrawn is not None:
        reason = withdrawn.content.get("reason", "no reason given")
        day = str(withdrawn.content.get(CLOCK) or withdrawn.moment)[:10]
        msg = f"The decision was withdrawn on {day} by {withdrawn.who}: {reason}"
    else:
        return entries
    raise WithheldError(msg)


def _governance(decision: Decision) -> Governance:
    return Governance.from_dict(decision.report.header.get("governance") or {})


def _check_reviewer(decision: Decision, reviewer: str, moment: datetime) -> None:
    """Raise WithheldError unless this reviewer may approve the decision at this time."""
    governance = _governance(decision)
    if not decision.admitted and not decision.reviews:
        msg = f"This decision cannot be approved: {decision.summary}"
    elif not decision.issued <= moment < decision.valid_until:
        msg = f"The decision is valid from {decision.issued} to {decision.valid_until}. Run the audit again."
    elif is_same_person(reviewer, governance.trainer or ""):
        msg = f"{reviewer} trained the model and cannot approve it. Ask another reviewer."
    elif not is_same_person(reviewer, governance.reviewer or ""):
        named = governance.reviewer or "no one"
        msg = f"The audit names {named} as reviewer, not {reviewer}. Set audit.governance.reviewer and audit again."
    else:
        return
    raise WithheldError(msg)


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


def _signed_bytes(seal: str, content: Mapping[str, Any]) -> bytes:
    return json.dumps({"decision": seal, **content}, sort_keys=True).encode()
