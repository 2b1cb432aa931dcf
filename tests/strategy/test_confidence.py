"""Confidence: high without a weakness, one level lower for each, and reasons for every fall."""

import pytest

from ilp_models.strategy.threats.confidence import judge_confidence

GOOD = {
    "recorded": 500.0,
    "error": 0.05,
    "coverage": 0.9,
    "shifted": False,
    "ranges": (2.0,),
    "missing_share": 0.01,
}


@pytest.mark.parametrize(
    ("changes", "level", "count"),
    [
        ({}, "high", 0),
        ({"error": 0.15}, "moderate", 1),
        ({"error": 0.3}, "low", 1),
        ({"error": float("nan"), "coverage": float("nan")}, "low", 1),
        ({"coverage": 0.6}, "moderate", 1),
        ({"recorded": 20.0}, "moderate", 1),
        ({"shifted": True, "ranges": (20.0, 3.0)}, "low", 2),
        ({"missing_share": 0.2}, "moderate", 1),
        ({"recorded": 20.0, "shifted": True, "missing_share": 0.2, "error": 0.5}, "low", 4),
    ],
)
def test_levels(changes, level, count):
    found = judge_confidence(**GOOD | changes)
    assert (found.level, len(found.reasons)) == (level, count)
