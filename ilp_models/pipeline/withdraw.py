"""The task ``withdraw``: a decision is taken back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilp_models.audit.register.approvals import withdraw
from ilp_models.audit.register.register import Register
from ilp_models.domain.tracking import Tracker
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.run_folder import RunFolder, as_text, user
from ilp_models.pipeline.tracking import mirror


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    source: str,
    decision: str | None,
    reason: str,
    register: str,
    tracking: Tracker,
    config: Mapping[str, Any],
    folder: Path,
) -> str:
    """Return what was withdrawn, having added its line to the register."""
    del config, folder
    left = None if decision else RunFolder.from_path(source)
    known = None if left is None else left.decision()
    seal = str(decision) if known is None else known.seal
    withdraw(Register(Path(register)), seal, as_text(reason), user(), now())
    told = [
        f"Decision {seal[:16]} is withdrawn: it lets nothing out any more.",
        f"  reason    {reason}",
        "Files that left before are listed in the register; call them back yourself.",
    ]
    if known is not None and left is not None:
        told += mirror(tracking, "withdrawn", known, left.folder)
    return "\n".join(told)
