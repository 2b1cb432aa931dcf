"""The verdict on the pages of an allocation."""

from dataclasses import replace

import pytest

from ilp_models.domain.decision import Approval
from ilp_models.domain.finding import State
from ilp_models.pipeline.briefings import verdict
from tests.builders import forecast_on, square_grid
from tests.export.decisions import decision_on


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.PASS, "ADMITTED, APPROVED BY A REVIEWER"),
        (State.REVIEW, "WITHHELD BY THE GATE, APPROVED BY A REVIEWER"),
    ],
)
def test_an_approved_forecast_with_reviews_stays_withheld(state, words):
    decision = decision_on(forecast_on(square_grid()))
    changes = {} if state is State.PASS else {"state": state, "value": 2.1, "high": 2.2}
    findings = tuple(replace(one, **changes) if one.check == "sum_ratio" else one for one in decision.findings)
    decision = replace(decision, report=replace(decision.report, findings=findings))
    approval = Approval(decision.seal, "R. Viewer", "discussed", decision.reviews, decision.issued)
    assert replace(decision, approval=approval).approved
    assert verdict(replace(decision, approval=approval)) == words


def test_a_pass_without_approval_is_admitted():
    assert verdict(decision_on(forecast_on(square_grid()))) == "ADMITTED"
