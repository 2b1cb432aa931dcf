"""Answer the prerequisites that runs can answer: records, governance, register, groups and monitoring."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

import pandas as pd

from ilp_models.audit.register.objections import objections_in
from ilp_models.domain.governance import Governance, is_blank, is_same_person
from ilp_models.domain.readiness import NO, OPEN, PARTLY, YES, ReadinessAnswer
from ilp_models.pipeline.brief_parts.sources import KINDS, AuditedWeek, BriefSources
from ilp_models.pipeline.run_record import RunRecord
from ilp_models.report.formatting import percent

_MONTHS: Final = 36
_CURRENT_DAYS: Final = 35
_USED: Final = 0.95
_FIELDS: Final = {
    "owner": ("owner",),
    "purpose": ("purpose", "legal_basis"),
    "retention": ("retention_until",),
    "complaints": ("complaints",),
    "review_date": ("review_date",),
}
_STATED: Final = "Stated in the audited settings."
_DATES: Final = ("review_date", "retention_until", "use_until")


def facts_of_runs(sources: BriefSources, moment: datetime) -> Mapping[str, ReadinessAnswer]:
    """Return the answers of the runs; an item whose run is missing is open, with the command."""
    found = _register_facts(sources)
    found |= _record_facts(sources, moment)
    week = sources.week
    if week is None:
        for name in (*_FIELDS, "goal", "reviewer", "groups"):
            found[name] = _open("weekly")
        return _by_runs(found, moment)
    found |= _governance_facts(week, moment)
    audited = week.decision.report.groups
    text = f"{len(audited)} groups were audited." if audited else "No group table was given."
    found["groups"] = ReadinessAnswer(YES if audited else NO, note=text)
    return _by_runs(found, moment)


def _by_runs(found: Mapping[str, ReadinessAnswer], moment: datetime) -> Mapping[str, ReadinessAnswer]:
    day = moment.date().isoformat()
    return {name: ReadinessAnswer(one.answer, "runs", day, one.note) for name, one in found.items()}


def _open(kind: str) -> ReadinessAnswer:
    return ReadinessAnswer(OPEN, note=f"No run tells. Run `{KINDS[kind].command}`.")


def _governance_facts(week: AuditedWeek, moment: datetime) -> dict[str, ReadinessAnswer]:
    settled = Governance.from_dict(week.decision.report.header["governance"])
    faults = {
        name: [fault for field in fields if (fault := _fault(settled, field, moment))]
        for name, fields in _FIELDS.items()
    }
    faults["goal"] = [*settled.goal_faults(), *([_fault(settled, "use_until", moment)] if settled.use_until else [])]
    found = {
        name: ReadinessAnswer(NO if any(one) else YES, note="; ".join(filter(None, one)) or _STATED)
        for name, one in faults.items()
    }
    fault = _fault(settled, "reviewer", moment)
    if not fault and is_same_person(str(settled.reviewer), settled.trainer or ""):
        fault = "the reviewer trained the model"
    note = fault or ("Approvals need a key." if settled.reviewer_key else "No key of the reviewer is declared.")
    found["reviewer"] = ReadinessAnswer(NO if fault else YES if settled.reviewer_key else PARTLY, note=note)
    return found


def _fault(settled: Governance, field: str, moment: datetime) -> str:
    """Return what is wrong with a field: it is empty, or its day is past."""
    value = getattr(settled, field) or ""
    if is_blank(value):
        return f"{field} is empty"
    past = field in _DATES and date.fromisoformat(value) <= moment.date()
    return f"{field} {value} is past" if past else ""


def _register_facts(sources: BriefSources) -> dict[str, ReadinessAnswer]:
    """Return the answers of the register, which was verified when it was read."""
    register, week = sources.register, sources.week
    waiting = sum(one.open for one in objections_in(register.lines))
    if not register.entries:
        empty = ReadinessAnswer(NO, note="The register is empty.")
        known = {"register": empty, "objections": _open("weekly")}
    else:
        missing = week is not None and not any(one.act == "decided" for one in register.entries_of(week.decision.seal))
        note = "The decision of this report is not in it." if missing else f"{register.entries} lines, all unchanged."
        known = {
            "register": ReadinessAnswer(NO if missing else YES, note=note),
            "objections": ReadinessAnswer(NO if waiting else YES, note=f"Open objections: {waiting}."),
        }
    record = sources.records.get("monitoring")
    if record is None:
        known["monitoring"] = ReadinessAnswer(NO, note="No run of `ilp monitor` was found.")
    else:
        same = week is not None and record.content.get("decision") == week.decision.seal
        note = "It is about this decision." if same else "It is about an earlier decision."
        known["monitoring"] = ReadinessAnswer(YES if same else PARTLY, note=note)
    return known


def _record_facts(sources: BriefSources, moment: datetime) -> dict[str, ReadinessAnswer]:
    """Return the answers that the intake and the strategic forecast give."""
    found = {name: _open("weekly") for name in ("records_span", "records_current", "records_used")}
    intake = None if sources.week is None else sources.week.intake
    if intake is not None:
        found |= intake.read(lambda content: _intake_facts(content, moment))
    totals = sources.records.get("totals")
    found["level_shifts"] = _open("totals") if totals is None else _shift_fact(totals)
    return found


def _intake_facts(content: Mapping[str, Any], moment: datetime) -> dict[str, ReadinessAnswer]:
    start, end = (pd.Timestamp(content[name]) for name in ("start", "end"))
    months = (end.year - start.year) * 12 + end.month - start.month
    days = (pd.Timestamp(moment).tz_localize(None) - end).days
    share = int(content["rows_kept"]) / max(int(content["rows_read"]), 1)
    span = f"{start:%Y-%m-%d} to {end:%Y-%m-%d} (not included), {months} months."
    return {
        "records_span": ReadinessAnswer(YES if months >= _MONTHS else NO, note=span),
        "records_current": ReadinessAnswer(YES if days <= _CURRENT_DAYS else NO, note=f"They end {days:,} days ago."),
        "records_used": ReadinessAnswer(YES if share >= _USED else NO, note=f"{percent(share)} of the rows are used."),
    }


def _shift_fact(totals: RunRecord) -> ReadinessAnswer:
    def months(content: Mapping[str, Any]) -> list[str]:
        rows = [row for row in content["shifts"] if row["source"] == "found, not declared"]
        return [f"{row['crime_type']} in {row['start']}" for row in rows]

    found = totals.read(months)
    note = f"Not declared: {', '.join(found)}." if found else "A test found no undeclared change."
    return ReadinessAnswer(NO if found else YES, note=note)
