"""Confidence: high without a weakness, one level lower for each, and reasons for every fall."""

import pytest

from ilp_models.strategy.threats.confidence import PastErrors, judge_confidence

TESTED = PastErrors(0.05, 0.9, 8)
GOOD = {
    "past": TESTED,
    "recorded": 500.0,
    "shifted": False,
    "ranges": (2.0,),
    "missing_share": 0.01,
}


@pytest.mark.parametrize(
    ("changes", "level", "count"),
    [
        ({}, "high", 0),
        ({"past": TESTED._replace(error=0.15)}, "moderate", 1),
        ({"past": TESTED._replace(error=0.3)}, "low", 1),
        ({"past": PastErrors(float("nan"), float("nan"), 0)}, "low", 1),
        ({"past": TESTED._replace(coverage=0.6)}, "moderate", 1),
        ({"past": TESTED._replace(origins=5)}, "high", 0),
        ({"past": TESTED._replace(origins=4)}, "low", 1),
        ({"past": PastErrors(0.05, 0.5, 2)}, "low", 1),  # one miss of two is no evidence about the intervals
        ({"past": PastErrors(0.3, 0.9, 2)}, "low", 2),
        ({"recorded": 20.0}, "moderate", 1),
        ({"shifted": True, "ranges": (20.0, 3.0)}, "low", 2),
        ({"missing_share": 0.2}, "moderate", 1),
        ({"recorded": 20.0, "shifted": True, "missing_share": 0.2, "past": PastErrors(0.5, 0.9, 8)}, "low", 4),
    ],
)
def test_levels(changes, level, count):
    found = judge_confidence(**GOOD | changes)
    assert (found.level, len(found.reasons)) == (level, count)


def test_two_past_origins_are_said_to_be_too_few():
    found = judge_confidence(**GOOD | {"past": PastErrors(0.05, 0.9, 2)})
    assert found.reasons == ("2 past origins are not enough to judge the forecast (5 are needed)",)
    assert found.about("forecast") == found.reasons
    assert found.about("harm") == ()
