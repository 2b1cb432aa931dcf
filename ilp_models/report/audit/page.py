"""Write the audit report: ``report.html`` for reviewers, ``report.json`` for programs, and the drafts."""

from pathlib import Path

from ilp_models.domain.disclaimers import CAVEAT, RESEARCH_ONLY, SCOPE
from ilp_models.report import tables
from ilp_models.report.audit.audit_record import AuditPage, AuditRecord
from ilp_models.report.audit.check_summaries import open_parts, reason_groups, summarise_checks
from ilp_models.report.audit.content import compose_audit, settings_text
from ilp_models.report.audit.draft_documents import write_atrs, write_markdown_drafts
from ilp_models.report.audit.drafts import count_open_fields
from ilp_models.report.audit.json_report import write_audit_json
from ilp_models.report.definitions import NOTATION, defined
from ilp_models.report.formatting import percent, records_summary, sentence
from ilp_models.report.page import ICONS, write_page


def write_audit_report(page: AuditPage, record: AuditRecord, folder: Path) -> list[Path]:
    """Write the page, the JSON file, the figures and the drafts of an audit; return their paths."""
    drafts = [*write_markdown_drafts(page, record, folder), write_atrs(page, record, folder)]
    counts = ", ".join(f"{path.name}: {count_open_fields(path)}" for path in drafts)
    path = write_audit_page(page, record, folder, f"fields to complete by a person: {counts}")
    figures = [folder / "figures"] if (folder / "figures").is_dir() else []
    return [path, *figures, write_audit_json(record, folder), *drafts]


def write_audit_page(page: AuditPage, record: AuditRecord, folder: Path, open_fields: str) -> Path:
    """Write the HTML page of an audit and its figures; return the path of the page."""
    content = compose_audit(record, folder / "figures", page.rows)
    decision, header = record.decision, record.header
    accepted = decision.approval.reviews if decision.approval else decision.reviews
    resampling = header.get("bootstrap", {})
    write_page(
        folder / page.file_name,
        "audit.html.j2",
        title=page.title,
        about=": ".join(filter(None, (record.city, decision.forecaster))),
        record=record,
        decision=decision,
        content=content,
        reasons=decision.reasons,
        accepted=[defined(check).label.lower() for check in accepted] or ["the decision without changes"],
        protocol=tables.audit_protocol(decision.report),
        checks=summarise_checks(decision.report),
        groups=reason_groups(decision),
        open_parts=open_parts(decision.report),
        definitions={name: defined(name) for name in ("exposure", "coverage", "error")},
        notation=NOTATION,
        baseline=header.get("baseline", "not named"),
        unit=record.unit,
        audited_share=header.get("land_share"),
        confidence=f"{percent(resampling['confidence'], 0)}" if resampling else "confidence not available",
        records=records_summary(record.intake) if record.intake else "",
        governance=_governance(record),
        settings=settings_text(record.settings),
        open_fields=open_fields,
        icons=ICONS,
        caveat=CAVEAT,
        scope=sentence(SCOPE),
        research_only=RESEARCH_ONLY,
    )
    return folder / page.file_name


def _governance(record: AuditRecord) -> dict[str, str]:
    """Return the fields of governance as text; an empty list of tainted periods means that none are known."""
    fields = record.governance.to_dict()
    fields["outcomes"] = ", ".join(fields["outcomes"])
    spans = [f"{one['start']} to {one['end']}: {one['why']}" for one in fields.pop("tainted_periods")]
    none = "none known" if record.header.get("governance") else ""
    return {name: value or "" for name, value in fields.items()} | {"tainted_periods": "; ".join(spans) or none}
