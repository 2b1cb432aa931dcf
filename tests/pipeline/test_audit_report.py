"""What an audit knows, gathered for its reports."""

from dataclasses import replace

import pytest

from ilp_models.audit.gate import decide
from ilp_models.compute.local import LocalProcesses
from ilp_models.pipeline.audit_report import ReportContext, gather_record
from ilp_models.report.audit.content import compose_audit
from ilp_models.report.audit.json_report import report_content
from tests.audit import audit_inputs as inputs
from tests.report.audit_records import NOW


def gathered(**groups):
    audit = inputs.audit(inputs.group_table())
    audit = replace(audit, bootstrap=replace(audit.bootstrap, draws=100), groups=replace(audit.groups, **groups))
    subject = audit.with_residents(inputs.audit_input(*inputs.city(), inputs.grid(), inputs.explanation()))
    decision = decide(audit.run(subject, NOW), inputs.forecast(), NOW, 8)
    return gather_record(subject, decision, audit, ReportContext(), LocalProcesses(1))


@pytest.mark.slow
def test_the_error_that_a_census_states_stands_beside_the_findings(tmp_path):
    dossier = gathered(rounding=5.0)
    rows = report_content(dossier)["tables"]["sensitivity.census_error"]
    ours = {(f.check, f.crime_type, f.dimension, f.group): f.value for f in dossier.decision.findings}
    assert all(row["value"] == ours[row["measure"], row["crime_type"], row["dimension"], row["group"]] for row in rows)
    exposure = next(row for row in rows if row["measure"] == "exposure_ratio")
    assert exposure["census_low"] < exposure["value"] < exposure["census_high"]
    shown = next(one for one in compose_audit(dossier, tmp_path).sensitivity if one.name == "Census error")
    assert {"Census low", "Census high", "State at low", "Changes"} <= set(shown.details.labels)


@pytest.mark.slow
def test_a_table_that_states_no_error_is_said_to_state_none():
    assert "states no error" in report_content(gathered())["absent"]["census_error"]
