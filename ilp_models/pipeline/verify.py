"""The task ``verify``: check the register of decisions, line by line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilp_models.audit.register.register import Register
from ilp_models.domain.errors import InputError


def run(*, register: str, last: str, config: Mapping[str, Any], folder: Path) -> str:
    """Return what the register holds, if its chain is whole."""
    del config, folder
    path = Path(register)
    if not path.is_file():
        msg = f"{path} is no register; name one with register=FILE. The first decision makes it."
        raise InputError(msg)
    standing = Register(path).verify(last)
    told = [
        f"{path}: whole, {standing.entries} entries",
        f"  first        {standing.first}",
        f"  last         {standing.last}",
        f"  last digest  {standing.digest}",
    ]
    if last:
        return "\n".join([*told, "The line of the digest given still stands."])
    return "\n".join([*told, "Keep the last digest elsewhere: without it, lines cut off at the end leave no trace."])
