from dataclasses import replace

import numpy as np
import pytest

from ilp_models.domain.finding import State
from ilp_models.pipeline.front_content import _range, highest_places, reason_in_one_sentence
from tests.builders import square_grid
from tests.domain.gate_example import WHOLE, decision, report

GRID = square_grid()


def spoiled(*positions, state=State.FAIL):
    findings = [replace(one, state=state) if at in positions else one for at, one in enumerate(WHOLE)]
    return decision(report(tuple(findings)))


def test_an_admitted_forecast_has_one_reason():
    assert reason_in_one_sentence(decision()) == (
        "All required checks passed for every crime type and group of residents."
    )


def test_the_first_three_requirements_are_named_and_the_others_counted():
    one = reason_in_one_sentence(spoiled(0))
    assert one.startswith("1 requirement is not met, and the report says what to do about each: ")
    checks = {finding.check: at for at, finding in enumerate(WHOLE)}
    many = reason_in_one_sentence(spoiled(*checks.values()))
    assert many.startswith(f"{len(checks)} requirements are not met")
    assert many.endswith(f"; and {len(checks) - 3} more.")


def test_places_with_most_expected_crimes_of_all_types_come_first():
    expected = np.zeros((2, len(GRID)))
    expected[:, 5], expected[0, 2], expected[1, 7] = 3.0, 4.0, 5.0
    names = np.array([f"place {at}" for at in range(len(GRID))], dtype=object)
    places = highest_places(expected, GRID.geometry, GRID.crs, names)
    assert [one.name for one in places] == ["place 5", "place 7", "place 2"]
    assert places[0].expected == 6
    assert 43 < places[0].lat < 44
    assert -80 < places[0].lon < -79


def test_a_range_needs_twenty_periods():
    ratios = np.linspace(0.5, 1.5, 21)
    assert _range(10.0, ratios) == pytest.approx((5.5, 14.5))
    assert _range(10.0, ratios[:19]) is None
