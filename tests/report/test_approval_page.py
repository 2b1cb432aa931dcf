"""The page of an approval: amber where reviews were accepted, with who, why and how to verify it."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from ilp_models.domain.decision import Approval
from ilp_models.report.approval_page import ApprovalPage
from ilp_models.report.front_page import Place

MOMENT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
SEAL = "a" * 64


def page_of(folder, reviews=("sum_ratio",), reason="discussed on 3 May", key=""):
    approval = Approval(
        SEAL, "R. Viewer", reason, tuple(reviews), MOMENT, key, changed=("audit.land_share=0.1",), line="d" * 64
    )
    review = SimpleNamespace(check="sum_ratio", grounds_text=lambda _: "Expected to recorded ratio needs review: 1.06.")
    decision = SimpleNamespace(
        seal=SEAL,
        forecaster="lightgbm",
        valid_until=datetime(2026, 1, 12, tzinfo=UTC),
        obstacles=(review,) if reviews else (),
        report=SimpleNamespace(header={"rule": "top areas"}),
    )
    places = (Place("West, north", 3.2, 43.7, -79.4),)
    totals = (("Assault", 320.0), ("Robbery", 41.0))
    ends = decision.valid_until
    page = ApprovalPage("5 to 11 January 2026", decision, approval, "register.jsonl", "run", totals, places, ends)
    return page.write(folder).read_text()


def test_an_accepted_review_makes_the_page_amber_and_is_listed(tmp_path):
    text = page_of(tmp_path)
    assert 'class="banner accepted"' in text
    assert "APPROVED with 1 accepted review, until 12 January 2026" in text
    for words in ("R. Viewer", "discussed on 3 May", "needs review: 1.06", "audit.land_share=0.1", "d" * 64, SEAL):
        assert words in text
    assert "none: anyone who can write to the register could have added this line" in text


def test_an_approval_of_a_pass_accepts_nothing_and_is_not_amber(tmp_path):
    text = page_of(tmp_path, reviews=(), key="b" * 64)
    assert 'class="banner approved"' in text
    assert "nothing had to be accepted" in text
    assert f"by key {'b' * 64}" in text


def test_a_reason_cannot_break_out_of_the_page(tmp_path):
    text = page_of(tmp_path, reason="</q><script>alert(1)</script>")
    assert "<script>" not in text


@pytest.mark.parametrize(
    "words", ["Assault: <strong>320</strong>", "geo:43.70000,-79.40000", "Allocation rule: top areas"]
)
def test_the_page_says_what_is_expected_where_and_under_which_rule(tmp_path, words):
    assert words in page_of(tmp_path)
