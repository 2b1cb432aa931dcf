"""Who may act on a decision: what the register knows of it, approvals and withdrawals included."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ilp_models.audit.register.register import AHEAD, SLACK, Register, RegisterEntry, RegisterState
from ilp_models.audit.register.signatures import sign, verify_signature
from ilp_models.audit.register.signing import ReviewerSignature
from ilp_models.domain.approval import Approval
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.governance import Governance, same_person, says_nothing

BOUND: Final = ("unit", "share", "grid", "places", "group_table", "data", "first_period", "last_period", "governance")


def record(register: Register, decision: Decision, who: str) -> None:
    """Add the line of a new decision, admitted or withheld; it must stand before any file of the decision appears."""
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
        **{name: header[name] for name in BOUND if name in header},
    }
    register.append(RegisterEntry("decided", who, decision.seal, decision.issued, content))


def approve(register: Register, decision: Decision, signing: ReviewerSignature, files: Mapping[str, str]) -> Approval:
    """Return a reviewer's approval of a decision, having added its line."""
    _check_reviewer(decision, signing)
    approval = Approval(decision.seal, signing.reviewer, signing.reason, decision.reviews, signing.now)
    content = _content(approval, decision, files)
    signature, key = ("", "") if signing.key is None else sign(_signed(decision.seal, content), signing.key)

    def ask(standing: RegisterState) -> None:
        _known(standing, decision, signing.now)
        # whoever can write to the file can add an unsigned line: it must not keep a reviewer from signing
        if before := [one for one in _approvals(standing.about(decision.seal)) if one.content.get("key", "") == key]:
            whom = f"{before[0].content.get('reviewer')}, on {before[0].moment:%Y-%m-%d}"
            msg = f"Decision {decision.short} is approved already; by {whom}. Audit again for another approval."
            raise WithheldError(msg)

    entry = RegisterEntry(
        "approved", signing.who, decision.seal, signing.now, content | {"signature": signature, "key": key}
    )
    register.append(entry, ask)
    return replace(approval, key=key)


def withdraw(register: Register, seal: str, reason: str, who: str, now: datetime) -> None:
    """Add the line that takes a decision back; nothing of it may leave for allocation any more."""

    def ask(standing: RegisterState) -> None:
        lines = standing.about(seal)
        if says_nothing(reason):
            msg = "A withdrawal needs a reason; give reason='...'."
        elif not any(line.act == "decided" for line in lines):
            msg = f"The register {register.path} knows no decision {seal[:16]}; name the register that holds it."
        elif any(line.act == "withdrawn" for line in lines):
            msg = f"Decision {seal[:16]} is withdrawn already."
        else:
            return
        raise WithheldError(msg)

    register.append(RegisterEntry("withdrawn", who, seal, now, {"reason": reason}), ask)


def registered_decision(
    register: Register, decision: Decision, now: datetime, trusted: Sequence[Ed25519PublicKey] = ()
) -> Decision:
    """Return a decision with its approval, if the register bears it out."""
    return known_to(register.verify(), decision, now, trusted)


def known_to(
    standing: RegisterState, decision: Decision, now: datetime, trusted: Sequence[Ed25519PublicKey] = ()
) -> Decision:
    """Return the same as :func:`registered_decision` from a register that was verified already."""
    lines = _known(standing, decision, now)
    approvals = _approvals(lines)
    if trusted and not approvals:
        msg = f"Decision {decision.short} needs a signed approval and has none; see `ilp approve`."
        raise WithheldError(msg)
    if not approvals:
        return decision
    signed = [one for one in approvals if not trusted or _signer(decision.seal, one, trusted)]
    if not signed:
        msg = (
            f"The approval of decision {decision.short} is signed by none of the keys trusted; a reviewer who "
            "holds one can approve it with key=FILE."
        )
        raise WithheldError(msg)
    line = signed[-1]
    content = line.content
    key = _signer(decision.seal, line, trusted) if trusted else str(content.get("key", ""))
    try:
        words = str(content["reviewer"]), str(content["reason"]), tuple(content["reviews"])
        return replace(decision, approval=Approval(decision.seal, *words, line.moment, key))
    except (InputError, KeyError, TypeError) as error:
        msg = f"The approval of decision {decision.short} says too little; audit again and approve that."
        raise WithheldError(msg) from error


def _approvals(lines: Sequence[RegisterEntry]) -> list[RegisterEntry]:
    return [line for line in lines if line.act == "approved"]


def _signer(seal: str, line: RegisterEntry, trusted: Sequence[Ed25519PublicKey]) -> str:
    """Return the fingerprint of the trusted key that signed an approval, or nothing."""
    content = {name: value for name, value in line.content.items() if name not in ("signature", "key")}
    return verify_signature(_signed(seal, content), str(line.content.get("signature", "")), trusted)


def _known(standing: RegisterState, decision: Decision, now: datetime) -> tuple[RegisterEntry, ...]:
    """Return the lines of a decision that still stands."""
    lines = standing.about(decision.seal)
    withdrawn = next((line for line in lines if line.act == "withdrawn"), None)
    if standing.last and now.astimezone(UTC) < datetime.fromisoformat(standing.last) - SLACK:
        msg = f"The clock says {now}, before the last line of the register ({standing.last}); set it right, {AHEAD}."
    elif not any(line.act == "decided" for line in lines):
        msg = (
            f"The register knows no decision {decision.short}: it was made elsewhere or rewritten; run the "
            "audit again, or name the register that holds it."
        )
    elif withdrawn is not None:
        msg = f"The decision was withdrawn on {withdrawn.moment:%Y-%m-%d} by {withdrawn.who}: {_why(withdrawn)}"
    else:
        return lines
    raise WithheldError(msg)


def _why(line: RegisterEntry) -> str:
    return str(line.content.get("reason", "no reason given"))


def _check_reviewer(decision: Decision, signing: ReviewerSignature) -> None:
    governance = Governance.from_dict(decision.report.header.get("governance") or {})
    if not decision.admitted and not decision.reviews:
        msg = f"This decision cannot be approved: {decision.summary}"
    elif not decision.issued <= signing.now < decision.valid_until:
        msg = f"The decision is valid from {decision.issued} to {decision.valid_until}; run the audit again."
    elif same_person(signing.reviewer, governance.trainer or ""):
        msg = f"{signing.reviewer} trained the model and cannot approve it; ask somebody else."
    elif not same_person(signing.reviewer, governance.reviewer or ""):
        named = governance.reviewer or "nobody"
        msg = (
            f"The audit names {named} as reviewer, not {signing.reviewer}; set audit.governance.reviewer and audit "
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


def _signed(seal: str, content: Mapping[str, Any]) -> bytes:
    return json.dumps({"decision": seal, **content}, sort_keys=True).encode()
