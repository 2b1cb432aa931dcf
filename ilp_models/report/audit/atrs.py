"""Draft of a UK Algorithmic Transparency Recording Standard record, both tiers."""

from pathlib import Path
from typing import Any

from ilp_models.report.audit.dossier import AuditRecord
from ilp_models.report.audit.drafts import given, person, write_json_draft
from ilp_models.report.audit.model_card import Facts
from ilp_models.report.audit.page import AuditPage


def write_atrs(report: AuditPage, dossier: AuditRecord, folder: Path) -> Path:
    """Return the path of the draft.

    Field names follow version 2.1 of the standard; compare with the template in force before publishing.
    """
    facts = Facts.from_record(dossier)
    content = {
        "standard": "UK Algorithmic Transparency Recording Standard",
        "standard_version": "2.1",
        "decision": facts.seal,
        "standing": facts.standing,
        "tier_1": _tier_1(report, dossier, facts),
        "tier_2": {
            "owner_and_responsibility": _owner(report, dossier),
            "description_and_rationale": _description(report, dossier, facts),
            "decision_making_process": _process(report, dossier),
            "tool_specification": _tool(facts),
            "model_specification": _model(facts),
            "data_specification": _data(dossier, facts),
            "risks_mitigations_impact_assessments": _risks(facts),
        },
        "caveat": facts.caveat,
    }
    return write_json_draft(folder / "atrs.json", content)


def _tier_1(report: AuditPage, dossier: AuditRecord, facts: Facts) -> dict[str, Any]:
    purpose = given(dossier.governance.purpose, "what the forecast is used for, and why")
    types = ", ".join(facts.crime_types)
    return {
        "name": f"ilp_models: {facts.forecaster}{', ' + facts.city if facts.city else ''}",
        "description": f"Expected recorded events ({types}) by place and period. Used for: {purpose}",
        "website": person("address of a page about the tool"),
        "contact_email": given(report.contact, "contact e-mail"),
    }


def _owner(report: AuditPage, dossier: AuditRecord) -> dict[str, Any]:
    return {
        "organisation": given(report.organisation, "organisation or department"),
        "team": person("team"),
        "senior_responsible_owner": given(dossier.governance.owner, "role of the senior responsible owner"),
        "external_supplier_involvement": person("yes or no"),
        "external_supplier": person("supplier, or none"),
        "companies_house_number": person("number, or none"),
        "external_supplier_role": person("role, or none"),
        "procurement_procedure_type": person("procedure, or none"),
        "terms_of_access": person("supplier's access to data, or none"),
    }


def _description(report: AuditPage, dossier: AuditRecord, facts: Facts) -> dict[str, Any]:
    return {
        "detailed_description": facts.protocol or "The audit does not say how it measured.",
        "scope": facts.scope,
        "legal_basis": given(dossier.governance.legal_basis, "the law or policy that allows it"),
        "benefit": person("benefits, and how they are measured"),
        "previous_process": person("what was done before"),
        "alternatives_considered": person("what else was considered"),
        "process": given(report.process, "the process in which it is used"),
    }


def _process(report: AuditPage, dossier: AuditRecord) -> dict[str, Any]:
    return {
        "process_integration": person("how it is part of decisions"),
        "provided_information": "Expected counts with intervals, ranks and, where known, reasons, by cell and type.",
        "frequency_scale_usage": given(report.frequency, "how often and how widely it is used"),
        "human_decisions": person("what people decide, and how they depart from it"),
        "required_training": person("training of users"),
        "appeals_review": given(dossier.governance.complaints, "how people appeal or complain"),
    }


def _tool(facts: Facts) -> dict[str, Any]:
    return {
        "system_architecture": "ilp_models: records, counts by cell and period, forecaster, audit, gate, exports.",
        "phase": person("idea, design, development, production or retired"),
        "maintenance": f"Each decision expires; this one is valid until {facts.valid_until}.",
        "versions": facts.provenance,
    }


def _model(facts: Facts) -> dict[str, Any]:
    return {
        "model_name": facts.forecaster,
        "model_version": facts.recipe,
        "model_task": "expected count of recorded events by crime type, cell and period",
        "model_input": facts.records or "not known",
        "model_output": "expected count and quantiles",
        "model_architecture": person("architecture in words; the recipe holds the settings"),
        "model_performance": facts.accuracy,
        "datasets": facts.source or "not known",
        "dataset_purposes": "training and, on later periods, audit",
    }


def _data(dossier: AuditRecord, facts: Facts) -> dict[str, Any]:
    intake = dossier.intake
    return {
        "source_data_name": facts.source or "not known",
        "data_modality": "tabular, places and times",
        "data_description": facts.records or "not known",
        "data_quantities": "not known" if intake is None else f"{intake.rows_kept} events of {intake.rows_read} rows",
        "sensitive_attributes": f"Only in the audit, as shares of residents of areas: {facts.groups or 'none'}",
        "data_completeness_representativeness": facts.unplaced,
        "source_data_url": person("address, or none"),
        "data_collection": person("how records come about"),
        "data_cleaning": "see datasheet.md",
        "data_sharing_agreements": person("agreements, or none"),
        "data_access_storage": given(
            dossier.governance.retention_until, "who has access, where they lie, and until when they are kept"
        ),
    }


def _risks(facts: Facts) -> dict[str, Any]:
    return {
        "impact_assessment_name": "fria.md",
        "impact_assessment_description": person("other assessments, such as of data protection and equality"),
        "impact_assessment_date": person("date of each"),
        "impact_assessment_url": person("address of each, or none"),
        "risks": [
            {"risk_name": row["label"], "risk_description": f"{row['state']}: {row['about']}, {row['estimate']}"}
            for row in facts.against
        ],
        "risk_mitigation": person("answer to each risk"),
    }
