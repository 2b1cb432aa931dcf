"""Repeat an audit from the archive of a run, without its records, and list the findings that differ."""

import json
import math
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ilp_models.allocation.stored_rules import rule_from_settings
from ilp_models.audit.audit import Audit
from ilp_models.audit.audit_input import AuditInput
from ilp_models.domain.audit import AuditReport, Finding
from ilp_models.domain.compute import Compute
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.finding import state_text
from ilp_models.pipeline.audit_archive import read_audit_input
from ilp_models.pipeline.audit_report import ReportContext, gather_record
from ilp_models.pipeline.run_folder import RunFolder
from ilp_models.pipeline.terminal_summary import decision_summary, next_steps, with_summary
from ilp_models.pipeline.terminal_text import finding_lines
from ilp_models.report.audit.audit_record import AuditPage
from ilp_models.report.audit.page import write_audit_report

_CLOSE: Final = 1e-9  # relative; other processors may sum in another order
_SHOWN: Final = 120
_DIGITS: Final = (6, 9, 12, 17)
_MISSING: Final = "missing"
_NUMBERS: Final = ("value", "low", "high", "evidence")
_USED: Final = ("rerun", "report", "output", "name", "tracking", "compute")


def repeat_audit(source: str, page: AuditPage, compute: Compute, command: str, folder: Path) -> str:
    """Repeat the audit of an earlier run from its archive, write its reports, and return the findings as text.

    Raises StorageError with the findings that differ today.
    """
    refuse_other_settings(command)
    decision, report, subject, settings = check_repeatable(source)
    count = len(report.findings)
    same = f"Repeated from {source}/audit: all {count} findings of decision {decision.short} are the same."
    why = "this audit was repeated from the folder of an earlier run, without its records"
    absent = dict.fromkeys(("intake", "census_error"), why)
    context = ReportContext(settings=settings, command=command, absent=absent)
    write_audit_report(
        page, gather_record(subject, decision, archived_audit(settings, subject), context, compute), folder
    )
    files = [same, f"Report: {folder / page.file_name}"]
    steps = next_steps(decision, Path(source), folder / page.file_name)
    return with_summary(finding_lines(decision), decision_summary(decision), files, steps)


def check_repeatable(source: str) -> tuple[Decision, AuditReport, AuditInput, dict[str, Any]]:
    """Repeat the audit of an earlier run; raise StorageError with the findings that differ today."""
    decision, report, subject, settings = rerun_archived(source)
    if differing := differences(decision.report, report):
        lines = "\n".join(f"  {line}" for line in differing)
        msg = f"{len(differing)} findings of {source} differ when the audit is repeated today:\n{lines}"
        raise StorageError(msg)
    return decision, report, subject, settings


def refuse_other_settings(command: str) -> None:
    """Raise InputError for settings that a repeated audit would ignore."""
    words = [word for word in shlex.split(command)[2:] if not word.startswith("--")]
    other = [word for word in words if re.split(r"[=./@]", word.lstrip("+~"))[0] not in _USED]
    if other:
        msg = (
            f"{', '.join(other)} cannot be combined with rerun=, which repeats an audit with its archived settings. "
            "Leave it out, or run a new `ilp audit` with the data for other settings."
        )
        raise InputError(msg)


def rerun_archived(source: str) -> tuple[Decision, AuditReport, AuditInput, dict[str, Any]]:
    """Return the decision of an earlier run, its audit repeated today, the audit input, and the settings."""
    decision = RunFolder.from_path(source).decision()
    subject, facts = read_audit_input(Path(source, "audit"))
    if (subject.replay.forecaster, subject.replay.recipe) != (decision.report.forecaster, decision.report.recipe):
        msg = f"{source}/audit is of {subject.replay.forecaster}, but the decision is on {decision.report.forecaster}."
        raise StorageError(msg)
    settings = facts.get("settings")
    if not isinstance(settings, dict):
        msg = f"{source}/audit/subject.json has no settings of the audit. Ask for a complete copy of the run."
        raise StorageError(msg)
    return decision, archived_audit(settings, subject).run(subject, decision.issued), subject, settings


def archived_audit(settings: Mapping[str, Any], subject: AuditInput) -> Audit:
    """Return the audit of stored settings, with the rule that the archived plans are of."""
    return Audit.from_settings(settings, None if subject.plan is None else rule_from_settings(subject.plan.rule))


def differences(before: AuditReport, again: AuditReport) -> list[str]:
    """Return which findings and settings of two audits differ, and how."""
    first, second = ({finding.key: finding for finding in report.findings} for report in (before, again))
    lines = [f"{_label(key)}: in one of the two audits only" for key in first.keys() ^ second.keys()]
    for key in first.keys() & second.keys():
        one, other = first[key], second[key]
        if one.limit != other.limit:
            lines.append(f"{_label(key)}: limit {_bounds(one)} then, {_bounds(other)} now")
        if one.state is not other.state or not all(_close(one, other, name) for name in _NUMBERS):
            lines.append(f"{_label(key)}: {_distinct_text(one, other)} then, {_distinct_text(other, one)} now")
    then, today = _terms(before), _terms(again)
    lines += [
        f"{name}: {str(then.get(name, _MISSING))[:_SHOWN]} then, {str(today.get(name, _MISSING))[:_SHOWN]} now"
        for name in {**then, **today}
        if then.get(name, _MISSING) != today.get(name, _MISSING)
    ]
    return sorted(lines)


def _distinct_text(one: Finding, other: Finding) -> str:
    """Return the numbers of a finding with as many digits as it takes to see the difference from another."""
    texts: tuple[str, ...] = ()
    for digits in _DIGITS:
        texts = tuple(
            f"{finding.value:.{digits}g} [{finding.low:.{digits}g}, {finding.high:.{digits}g}] "
            f"({state_text(finding)}; evidence {finding.evidence:.{digits}g})"
            for finding in (one, other)
        )
        if texts[0] != texts[1]:
            break
    return texts[0]


def _terms(report: AuditReport) -> dict[str, Any]:
    """Return the settings and scope of an audit as plain values, by the name of each single one."""
    terms = {
        "crime types": dict.fromkeys(report.crime_types, "audited"),
        "groups": {": ".join(pair): "audited" for pair in report.groups},
        "changed settings": dict.fromkeys(report.changed, "named"),
        **report.header,
    }
    return dict(_leaves(json.loads(json.dumps(terms, default=str))))


def _leaves(terms: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield single settings, so that a difference is not lost in a long text: ``feedback.seed`` and its value."""
    for name, value in terms.items():
        parts = {str(at): one for at, one in enumerate(value)} if isinstance(value, list) else value
        if isinstance(parts, Mapping) and parts:
            yield from _leaves(parts, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _bounds(finding: Finding) -> str:
    return "none" if finding.limit is None else finding.limit.as_text() or "none"


def _close(one: Finding, other: Finding, name: str) -> bool:
    then, today = getattr(one, name), getattr(other, name)
    return (math.isnan(then) and math.isnan(today)) or math.isclose(then, today, rel_tol=_CLOSE, abs_tol=_CLOSE)


def _label(key: tuple[str, ...]) -> str:
    return " / ".join(filter(None, key))
