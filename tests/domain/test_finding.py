import pytest

from ilp_models.domain.finding import Finding, Limit, State, state_text, verdict_text

LIMIT = Limit(fail_below=0.5)


@pytest.mark.parametrize(
    ("finding", "shown", "verb"),
    [
        (Finding("sum_ratio", State.PASS, 1.0, limit=LIMIT), "pass", "passes"),
        (Finding("exposure", State.PASS, 0.05), "reported", "is reported"),
        (Finding("exposure", State.PASS, 0.05, limit=Limit()), "reported", "is reported"),
        (Finding("exposure", State.INSUFFICIENT), "insufficient", "lacks evidence"),
        (Finding("exposure_ratio", State.REVIEW, 1.3, limit=LIMIT), "review", "needs review"),
    ],
)
def test_a_value_without_a_limit_is_reported_and_does_not_pass(finding, shown, verb):
    assert state_text(finding) == shown
    assert verdict_text(finding) == verb
