"""Every report of an audit, from one dossier."""

from pathlib import Path

from ilp_models.report.audit.as_json import write_audit_json
from ilp_models.report.audit.atrs import write_atrs
from ilp_models.report.audit.dossier import AuditRecord
from ilp_models.report.audit.drafts import open_fields
from ilp_models.report.audit.model_card import write_cards
from ilp_models.report.audit.page import AuditPage, write_audit_page


def write_dossier(report: AuditPage, dossier: AuditRecord, folder: Path) -> list[Path]:
    """Return the paths of all reports of an audit."""
    drafts = [*write_cards(report, dossier, folder), write_atrs(report, dossier, folder)]
    counted = ", ".join(f"{path.name}: {open_fields(path)}" for path in drafts)
    page = write_audit_page(report, dossier, folder, f"fields that a person must fill: {counted}")
    figures = [folder / "figures"] if (folder / "figures").is_dir() else []
    return [page, *figures, write_audit_json(dossier, folder), *drafts]
