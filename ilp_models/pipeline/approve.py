"""The task `approve`: a reviewer takes responsibility for a decision."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from ilp_models.audit.monitoring.cusum import Monitoring
from ilp_models.audit.register.approvals import approve, approve_under_standing
from ilp_models.audit.register.extents import EXTENT
from ilp_models.audit.register.objections import open_objections
from ilp_models.audit.register.register import Register
from ilp_models.audit.register.signatures import ReviewerSignature
from ilp_models.domain.decision import Approval
from ilp_models.domain.digest import folder_digests
from ilp_models.domain.errors import InputError
from ilp_models.domain.tracking import Tracker
from ilp_models.pipeline.approval_page import approval_page, approved_until, terms_of
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.reaudit import check_repeatable
from ilp_models.pipeline.registration import last_line, user
from ilp_models.pipeline.run_folder import APPROVED, RunFolder
from ilp_models.pipeline.terminal_text import as_text
from ilp_models.pipeline.tracking import point_alias

_UNSIGNED: Final = "no: anyone who can write to the register could have added this line"


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    source: str,
    reviewer: str | None,
    reason: str | None,
    key: str | None,
    standing_weeks: int,
    use_standing: bool,
    monitor: Mapping[str, Any],
    register: str,
    last: str | None = None,
    tracking: Tracker,
    folder: Path,
) -> str:
    """Add the approval to the register, write its page, and return what was approved."""
    _check_words(reviewer, reason, key, standing_weeks, use_standing=use_standing)
    if monitor and not standing_weeks:
        msg = "Settings of monitor belong to a standing approval. Give standing_weeks too, or leave them out."
        raise InputError(msg)
    earlier, book = RunFolder.from_path(source), Register(Path(register), last)
    decision, moment = earlier.decision(), now()
    earlier.check_forecast(decision)
    earlier.check_evidence(decision, book)
    check_repeatable(source)
    against = open_objections(book.verify().lines, decision.report.header.get(EXTENT))
    files = folder_digests(earlier.folder, APPROVED)
    if use_standing:
        approval = approve_under_standing(book, decision, files, user(), moment)
    else:
        own = None if key is None else Path(key)
        signature = ReviewerSignature(as_text(reviewer), as_text(reason), user(), moment, own)
        approval = approve(book, decision, signature, files, standing_weeks, _monitoring(monitor))
    page = approval_page(earlier, decision, approval, book).write(folder)
    lines = [
        f"Decision {decision.short} is approved until {approved_until(decision, approval):%Y-%m-%d %H:%M %Z}",
        f"  reviewer  {approval.reviewer}",
        f"  reason    {approval.reason}",
        f"  accepted  {', '.join(approval.reviews) or 'every check passed'}",
        *[f"  changed   {setting}" for setting in approval.changed],
        f"  signed    {_signed(approval)}",
        *_standing_lines(approval),
        *[f"  answers   {seal[:16]}, withheld on the same data" for seal in approval.answers],
        *[f"  objection {one.as_text()}" for one in against],
        *point_alias(tracking, "approved", decision, earlier.folder),
        f"Page: {page}",
        last_line(book),
    ]
    return "\n".join(lines)


def _check_words(
    reviewer: str | None, reason: str | None, key: str | None, standing_weeks: int, *, use_standing: bool
) -> None:
    """Raise InputError where settings lack or contradict each other."""
    given = [name for name, value in (("reviewer", reviewer), ("reason", reason), ("key", key)) if value is not None]
    given += ["standing_weeks"] if standing_weeks else []
    if use_standing and given:
        msg = f"With use_standing=true the standing approval says who approves and why. Leave {', '.join(given)} out."
    elif not use_standing and (reviewer is None or reason is None):
        msg = "An approval needs a reviewer and a reason. Give reviewer=NAME and reason='...'."
    else:
        return
    raise InputError(msg)


def _monitoring(settings: Mapping[str, Any]) -> Monitoring:
    """Return the monitoring that later weeks need; InputError if a setting is unknown."""
    known = [one.name for one in fields(Monitoring)]
    if unknown := sorted(set(settings) - set(known)):
        msg = f"monitor.{unknown[0]} is not a setting of monitoring. Use one of {', '.join(known)}."
        raise InputError(msg)
    return Monitoring(**settings)


def _signed(approval: Approval) -> str:
    if approval.under:
        return f"by key {approval.key}, in line {approval.under} of the register"
    return f"by key {approval.key}" if approval.key else _UNSIGNED


def _standing_lines(approval: Approval) -> list[str]:
    """Return what a standing approval covers; nothing for the decision of a week that follows from one."""
    terms = terms_of(approval)
    if terms is None or approval.under:
        return []
    return [
        f"  standing  also for later decisions with the same settings, until {terms.until:%Y-%m-%d %H:%M %Z}, while:",
        *[f"            {line}" for line in terms.lines()],
    ]
