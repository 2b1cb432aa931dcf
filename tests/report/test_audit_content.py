import json
from dataclasses import replace

import pytest

from ilp_models.report.audit.content import (
    compose_audit,
    explanation_parts,
    feedback_parts,
    frontier_parts,
    gap_parts,
    intake_parts,
    settings_text,
)
from tests.report import audit_records as records


@pytest.fixture(scope="module")
def bare():
    return records.bare()


@pytest.mark.parametrize("part", [explanation_parts, gap_parts, feedback_parts, frontier_parts, intake_parts])
def test_a_part_without_input_is_empty(part, bare, tmp_path):
    nothing = replace(bare, explanation=None, gaps=None, proxies=None, feedback=None, frontier=None, intake=None)
    assert part(nothing, tmp_path, 10) == ({}, {})
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("undrawn")
def test_the_first_key_number_counts_the_required_findings(bare, tmp_path):
    content = compose_audit(bare, tmp_path)
    required = [one for one in bare.decision.findings if one.required]
    passed = sum(one.state == "pass" and one.holds for one in required)
    assert content.key_numbers[0].value == f"{passed} of {len(required)}"
    assert content.record is bare
    assert content.flagged == ()


def test_settings_are_indented_json_with_texts_as_they_are():
    text = settings_text({"name": "Zürich", "path": records})
    assert json.loads(text)["name"] == "Zürich"
    assert '\n  "name": "Zürich"' in text
