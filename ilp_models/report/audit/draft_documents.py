"""Write the drafts of the model card, datasheet, fundamental rights impact assessment and ATRS record.

ATRS is the UK Algorithmic Transparency Recording Standard.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ilp_models.report.audit.audit_record import AuditPage, AuditRecord
from ilp_models.report.audit.drafts import (
    DraftFacts,
    open_field,
    value_or_open_field,
    write_draft,
    write_json_draft,
)
from ilp_models.report.definitions import NOTATION, SHORT, defined
from ilp_models.stats.suppression import suppressed


def write_markdown_drafts(page: AuditPage, record: AuditRecord, folder: Path) -> list[Path]:
    """Write model card, datasheet and impact assessment; return their paths."""
    values: dict[str, Any] = {
        "report": page,
        "facts": DraftFacts.from_record(record),
        "governance": record.governance,
        "intake": record.intake,
        "type_counts": {} if record.intake is None else _public_counts(record.intake.crime_types),
        "notation": NOTATION,
        "measures": [defined(name) for name in SHORT],
    }
    return [write_draft(folder / name, f"{name}.j2", **values) for name in ("model_card.md", "datasheet.md", "fria.md")]


def _public_counts(counts: Mapping[str, int]) -> dict[str, str]:
    """Return the counts of crime types as text, without small ones and those that the total would reveal."""
    hidden = suppressed(np.array(list(counts.values()), dtype=np.float64))
    shown = zip(counts.items(), hidden, strict=True)
    return {name: "not shown (small)" if hide else f"{count:,}" for (name, count), hide in shown}


def write_atrs(page: AuditPage, record: AuditRecord, folder: Path) -> Path:
    """Write the ATRS record with both tiers and return its path.

    Field names follow version 2.1 of the standard. Compare them with the template in force before publication.
    """
    facts = DraftFacts.from_record(record)
    content = {
        "standard": "UK Algorithmic Transparency Recording Standard",
        "standard_version": "2.1",
        "decision": facts.seal,
        "standing": facts.status,
        "tier_1": _tier_1(page, record, facts),
        "tier_2": {
            "owner_and_responsibility": _owner(page, record),
            "description_and_rationale": _description(page, record, facts),
            "decision_making_process": _process(page, record),
            "tool_specification": _tool(facts),
            "model_specification": _model(facts),
            "data_specification": _data(record, facts),
            "risks_mitigations_impact_assessments": _risks(facts),
        },
        "caveat": facts.caveat,
    }
    return write_json_draft(folder / "atrs.json", content)


def _tier_1(page: AuditPage, record: AuditRecord, facts: DraftFacts) -> dict[str, Any]:
    purpose = value_or_open_field(record.governance.purpose, "what the forecast is used for, and why")
    types = ", ".join(facts.crime_types)
    return {
        "name": f"ilp_models: {facts.forecaster}{', ' + facts.city if facts.city else ''}",
        "description": f"Expected recorded crimes ({types}) by area and period. Used for: {purpose}",
        "website": open_field("web address of a page about the tool"),
        "contact_email": value_or_open_field(page.contact, "contact e-mail"),
    }


def _owner(page: AuditPage, record: AuditRecord) -> dict[str, Any]:
    return {
        "organisation": value_or_open_field(page.organisation, "organisation or department"),
        "team": open_field("team"),
        "senior_responsible_owner": value_or_open_field(
            record.governance.owner, "role of the senior responsible owner"
        ),
        "external_supplier_involvement": open_field("yes or no"),
        "external_supplier": open_field("supplier, or none"),
        "companies_house_number": open_field("number, or none"),
        "external_supplier_role": open_field("role, or none"),
        "procurement_procedure_type": open_field("procedure, or none"),
        "terms_of_access": open_field("access of the supplier to data, or none"),
    }


def _description(page: AuditPage, record: AuditRecord, facts: DraftFacts) -> dict[str, Any]:
    return {
        "detailed_description": facts.protocol or "The audit does not state how it measured.",
        "scope": facts.scope,
        "legal_basis": value_or_open_field(record.governance.legal_basis, "law or policy that permits the use"),
        "benefit": value_or_open_field(_goal_text(record), "benefits, and how they are measured"),
        "previous_process": open_field("the process before this tool"),
        "alternatives_considered": open_field("alternatives that were considered"),
        "process": value_or_open_field(page.process, "the process in which the forecast is used"),
    }


def _goal_text(record: AuditRecord) -> str:
    """Return the goal with its criterion; empty unless both are stated."""
    goal, criterion = record.governance.goal, record.governance.success_criterion
    return f"Goal: {goal}. Success: {criterion}" if goal and criterion else ""


def _process(page: AuditPage, record: AuditRecord) -> dict[str, Any]:
    return {
        "process_integration": open_field("how the forecast is part of decisions"),
        "provided_information": "Expected crimes with intervals, ranks and, if available, reasons, by cell and type.",
        "frequency_scale_usage": value_or_open_field(page.frequency, "how often and how widely it is used"),
        "human_decisions": open_field("what people decide, and how they depart from the forecast"),
        "required_training": open_field("training of users"),
        "appeals_review": value_or_open_field(record.governance.complaints, "how people can appeal or complain"),
    }


def _tool(facts: DraftFacts) -> dict[str, Any]:
    return {
        "system_architecture": "ilp_models: records, counts by cell and period, forecaster, audit, gate, exports.",
        "phase": open_field("idea, design, development, production or retired"),
        "maintenance": f"Each decision expires. This decision is valid until {facts.valid_until}.",
        "versions": facts.provenance,
    }


def _model(facts: DraftFacts) -> dict[str, Any]:
    return {
        "model_name": facts.forecaster,
        "model_version": facts.recipe,
        "model_task": "expected number of recorded crimes by crime type, cell and period",
        "model_input": facts.records or "not available",
        "model_output": "expected count and quantiles",
        "model_architecture": open_field("architecture in words; the recipe contains the settings"),
        "model_performance": facts.accuracy,
        "datasets": facts.source or "not available",
        "dataset_purposes": "training and, on later periods, audit",
    }


def _data(record: AuditRecord, facts: DraftFacts) -> dict[str, Any]:
    intake = record.intake
    return {
        "source_data_name": facts.source or "not available",
        "data_modality": "tabular: coordinates and times",
        "data_description": facts.records or "not available",
        "data_quantities": "not available" if intake is None else f"{intake.rows_kept} of {intake.rows_read} rows used",
        "sensitive_attributes": f"Only in the audit, as shares of residents of areas: {facts.groups or 'none'}",
        "data_completeness_representativeness": facts.missing_coordinates,
        "source_data_url": open_field("web address, or none"),
        "data_collection": open_field("how records are made"),
        "data_cleaning": "see datasheet.md",
        "data_sharing_agreements": open_field("agreements, or none"),
        "data_access_storage": value_or_open_field(
            record.governance.retention_until, "who has access, where records are stored, and until when"
        ),
    }


def _risks(facts: DraftFacts) -> dict[str, Any]:
    return {
        "impact_assessment_name": "fria.md",
        "impact_assessment_description": open_field("other assessments, such as data protection and equality"),
        "impact_assessment_date": open_field("date of each"),
        "impact_assessment_url": open_field("web address of each, or none"),
        "risks": [
            {"risk_name": row["label"], "risk_description": f"{row['state']}: {row['about']}, {row['estimate']}"}
            for row in facts.findings
        ],
        "risk_mitigation": open_field("response to each risk"),
    }
