import numpy as np
import pytest

from ilp_models.domain.overused_points import overused, overused_by_cell, point_codes
from tests.builders import city, events_at


def test_events_within_ten_metres_share_a_point_also_across_a_border():
    x = np.array([0.0, 3.0, 100.0, 219.0, 221.0])
    codes = point_codes(x, np.zeros(5))
    assert codes[0] == codes[1]
    assert codes[3] == codes[4]
    assert len(set(codes)) == 3


@pytest.mark.parametrize(("events", "found"), [(50, False), (51, True)])
def test_a_point_needs_more_than_fifty_events(events, found):
    codes = np.repeat([0, 1, 2], [events, 1, 1])
    assert overused(codes).tolist() == [found] * events + [False] * 2


@pytest.mark.parametrize(("others", "found"), [(9, True), (10, False)])
def test_a_point_needs_more_than_twenty_times_the_mean_of_the_others(others, found):
    codes = np.concatenate([np.zeros(181, dtype=np.int64), np.repeat([1, 2], others)])
    assert overused(codes)[0] == found


def test_a_large_point_among_very_many_events_needs_a_share_of_them():
    alone = np.arange(1, 40_000)
    assert not overused(np.concatenate([np.zeros(100, dtype=np.int64), alone]))[0]  # 0.25 % of 40,099 is 100.2
    assert overused(np.concatenate([np.zeros(101, dtype=np.int64), alone]))[0]


def test_cells_are_listed_with_their_events_at_such_points():
    grid = city()
    left, bottom = 630_000.0, 4_834_000.0
    x = np.concatenate([np.full(60, left + 250), left + 600 + 25.0 * np.arange(12), [left + 100]])
    events = events_at(x, np.full(73, bottom + 250), types=("Theft",))
    (row,) = overused_by_cell(events, grid).to_dict("records")
    assert row == {"crime_type": "Theft", "cell": "r0c0", "events": 61, "at_points": 60, "share": 60 / 61}


def test_no_events_have_no_points():
    assert len(point_codes(np.empty(0), np.empty(0))) == len(overused(np.empty(0, dtype=np.int64))) == 0
