import pytest

from ilp_models.domain.errors import InputError
from ilp_models.pipeline.terminal_text import as_text, decision_lines, finding_lines
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


@pytest.mark.parametrize("words", [["agreed", "on 3 May"], {"why": "agreed"}])
def test_a_list_is_no_text(words):
    with pytest.raises(InputError, match="Write it in quotes"):
        as_text(words)
    assert [as_text(one) for one in (None, 5, "agreed")] == ["", "5", "agreed"]


def test_notes_do_not_stand_among_the_reviews():
    lines = decision_lines(records.with_changed_settings(records.reviewed()))
    changed = next(at for at, line in enumerate(lines) if "differ from the defaults" in line)
    assert lines[changed - 1] == "Notes:"
    assert "Notes:" not in decision_lines(records.with_changed_settings(records.admitted()))
