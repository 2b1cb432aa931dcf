"""The rules of approvals: each is checked when a line is written, and again whenever it is read."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ilp_models.audit.register.approval_lines import OBJECTIONS
from ilp_models.audit.register.declarations import declarations_for
from ilp_models.audit.register.earlier import EarlierDecision, RegisterSnapshot, earlier_decisions
from ilp_models.audit.register.extents import EXTENT
from ilp_models.audit.register.objections import open_objections
from ilp_models.audit.register.register import CLOCK, CLOCK_HINT, CLOCK_TOLERANCE, RegisterEntry, RegisterState
from ilp_models.audit.register.signatures import fingerprint
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import WithheldError
from ilp_models.domain.governance import Governance, is_same_person

_SHOWN: Final = 3  # earlier decisions named in a message


def withheld_before(lines: Sequence[RegisterEntry], decision: Decision) -> list[EarlierDecision]:
    """Return the decisions on the same data that a check withheld, without the decision itself."""
    found = earlier_decisions(lines, decision.report.header, decision.seal)
    return [one for one in found if one.counts]


def named(decisions: Sequence[EarlierDecision]) -> str:
    """Return the first of some earlier decisions in words."""
    return "; ".join(one.as_text() for one in decisions[:_SHOWN])


def check_answers(
    lines: Sequence[RegisterEntry], decision: Decision, answers: set[str], *, signed: bool = True
) -> None:
    """Raise WithheldError unless a signed approval names every withheld decision on the same data."""
    withheld = withheld_before(lines, decision)
    open_ones = [one for one in withheld if one.decision not in answers]
    if open_ones or (withheld and not signed):
        msg = (
            f"Decision {decision.short} is on the same data as others that a check withheld ({len(withheld)}), and no "
            f"signed approval answers them: {named(open_ones or withheld)}. A reviewer can do so with "
            "`ilp approve key=FILE` and say why it differs."
        )
        raise WithheldError(msg)


def _listed_objections(entry: RegisterEntry) -> tuple[int, ...]:
    """Return the numbers of the open objections that the line of an approval lists."""
    listed = entry.content.get(OBJECTIONS) or []
    return tuple(
        int(one["number"]) for one in listed if isinstance(one, Mapping) and isinstance(one.get("number"), int)
    )


def check_objections(lines: Sequence[RegisterEntry], decision: Decision, entry: RegisterEntry) -> None:
    """Raise WithheldError unless an approval lists every objection on its area that was open before it."""
    known = {one.number for one in open_objections(lines, decision.report.header.get(EXTENT))}
    missing = sorted(known - set(_listed_objections(entry)))
    if missing:
        numbers = ", ".join(map(str, missing))
        msg = (
            f"The approval of decision {decision.short} does not list the open objections {numbers} of its area. Read "
            "them with `ilp objection`, and approve again."
        )
        raise WithheldError(msg)


def check_declarations(lines: Sequence[RegisterEntry], decision: Decision) -> None:
    """Raise WithheldError unless the declarations in lines before a decision are those that its audit read."""
    header = decision.report.header
    known = RegisterSnapshot.from_dict(header["register"]) if header.get("register") else None
    if known is not None and declarations_for(lines, header, known.begins) != known.declarations:
        msg = (
            f"The declarations in the register are not those that the audit of decision {decision.short} read: one "
            "was written after it, or the decision belongs to another register. Run the audit again."
        )
        raise WithheldError(msg)


def check_key(decision: Decision, key: str, trusted_keys: Sequence[Ed25519PublicKey]) -> None:
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


def active_entries(state: RegisterState, decision: Decision, now: datetime) -> tuple[RegisterEntry, ...]:
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


def check_reviewer(decision: Decision, reviewer: str, moment: datetime) -> None:
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
