import pytest

from ilp_models.domain.audit import AuditReport
from ilp_models.domain.finding import Finding, Limit, State
from ilp_models.report.audit.check_summaries import short_reasons, summarise_checks, unresolved_findings
from tests.report import audit_records as records

LIMIT = Limit(fail_below=0.8, warn_above=1.15)


def finding(state, group, check="need_adjusted_ratio", title="flags over events", estimate=1.0, limit=LIMIT):
    reason = f"Assault, origin, {group}: {title} is {estimate} ({limit.words() or 'reported only'}). Try another unit."
    numbers = (estimate, estimate - 0.1, estimate + 0.1)
    return Finding(check, title, State(state), reason, *numbers, limit, "Assault", "origin", group)


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
    assert one.parts[0][2][0]["advice"] == "Try another unit."
    assert one.limit == "fail below 0.8, review above 1.15"


def test_few_findings_are_not_folded():
    few = summarise_checks(report_of(finding("pass", "a"), finding("insufficient", "b")))[0]
    assert not any(folded for _, folded, _ in few.parts)


def test_different_titles_and_limits_are_in_the_rows():
    mixed = summarise_checks(
        report_of(finding("fail", "a", title="one"), finding("fail", "b", title="two", limit=Limit(0.5)))
    )[0]
    assert (mixed.title, mixed.limit) == ("", "")
    assert [row["advice"] for row in mixed.parts[0][2]] == ["one. Try another unit.", "two. Try another unit."]
    assert [row["limit"] for row in mixed.parts[0][2]] == ["fail below 0.8, review above 1.15", "fail below 0.5"]


def test_an_interval_without_width_is_exact_and_a_missing_one_is_none():
    exact = Finding("governance", "fields", State.FAIL, "purpose is empty", 9.0, 9.0, 9.0, Limit(fail_above=0))
    nothing = Finding("group_table", "groups", State.INSUFFICIENT, "no table")
    rows = [check.parts[0][2][0] for check in summarise_checks(report_of(exact, nothing))]
    assert [row["interval"] for row in rows] == ["exact", "none"]
    assert [row["advice"] for row in rows] == ["purpose is empty", "no table"]


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


def test_short_reasons_have_the_label_of_their_check():
    reasons = dict(short_reasons(records.reviewed()))
    assert list(reasons) == ["Need-adjusted ratio"]
    assert reasons["Need-adjusted ratio"] == "6 of 6 findings do not pass (6 review)."
    assert short_reasons(records.admitted())[0][0] == ""


def test_findings_with_too_little_evidence_are_one_row_per_check():
    rows = unresolved_findings(report_of(*(finding(state, f"g{place}") for place, state in enumerate(STATES))))
    assert [(row["state"], row["about"]) for row in rows] == [
        ("fail", "Assault, origin: g3"),
        ("review", "Assault, origin: g4"),
        ("insufficient", "2 of 6 findings"),
    ]
    little = unresolved_findings(report_of(finding("insufficient", "a", check="exposure")))
    assert little == []
