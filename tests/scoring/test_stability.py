import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.scoring.hot_spots import displacement_shares, rank_cells, recapture_rates

LAND = np.ones(4)


def weeks(*maps):
    """Return (1, cells, periods) of one map a period."""
    return np.array(maps, dtype=float).T[None]


def test_a_hot_spot_that_keeps_its_share_has_an_index_of_one_though_crime_doubles():
    expected = weeks([4, 3, 2, 1], [4, 3, 2, 1])
    scores = recapture_rates(rank_cells(expected, LAND), weeks([5, 2, 2, 1], [10, 4, 4, 2]), (0.25,), 1)
    assert np.isnan(scores["rri_25"][0, 0])
    assert scores["rri_25"][0, 1] == pytest.approx(1.0)


def test_the_index_looks_back_to_the_last_known_period():
    # forecast two periods ahead: the land of period 3 held 1 of 10 events in period 1, and 6 of 12 in period 3
    expected = weeks([1, 1, 1, 1], [1, 1, 1, 1], [9, 1, 1, 1])
    observed = weeks([1, 3, 3, 3], [8, 0, 0, 0], [6, 2, 2, 2])
    scores = recapture_rates(rank_cells(expected, LAND), observed, (0.25,), 2)
    assert scores["rri_25"][0, 2] == pytest.approx((6 / 12) / (1 / 10))
    assert np.isnan(scores["rri_25"][0, :2]).all()


def test_land_without_events_before_has_no_index_but_counts_in_the_pool():
    expected = weeks([1, 2, 3, 4], [4, 3, 2, 1])
    scores = recapture_rates(rank_cells(expected, LAND), weeks([0, 3, 3, 4], [5, 2, 2, 1]), (0.25,), 1)
    assert np.isnan(scores["rri_25"][0, 1])
    assert scores["recaptured_now_25"][0, 1] == pytest.approx(5 * 10 / 20)
    assert scores["recaptured_then_25"][0, 1] == 0.0


def test_periods_without_events_and_leads_beyond_the_end_say_nothing():
    expected = weeks([4, 3, 2, 1], [4, 3, 2, 1])
    empty = recapture_rates(rank_cells(expected, LAND), weeks([0, 0, 0, 0], [1, 0, 0, 0]), (0.25,), 1)
    far = recapture_rates(rank_cells(expected, LAND), weeks([1, 1, 1, 1], [1, 0, 0, 0]), (0.25,), 3)
    assert all(np.isnan(value).all() for scores in (empty, far) for value in scores.values())


def test_displacement_by_hand():
    # half of four equal cells: first {0, 1}, then {1, 2}, then {1, 2} again, then all tied: half of each
    expected = weeks([4, 3, 2, 1], [1, 3, 4, 2], [0, 9, 8, 1], [1, 1, 1, 1])
    scores = displacement_shares(rank_cells(expected, LAND), LAND, (0.5,))["displacement_50"]
    assert np.isnan(scores[0, 0])
    assert scores[0, 1:].tolist() == pytest.approx([0.5, 0.0, 0.5])


def test_displacement_is_of_land_not_of_cells():
    area = np.array([3.0, 1.0, 4.0])
    # half of 8: the two small cells, then the large one
    expected = weeks([6, 2, 4], [3, 1, 9])
    assert displacement_shares(rank_cells(expected, area), area, (0.5,))["displacement_50"][0, 1] == pytest.approx(1.0)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.3, 1.0]))
def test_displacement_is_a_share_and_none_of_all_land_moves(seed, share):
    generator = np.random.default_rng(seed)
    area = generator.uniform(0.5, 2.0, 9)
    expected = generator.integers(0, 4, (2, 9, 5)).astype(float)
    moved = next(iter(displacement_shares(rank_cells(expected, area), area, (share,)).values()))[:, 1:]
    assert ((moved >= 0) & (moved <= 1)).all()
    if share == 1.0:
        assert moved == pytest.approx(0.0)
