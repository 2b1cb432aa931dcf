"""The page of an audit: one HTML file for a reviewer that needs no network, no script and no other file."""

from dataclasses import dataclass
from pathlib import Path

from ilp_models.domain.disclaimers import CAVEAT, RESEARCH_ONLY, SCOPE
from ilp_models.domain.errors import InputError
from ilp_models.report import tables
from ilp_models.report.audit.content import compose_audit, settings_text
from ilp_models.report.audit.dossier import AuditRecord
from ilp_models.report.audit.findings import short_reasons, summarise_checks
from ilp_models.report.definitions import NOTATION, defined
from ilp_models.report.formatting import percent
from ilp_models.report.page import ICONS, write_page
from ilp_models.report.weekly_report import records_in_a_line


@dataclass(frozen=True)
class AuditPage:
    """How the reports of an audit are titled, how long their lists are, and what only the deployer knows.

    What is left empty stands in the drafts as a field to be filled by a person.

    Parameters
    ----------
    title : str, default "Audit"
        Heading of the page.
    file_name : str, default "report.html"
        Name of the page in the folder of the run.
    rows : int, default 60
        Most rows of a table; report.json holds them all.
    process : str, optional
        The process in which the forecast is used.
    frequency : str, optional
        For how long and how often it is used.
    organisation : str, optional
        Who uses it.
    contact : str, optional
        Whom people may ask about it.

    Raises
    ------
    InputError
        If no row may be shown.
    """

    title: str = "Audit"
    file_name: str = "report.html"
    rows: int = 60
    process: str | None = None
    frequency: str | None = None
    organisation: str | None = None
    contact: str | None = None

    def __post_init__(self) -> None:
        """Refuse tables without a row."""
        if self.rows < 1:
            msg = f"report.rows={self.rows} must be at least 1."
            raise InputError(msg)


def write_audit_page(report: AuditPage, dossier: AuditRecord, folder: Path, open_fields: str) -> Path:
    """Return the path of an audit's page, its figures drawn beside it."""
    content = compose_audit(dossier, folder / "figures", report.rows)
    decision, header = dossier.decision, dossier.header
    accepted = decision.approval.reviews if decision.approval else decision.reviews
    draws = header.get("resampling", {})
    write_page(
        folder / report.file_name,
        "audit.html.j2",
        title=report.title,
        about=": ".join(filter(None, (dossier.city, decision.forecaster))),
        dossier=dossier,
        decision=decision,
        content=content,
        reasons=tables.plain_reasons(decision),
        accepted=[defined(check).label.lower() for check in accepted] or ["the decision as it stands"],
        protocol=tables.audit_protocol(decision.report),
        checks=summarise_checks(decision.report),
        short=short_reasons(decision),
        definitions={name: defined(name) for name in ("exposure", "coverage")},
        notation=NOTATION,
        baseline=header.get("baseline", "not named"),
        unit=header.get("unit", "count"),
        audited_share=header.get("share"),
        level=f"{percent(draws['confidence'], 0)}" if draws else "level not known",
        records=records_in_a_line(dossier.intake) if dossier.intake else "",
        governance=_governance(dossier),
        settings=settings_text(dossier.settings),
        open_fields=open_fields,
        icons=ICONS,
        caveat=CAVEAT,
        scope=f"{SCOPE[0].upper()}{SCOPE[1:]}.",
        research_only=RESEARCH_ONLY,
    )
    return folder / report.file_name


def _governance(dossier: AuditRecord) -> dict[str, str]:
    """Return the fields of governance in words; an empty list of tainted periods says that none are known."""
    plain = dossier.governance.to_dict()
    spans = [f"{one['start']} to {one['end']}: {one['why']}" for one in plain.pop("tainted_periods")]
    none = "none known" if dossier.header.get("governance") else ""
    return {name: value or "" for name, value in plain.items()} | {"tainted_periods": "; ".join(spans) or none}
