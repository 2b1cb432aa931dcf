from dataclasses import replace
from datetime import timedelta

from ilp_models.domain.decision import Approval
from ilp_models.pipeline.approval_page import approved_until, terms_of
from tests.domain.gate_example import NOW, decision

PLAIN = Approval(decision().seal, "R. Viewer", "settled", (), NOW)


def test_an_approval_without_standing_terms_ends_with_its_decision():
    assert terms_of(PLAIN) is None
    assert approved_until(decision(), PLAIN) == decision().valid_until
    later = replace(decision(), valid_until=NOW + timedelta(days=2))
    assert approved_until(later, PLAIN) == NOW + timedelta(days=2)
