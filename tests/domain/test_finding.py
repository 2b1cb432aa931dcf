import json

import pytest

from ilp_models.domain.finding import (
    ALL,
    Finding,
    Limit,
    Shortfall,
    State,
    numbers_text,
    sentence,
    state_text,
    verdict_text,
)
from tests.domain.gate_example import KEYS, passed

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


def test_a_check_without_a_bound_speaks_for_nothing():
    assert passed(KEYS[0]).holds
    assert not passed(KEYS[0], limit=Limit()).holds


@pytest.mark.parametrize(
    ("value", "text"), [(1.10027, "1.1003 ("), (1.1, "1.1 ("), (1.1004, "1.1004 ("), (1.2049, "1.2 (")]
)
def test_a_value_just_beyond_a_bound_is_not_printed_as_the_bound(value, text):
    limit = Limit(warn_above=1.1)
    assert numbers_text(Finding("calibration_slope", State.REVIEW, value, value, value, limit)).startswith(text)


def test_a_sentence_has_conclusion_number_interval_acceptable_range_and_advice():
    limit = Limit(0.8, 0.9, 1.1, 1.25)
    finding = Finding("calibration_slope", State.REVIEW, 1.14, 1.1, 1.18, limit, "Robbery")
    assert sentence(finding) == (
        "Calibration slope needs review for Robbery: 1.14 (interval 1.1 to 1.18; acceptable: 0.9 to 1.1). In the "
        "busiest cells more events were recorded than expected. Smooth less. The reviewer may accept it with a reason."
    )


def test_a_shortfall_is_data_and_says_what_was_found_and_needed():
    lacking = (Shortfall("weighted events", 150, 200), Shortfall("no week has an event"))
    finding = Finding("coverage", State.INSUFFICIENT, crime_type=ALL, shortfall=lacking, advice="Test more periods.")
    assert sentence(finding) == (
        "Coverage lacks evidence for all crime types. 150 weighted events, 200 needed and no week has an event. Test "
        "more periods."
    )
    stored = Finding.from_dict(json.loads(json.dumps(finding.to_dict())))
    assert stored.shortfall[0] == lacking[0]
