"""What the pages of an allocation call the forecast that they rest on."""

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
def test_what_a_reviewer_accepted_in_spite_of_reviews_is_not_called_admitted(state, words):
    made = decision_on(forecast_on(square_grid()))
    changes = {} if state is State.PASS else {"state": state, "value": 2.1, "high": 2.2}
    findings = tuple(replace(one, **changes) if one.check == "sum_ratio" else one for one in made.findings)
    made = replace(made, report=replace(made.report, findings=findings))
    approval = Approval(made.seal, "R. Viewer", "discussed", made.reviews, made.issued)
    assert replace(made, approval=approval).approved
    assert verdict(replace(made, approval=approval)) == words


def test_what_nobody_needed_to_approve_is_admitted():
    assert verdict(decision_on(forecast_on(square_grid()))) == "ADMITTED"
