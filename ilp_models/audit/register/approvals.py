"""Approvals and withdrawals: whether the register permits acting on a decision."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ilp_models.audit.register.register import CLOCK_HINT, CLOCK_TOLERANCE, Register, RegisterEntry, RegisterState
from ilp_models.audit.register.signatures import ReviewerSignature, sign, verify_signature
from ilp_models.domain.decision import Approval, Decision
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.governance import Governance, is_blank, is_same_person

HEADER_FIELDS: Final = (
    "rank_by",
    "land_share",
    "grid",
    "places",
    "group_table",
    "data",
    "first_period",
    "last_period",
    "governance",
)


def record_decision(register: Register, decision: Decision, who: str) -> None:
    """Write a new decision, admitted or withheld, to the register, before any of its files is written."""
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
        **{name: header[name] for name in HEADER_FIELDS if name in header},
    }
    register.append(RegisterEntry("decided", who, decision.seal, decision.issued, content))


def approve(register: Register, decision: Decision, signature: ReviewerSignature, files: Mapping[str, str]) -> Approval:
    """Write a reviewer's approval of a decision to the register and return it."""
    _check_reviewer(decision, signature)
    approval = Approval(decision.seal, signature.reviewer, signature.reason, decision.reviews, signature.now)
    content = _content(approval, decision, files)
    text, key = ("", "") if signature.key is None else sign(_signed_bytes(decision.seal, content), signature.key)

    def check(state: RegisterState) -> None:
        _active_entries(state, decision, signature.now)
        # anyone who can write to the file can add an unsigned line: it must not prevent a signed approval
        approvals = _approvals(state.entries_of(decision.seal))
        if before := [one for one in approvals if one.content.get("key", "") == key]:
            earlier = f"{before[0].content.get('reviewer')}, on {before[0].moment:%Y-%m-%d}"
            msg = f"Decision {decision.short} is approved already; by {earlier}. Audit again for another approval."
            raise WithheldError(msg)

    entry = RegisterEntry(
        "approved", signature.who, decision.seal, signature.now, content | {"signature": text, "key": key}
    )
    register.append(entry, check)
    return replace(approval, key=key)


def withdraw(register: Register, seal: str, reason: str, who: str, now: datetime) -> None:
    """Write the withdrawal of a decision to the register; afterwards the decision permits no export."""

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
    """Return the same as :func:`registered_decision` from the state of a verified register."""
    approvals = _approvals(_active_entries(state, decision, now))
    if trusted_keys and not approvals:
        msg = (
            f"Decision {decision.short} needs a signed approval (trusted_keys is set) and has none. Run `ilp approve`."
        )
        raise WithheldError(msg)
    if not approvals:
        return decision
    signed = [one for one in approvals if not trusted_keys or _signer(decision.seal, one, trusted_keys)]
    if not signed:
        msg = (
            f"The approval of decision {decision.short} is signed by none of the keys in trusted_keys. A reviewer with "
            "such a key can approve the decision with `ilp approve key=FILE`."
        )
        raise WithheldError(msg)
    entry = signed[-1]
    content = entry.content
    key = _signer(decision.seal, entry, trusted_keys) if trusted_keys else str(content.get("key", ""))
    try:
        values = str(content["reviewer"]), str(content["reason"]), tuple(content["reviews"])
        return replace(decision, approval=Approval(decision.seal, *values, entry.moment, key))
    except (InputError, KeyError, TypeError) as error:
        msg = (
            f"The approval of decision {decision.short} in the register is incomplete ({error}). Audit "
            "and approve again."
        )
        raise WithheldError(msg) from error


def _approvals(entries: Sequence[RegisterEntry]) -> list[RegisterEntry]:
    return [entry for entry in entries if entry.act == "approved"]


def _signer(seal: str, entry: RegisterEntry, trusted_keys: Sequence[Ed25519PublicKey]) -> str:
    """Return the fingerprint of the trusted key that signed an approval; empty if none did."""
    content = {name: value for name, value in entry.content.items() if name not in ("signature", "key")}
    return verify_signature(_signed_bytes(seal, content), str(entry.content.get("signature", "")), trusted_keys)


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
        msg = f"The decision was withdrawn on {withdrawn.moment:%Y-%m-%d} by {withdrawn.who}: {reason}"
    else:
        return entries
    raise WithheldError(msg)


def _check_reviewer(decision: Decision, signature: ReviewerSignature) -> None:
    governance = Governance.from_dict(decision.report.header.get("governance") or {})
    if not decision.admitted and not decision.reviews:
        msg = f"This decision cannot be approved: {decision.summary}"
    elif not decision.issued <= signature.now < decision.valid_until:
        msg = f"The decision is valid from {decision.issued} to {decision.valid_until}. Run the audit again."
    elif is_same_person(signature.reviewer, governance.trainer or ""):
        msg = f"{signature.reviewer} trained the model and cannot approve it. Ask another reviewer."
    elif not is_same_person(signature.reviewer, governance.reviewer or ""):
        named = governance.reviewer or "no one"
        msg = (
            f"The audit names {named} as reviewer, not {signature.reviewer}. Set audit.governance.reviewer and audit "
            "again."
        )
    else:
        return
    raise WithheldError(msg)


def _content(approval: Approval, decision: Decision, files: Mapping[str, str]) -> dict[str, Any]:
    return {
        "reviewer": approval.reviewer,
        "reason": approval.reason,
        "reviews": list(approval.reviews),
        "signed": approval.moment.astimezone(UTC).isoformat(),
        "forecast": decision.forecast,
        "valid_until": decision.valid_until.isoformat(),
        "files": dict(files),
    }


def _signed_bytes(seal: str, content: Mapping[str, Any]) -> bytes:
    return json.dumps({"decision": seal, **content}, sort_keys=True).encode()
