"""The task `approve`: a reviewer takes responsibility for a decision."""

from pathlib import Path

from ilp_models.audit.register.approvals import approve
from ilp_models.audit.register.extents import EXTENT
from ilp_models.audit.register.objections import open_objections
from ilp_models.audit.register.register import Register
from ilp_models.audit.register.signatures import ReviewerSignature
from ilp_models.domain.tracking import Tracker
from ilp_models.pipeline.approval_page import approval_page
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.reaudit import check_repeatable
from ilp_models.pipeline.registration import last_line, user
from ilp_models.pipeline.run_folder import RunFolder, digests
from ilp_models.pipeline.terminal_text import as_text
from ilp_models.pipeline.tracking import point_alias


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    source: str,
    reviewer: str,
    reason: str,
    key: str | None,
    register: str,
    last: str | None = None,
    tracking: Tracker,
    folder: Path,
) -> str:
    """Add the approval to the register, write its page, and return what was approved."""
    earlier, book = RunFolder.from_path(source), Register(Path(register), last)
    decision, moment = earlier.decision(), now()
    earlier.check_forecast(decision)
    earlier.check_evidence(decision, book)
    check_repeatable(source)
    signature = ReviewerSignature(
        as_text(reviewer), as_text(reason), user(), moment, None if key is None else Path(key)
    )
    against = open_objections(book.verify().lines, decision.report.header.get(EXTENT))
    approval = approve(book, decision, signature, digests(earlier.folder))
    page = approval_page(earlier, decision, approval, book).write(folder)
    unsigned = "no: anyone who can write to the register could have added this line"
    lines = [
        f"Decision {decision.short} is approved until {decision.valid_until:%Y-%m-%d %H:%M %Z}",
        f"  reviewer  {approval.reviewer}",
        f"  reason    {approval.reason}",
        f"  accepted  {', '.join(approval.reviews) or 'every check passed'}",
        *[f"  changed   {setting}" for setting in approval.changed],
        f"  signed    {f'by key {approval.key}' if approval.key else unsigned}",
        *[f"  answers   {seal[:16]}, withheld on the same data" for seal in approval.answers],
        *[f"  objection {one.as_text()}" for one in against],
        *point_alias(tracking, "approved", decision, earlier.folder),
        f"Page: {page}",
        last_line(book),
    ]
    return "\n".join(lines)
