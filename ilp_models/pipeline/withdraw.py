"""The task ``withdraw``: a decision is taken back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilp_models.audit.permission import withdraw
from ilp_models.audit.register import Register
from ilp_models.domain.tracking import Tracker
from ilp_models.pipeline.asked import Left, said, user
from ilp_models.pipeline.mirror import mirror
from ilp_models.pipeline.study import now


def run(*, source: str, reason: str, register: str, tracking: Tracker, config: Mapping[str, Any], folder: Path) -> str:
    """Return what was withdrawn, having added its line to the register.

    Parameters
    ----------
    source : str
        Folder of the run whose decision is taken back.
    reason : str
        Why.
    register : str
        File of the register.
    tracking : Tracker
        Where tags and aliases mirror the register.
    config : mapping
        Resolved settings of the task.
    folder : Path
        Folder of this run.

    Returns
    -------
    str
        The decision and the reason.

    Raises
    ------
    WithheldError
        If there is no reason, or the register knows no such decision, or it was withdrawn before.
    """
    del config, folder
    left = Left.by(source)
    decision = left.decision()
    withdraw(Register(Path(register)), decision.seal, said(reason), user(), now())
    told = [
        f"Decision {decision.seal[:16]} on {decision.forecaster} is withdrawn: it lets nothing out any more.",
        f"  reason    {reason}",
        "Files that left before are listed in the register; call them back yourself.",
        *mirror(tracking, "withdrawn", decision, left.folder),
    ]
    return "\n".join(told)
