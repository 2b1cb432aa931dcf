from ilp_models.pipeline.terminal_text import finding_lines
from ilp_models.report.tables import finding_rows
from tests.audit import audit_inputs as inputs
from tests.report import audit_records as records


def test_the_table_of_findings_shows_the_states_of_the_page():
    decision = records.decision_of(inputs.group_table())
    head, *lines = finding_lines(decision)
    at = head.index("state")
    states = [line[at:].split()[0] for line in lines[: len(decision.findings)]]
    assert states == finding_rows(decision.report)["state"].tolist()
    assert "reported" in states
