"""The task `verify`: check the register of decisions, line by line."""

from pathlib import Path

from ilp_models.audit.register.register import Register
from ilp_models.domain.errors import InputError


def run(*, register: str, last: str | None = None, folder: Path) -> str:
    """Return what the register holds, if its chain is intact."""
    del folder
    path = Path(register)
    if not path.is_file():
        first = "The first declaration or decision creates it"
        msg = f"There is no register {path}. {first}. Name another with register=FILE."
        raise InputError(msg)
    state = Register(path, last).verify()
    lines = [
        f"{path}: intact, {state.entries} entries",
        f"  first        {state.first}",
        f"  last         {state.last}",
        f"  last digest  {state.digest}",
    ]
    if last:
        return "\n".join([*lines, "The register still contains the line with the given digest."])
    return "\n".join([*lines, "Store the last digest elsewhere: without it, lines cut off at the end leave no trace."])
