"""The task ``approve``: a reviewer takes responsibility for a decision."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilp_models.audit.register.approvals import approve
from ilp_models.audit.register.register import Register
from ilp_models.audit.register.signatures import ReviewerSignature
from ilp_models.domain.tracking import Tracker
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.run_folder import RunFolder, as_text, digests, user
from ilp_models.pipeline.tracking import mirror


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    source: str,
    reviewer: str,
    reason: str,
    key: str | None,
    register: str,
    tracking: Tracker,
    config: Mapping[str, Any],
    folder: Path,
) -> str:
    """Return what was approved, having added its line to the register."""
    del config, folder
    left = RunFolder.from_path(source)
    decision, moment = left.decision(), now()
    left.check_forecast(decision)
    signing = ReviewerSignature(as_text(reviewer), as_text(reason), user(), moment, None if key is None else Path(key))
    approval = approve(Register(Path(register)), decision, signing, digests(left.folder))
    told = [
        f"Decision {decision.short} is approved until {decision.valid_until:%Y-%m-%d %H:%M %Z}",
        f"  reviewer  {approval.reviewer}",
        f"  reason    {approval.reason}",
        f"  accepted  {', '.join(approval.reviews) or 'every check passed'}",
        f"  signed    {f'by key {approval.key[:16]}' if approval.key else 'no: anybody could have written this line'}",
        *mirror(tracking, "approved", decision, left.folder),
    ]
    return "\n".join(told)
