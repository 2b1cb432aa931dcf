import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ilp_models.audit.register.declarations import Declaration
from ilp_models.audit.register.earlier import (
    EarlierDecision,
    RegisterSnapshot,
    data_terms,
    earlier_decisions,
    states_of,
)
from ilp_models.audit.register.register import RegisterEntry
from ilp_models.domain.finding import State
from tests.audit import audit_inputs as inputs
from tests.domain.gate_example import WHOLE

HEADER = {
    "extent": [0.0, 0.0, 1.0, 1.0],
    "first_period": "2025-01-06T00:00:00",
    "last_period": "2025-12-29T00:00:00",
    "settings_digest": "abc",
    "random_settings": {"seed": 0},
}
ONE = EarlierDecision("1a2b3c4d5e6f7a8b9c", "2026-01-05T08:00", "ewma", "", "", False, "", ("coverage_ratio",), ())


def line(decision="d" * 64, **changed):
    moment = datetime(2026, 1, 5, 8, tzinfo=UTC)
    return RegisterEntry("decided", "t.rainer", decision, moment, {**HEADER, "forecaster": "ewma", **changed})


def test_only_decisions_on_the_same_area_and_overlapping_periods_are_found():
    lines = [
        line("a" * 64),
        line("b" * 64, extent=[5.0, 5.0, 6.0, 6.0]),
        line("c" * 64, first_period="2024-01-01T00:00:00", last_period="2024-12-30T00:00:00"),
        replace(line("e" * 64), content={}),  # everywhere and always
    ]
    assert [one.decision[0] for one in earlier_decisions(lines, HEADER)] == ["a", "e"]
    assert [one.decision[0] for one in earlier_decisions(lines, HEADER, "a" * 64)] == ["e"]


@pytest.mark.parametrize("unknown", [None, "", "None", 5, [], "soon"])
def test_a_line_without_a_usable_day_counts_as_always(unknown):
    lines = [line(first_period=unknown), line(last_period=unknown), line(first_period=unknown, last_period=unknown)]
    assert len(earlier_decisions(lines, HEADER)) == 3


def test_a_repeated_audit_says_what_differs():
    (same,) = earlier_decisions([line()], HEADER)
    assert same.repeated == "the same audit"
    (other,) = earlier_decisions([line(random_settings={"seed": 7})], HEADER)
    assert other.repeated == "the same audit with seed=7"
    (another,) = earlier_decisions([line(settings_digest="xyz")], HEADER)
    assert another.repeated == ""


def test_only_checks_that_did_not_pass_or_searched_rules_count():
    assert ONE.counts
    assert ONE.as_text() == "1a2b3c4d5e6f7a8b of 2026-01-05 on ewma (fail: coverage_ratio)"
    bare = replace(ONE, failed=())
    assert not bare.counts
    assert bare.as_text().endswith("(missing inputs)")
    assert replace(bare, rules_tried=3).counts
    assert replace(bare, rules_tried=3, reviewed=("a", "b")).as_text().endswith("(review: a, b; 3 plans were compared)")


def test_a_snapshot_comes_back_from_its_file():
    known = RegisterSnapshot("r.jsonl", "f" * 64, 3, (ONE,), declarations=(Declaration("s", "m", ("a=1",), "t"),))
    assert RegisterSnapshot.from_dict(json.loads(json.dumps(known.to_dict()))) == known


def test_states_of_a_decision_are_its_required_checks_that_do_not_hold():
    findings = [
        replace(one, state={"sum_ratio": State.FAIL, "skill": State.REVIEW}.get(one.check, one.state)) for one in WHOLE
    ]
    checks = {one.check for one in WHOLE}
    expected = {"failed": ["sum_ratio"], "reviewed": [name for name in ("skill",) if name in checks]}
    assert states_of(findings) == expected
    assert states_of(WHOLE) == {"failed": [], "reviewed": []}


def test_the_terms_of_the_data_are_area_and_audited_periods():
    replay, _ = inputs.city()
    terms = data_terms(replay, inputs.grid())
    assert terms["extent"] == inputs.grid().extent()
    assert terms["first_period"] == replay.periods[0].start_time.isoformat()
    assert terms["last_period"] == replay.periods[-1].start_time.isoformat()
