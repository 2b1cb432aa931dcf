import re

import pytest

from ilp_models.domain.audit import AuditReport
from ilp_models.domain.checks import CATALOGUE
from ilp_models.domain.finding import Finding, Limit, Shortfall, State
from ilp_models.report.audit.check_summaries import (
    open_parts,
    reason_groups,
    summarise_checks,
    unresolved_findings,
)
from tests.report import audit_records as records

LIMIT = Limit(fail_below=0.8, warn_above=1.15)


def finding(state, group, check="need_adjusted_ratio", limit=LIMIT, detail=""):
    numbers, advice = (1.0, 0.9, 1.1), "Try another ranking."
    where = ("Assault", "origin", group)
    return Finding(check, State(state), *numbers, limit, *where, detail=detail, advice=advice)


def report_of(*findings):
    return AuditReport(findings, "ewma", "r", ("Assault",))


STATES = ["pass", "insufficient", "pass", "fail", "review", "insufficient"]


@pytest.fixture
def one():
    return summarise_checks(report_of(*(finding(state, f"g{place}") for place, state in enumerate(STATES))))[0]


def test_findings_against_the_model_come_first_and_the_others_are_folded(one):
    assert [(state, folded, len(rows)) for state, folded, rows in one.parts] == [
        ("fail", False, 1),
        ("review", False, 1),
        ("insufficient", True, 2),
        ("pass", True, 2),
    ]
    assert (one.state, one.count, one.open, one.label) == ("fail", "2 of 6 pass", True, "Need-adjusted ratio")


def test_the_advice_repeats_no_numbers_and_no_limit(one):
    reading = "Above 1: the group's share of flagged areas exceeds its share of recorded events."
    assert one.parts[0][2][0]["advice"] == f"{reading} Try another ranking."
    assert one.limit == "fail below 0.8, review above 1.15"


def test_few_findings_are_not_folded():
    few = summarise_checks(report_of(finding("pass", "a"), finding("insufficient", "b")))[0]
    assert not any(folded for _, folded, _ in few.parts)


def test_different_details_and_limits_are_in_the_rows():
    mixed = summarise_checks(
        report_of(finding("fail", "a", detail="One."), finding("fail", "b", detail="Two.", limit=Limit(0.5)))
    )[0]
    assert (mixed.question, mixed.limit) == (CATALOGUE["need_adjusted_ratio"].question, "")
    assert [row["advice"][:4] for row in mixed.parts[0][2]] == ["One.", "Two."]
    assert [row["limit"] for row in mixed.parts[0][2]] == ["fail below 0.8, review above 1.15", "fail below 0.5"]


def test_an_interval_without_width_is_exact_and_a_missing_one_is_none():
    exact = Finding("governance", State.FAIL, 9.0, 9.0, 9.0, Limit(fail_above=0), detail="Purpose is empty.")
    nothing = Finding("group_table", State.INSUFFICIENT, shortfall=(Shortfall("no table"),))
    rows = [check.parts[0][2][0] for check in summarise_checks(report_of(exact, nothing))]
    assert [row["interval"] for row in rows] == ["exact", "none"]
    assert [row["advice"] for row in rows] == ["Purpose is empty.", "No table."]


def test_required_checks_come_first_and_the_worst_state_first():
    found = summarise_checks(
        report_of(
            finding("fail", "a", check="exposure_ratio"),
            finding("pass", "a", check="sum_ratio"),
            finding("review", "a", check="coverage_ratio"),
            finding("pass", "b", check="exposure", limit=Limit()),
        )
    )
    assert [(one.check, one.state, one.count) for one in found] == [
        ("coverage_ratio", "review", "0 of 1 pass"),
        ("sum_ratio", "pass", "1 of 1 pass"),
        ("exposure_ratio", "fail", "0 of 1 pass"),
        ("exposure", "reported", "1 without a limit"),
    ]


def test_reasons_are_grouped_by_kind_with_their_check_and_what_causes_them_but_no_setting():
    group = reason_groups(records.reviewed())[0]
    assert group.heading == "Reviews that the reviewer may accept with a reason"
    ((label, text),) = group.reasons
    assert label == "Need-adjusted ratio"
    assert text.startswith("needs review for ")
    assert text.endswith(": 6 of 6 findings.")
    groups = [*reason_groups(records.withheld()), *reason_groups(records.bare().decision), group]
    every = [text for one in groups for _, text in one.reasons]
    assert not [text for text in every if re.search(r"audit\.|data\.|=|null", text)]
    assert [one.heading for one in reason_groups(records.with_changed_settings(records.reviewed()))][1:] == ["Notes"]
    (passed,) = reason_groups(records.admitted())
    assert (passed.heading, passed.reasons[0]) == ("", ("", records.admitted().reasons[0]))


def test_sections_are_open_where_their_checks_fail_or_need_review():
    assert "sides" in open_parts(records.reviewed().report)
    assert open_parts(records.admitted().report) == ()


def test_findings_with_too_little_evidence_are_one_row_per_check():
    rows = unresolved_findings(report_of(*(finding(state, f"g{place}") for place, state in enumerate(STATES))))
    assert [(row["state"], row["about"]) for row in rows] == [
        ("fail", "Assault, origin: g3"),
        ("review", "Assault, origin: g4"),
        ("insufficient", "2 of 6 findings"),
    ]
    little = unresolved_findings(report_of(finding("insufficient", "a", check="exposure")))
    assert little == []
