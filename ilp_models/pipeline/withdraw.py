"""The task `withdraw`: take a decision back."""

from pathlib import Path

from ilp_models.audit.register.approvals import withdraw
from ilp_models.audit.register.register import CLOCK, Register
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import WithheldError
from ilp_models.domain.tracking import Tracker
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.registration import last_line, user
from ilp_models.pipeline.run_folder import RunFolder
from ilp_models.pipeline.terminal_text import as_text
from ilp_models.pipeline.tracking import point_alias


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    source: str,
    decision: str | None,
    reason: str,
    register: str,
    last: str | None = None,
    tracking: Tracker,
    folder: Path,
) -> str:
    """Add the withdrawal to the register and return what was withdrawn."""
    del folder
    book = Register(Path(register), last)
    earlier = None if decision else RunFolder.from_path(source)
    known = None if earlier is None else _decision(earlier)
    seal = str(decision) if known is None else known.seal
    withdraw(book, seal, as_text(reason), user(), now())
    lines = [
        f"Decision {seal[:16]} is withdrawn: no file of it can be exported for allocation any more.",
        f"  reason    {reason}",
        "Files that were exported before are listed in the register; call them back yourself.",
    ]
    line = book.verify().entries_of(seal)[-1]
    if clock := line.content.get(CLOCK):
        lines.append(f"The clock shows {clock}. The line has the later time of the line before it, {line.moment}.")
    if known is not None and earlier is not None:
        lines += point_alias(tracking, "withdrawn", known, earlier.folder)
    return "\n".join([*lines, last_line(book)])


def _decision(earlier: RunFolder) -> Decision:
    try:
        return earlier.decision()
    except WithheldError as error:
        msg = f"{error} To withdraw the decision anyway, name it by its seal in the register: decision=SEAL."
        raise WithheldError(msg) from error
