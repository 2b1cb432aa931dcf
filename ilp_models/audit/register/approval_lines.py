"""What the line of an approval says, and whether its signature is valid."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ilp_models.audit.register.register import RegisterEntry
from ilp_models.audit.register.signatures import verify_signature
from ilp_models.domain.decision import Approval
from ilp_models.domain.errors import InputError, WithheldError

OBJECTIONS: Final = "objections"  # in the line of an approval: the open ones, with area, text and date
STANDING: Final = "standing"  # in the line of an approval: the terms that the reviewer signed
_SIGNATURE: Final = ("signature", "key", "public_key")


def approval_in(entry: RegisterEntry) -> Approval:
    """Return what a line approves, from its verified content alone; the key is that of a valid signature."""
    seal, content = entry.decision, signed_content(entry)
    signature, key, public = (str(entry.content.get(name, "")) for name in _SIGNATURE)
    if (signature or key) and verify_signature(signed_bytes(seal, content), signature, public) != key:
        msg = f"The signature of an approval of decision {seal[:16]} is not valid. Audit and approve again."
        raise WithheldError(msg)
    try:
        values = str(content["reviewer"]), str(content["reason"]), tuple(map(str, content["reviews"]))
        files = dict(content["files"])
        answers, changed = (tuple(map(str, content[name])) for name in ("answers", "changed"))
        listed = content.get(OBJECTIONS) or []
        against = tuple(f"{one['number']} ({one['area']}, {one['moment'][:10]}): {one['text']}" for one in listed)
        standing = content.get(STANDING)
        return Approval(seal, *values, entry.moment, key, files, answers, changed, against, standing=standing)
    except (InputError, KeyError, TypeError, ValueError) as error:
        msg = f"The approval of decision {seal[:16]} in the register is incomplete ({error}). Audit and approve again."
        raise WithheldError(msg) from error


def approvals_in(entries: Sequence[RegisterEntry]) -> list[RegisterEntry]:
    """Return the lines of approvals."""
    return [entry for entry in entries if entry.act == "approved"]


def signed_content(entry: RegisterEntry) -> dict[str, Any]:
    """Return the part of a line that its signature covers."""
    return {name: value for name, value in entry.content.items() if name not in _SIGNATURE}


def signed_bytes(seal: str, content: Mapping[str, Any]) -> bytes:
    """Return what a reviewer signs: the seal of the decision and the content of the line."""
    return json.dumps({"decision": seal, **content}, sort_keys=True).encode()
