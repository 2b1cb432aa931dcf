import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ilp_models.scoring.hot_spots import (
    displacement_shares,
    flagged_events,
    hit_curve,
    hit_rate_area,
    hit_rates,
    prediction_efficiencies,
    rank_cells,
    recapture_rates,
    share_label,
)
from tests.builders import replay_of


def events_of(expected, observed, area, shares):
    return flagged_events(rank_cells(expected, area), observed, shares)


SMALL = st.integers(0, 3).map(float)


@st.composite
def weeks(draw):
    cells = draw(st.integers(2, 15))
    cube = arrays(float, (1, cells, 2), elements=SMALL)
    return draw(cube), draw(cube), draw(arrays(float, cells, elements=st.sampled_from([1.0, 2.0, 3.0])))


def test_hit_rate_pai_and_pei_by_hand():
    # ten squares, 15 % of the land: the first cell and half of the second; 4 + 1 / 2 * 2 of 10 events
    expected = np.arange(10.0, 0.0, -1.0).reshape(1, 10, 1)
    observed = np.array([4.0, 2, 0, 0, 0, 3, 1, 0, 0, 0]).reshape(1, 10, 1)
    shares, area = (0.15,), np.full(10, 250_000.0)
    caught, best = events_of(expected, observed, area, shares), events_of(observed, observed, area, shares)
    rates = hit_rates(caught, observed.sum(axis=1), shares)
    assert rates["hit_rate_15"].item() == pytest.approx(0.5)
    assert rates["pai_15"].item() == pytest.approx(0.5 / 0.15)
    # the oracle takes the cell with 4 and half of the one with 3
    efficiency = prediction_efficiencies(caught, best, shares)
    assert efficiency["oracle_hits_15"].item() == pytest.approx(5.5)
    assert efficiency["pei_15"].item() == pytest.approx(5 / 5.5)


def test_tied_cells_count_in_part_in_any_order():
    observed = np.array([0.0, 6.0, 0.0, 0.0]).reshape(1, 4, 1)
    assert events_of(np.ones((1, 4, 1)), observed, np.ones(4), (0.25,)).item() == pytest.approx(1.5)


def test_on_equal_squares_the_hits_interpolate_between_whole_numbers_of_cells():
    generator = np.random.default_rng(1)
    expected, observed = generator.random((1, 37, 1)), generator.poisson(2.0, (1, 37, 1)).astype(float)
    order = np.argsort(-expected[0, :, 0])
    cumulative = np.concatenate(([0.0], np.cumsum(observed[0, order, 0])))
    for share in (0.01, 0.05, 0.2, 0.5):
        oracle = np.interp(share * 37, np.arange(38), cumulative)
        assert events_of(expected, observed, np.ones(37), (share,)).item() == pytest.approx(oracle)


def test_unequal_cells_rank_by_density():
    # 4 events on 4 m2 come after 2 events on 1 m2
    expected = np.array([4.0, 2.0, 0.0]).reshape(1, 3, 1)
    assert events_of(expected, expected, np.array([4.0, 1.0, 5.0]), (0.1, 0.5)).ravel() == pytest.approx([2.0, 6.0])


def test_period_without_events_has_no_hit_rate():
    rates = hit_rates(np.zeros((1, 1, 1)), np.zeros((1, 1)), (0.05,))
    assert np.isnan(rates["hit_rate_05"]).all()
    assert np.isnan(prediction_efficiencies(np.zeros((1, 1, 1)), np.zeros((1, 1, 1)), (0.05,))["pei_05"]).all()


@given(weeks(), st.floats(0.01, 1), st.floats(0.01, 1))
def test_hits_grow_with_the_share_and_never_pass_the_oracle(week, one, other):
    expected, observed, area = week
    shares = sorted((one, other))
    caught, best = events_of(expected, observed, area, shares), events_of(observed, observed, area, shares)
    assert (caught[0] <= caught[1] + 1e-9).all()
    assert (caught <= best + 1e-9).all()
    assert (best <= observed.sum(axis=1) + 1e-9).all()


@given(weeks(), st.randoms())
def test_order_of_the_cells_changes_nothing(week, random):
    expected, observed, area = week
    order = list(range(len(area)))
    random.shuffle(order)
    shuffled = events_of(expected[:, order], observed[:, order], area[order], (0.1, 0.4))
    assert shuffled == pytest.approx(events_of(expected, observed, area, (0.1, 0.4)))


def test_share_labels_are_per_cent():
    assert [share_label(share) for share in (0.01, 0.05, 0.1, 0.29, 1.0, 0.005)] == [
        "01",
        "05",
        "10",
        "29",
        "100",
        "0.5",
    ]


def test_hit_curve_runs_from_zero_to_one_below_the_oracle():
    generator = np.random.default_rng(2)
    expected = generator.gamma(0.5, 1.0, (2, 30, 4))
    observed = generator.poisson(expected)
    observed[1] = 0
    curve = hit_curve(replay_of(expected, observed), np.ones(30), np.linspace(0, 1, 21))
    assert curve["crime_type"].unique().tolist() == ["a", "all"]
    first = curve[curve["crime_type"] == "all"]
    assert first["hit_rate"].iloc[[0, -1]].tolist() == pytest.approx([0.0, 1.0])
    assert (np.diff(first["hit_rate"]) >= -1e-12).all()
    assert (first["oracle"] >= first["hit_rate"] - 1e-12).all()
    at_ten = events_of(expected[:1], observed[:1].astype(float), np.ones(30), (0.1,)).sum() / observed.sum()
    assert first.set_index(first["share"].round(2)).loc[0.1, "hit_rate"] == pytest.approx(at_ten)


def test_hit_rate_area_of_a_random_map_is_one():
    observed = np.array([[[0.0], [6.0], [0.0], [0.0]]])
    assert hit_rate_area(rank_cells(np.ones((1, 4, 1)), np.ones(4)), observed, 0.2).item() == pytest.approx(1.0)
    # all events on 2 % of the land: full from there on, so 1 - 0.02 / 2 / 0.2 of the most that is possible
    land = np.array([2.0, 98.0])
    expected = np.array([[[9.0], [1.0]]])
    area = hit_rate_area(rank_cells(expected, land), np.array([[[5.0], [0.0]]]), 0.2)
    assert area.item() == pytest.approx(2 / 0.2 * (1 - 0.05))


@settings(max_examples=40)
@given(weeks(), st.sampled_from([0.07, 0.2, 0.5, 1.0]))
def test_hit_rate_area_equals_the_integral_of_the_curve(week, up_to):
    expected, observed, land = week
    shares = up_to * (np.arange(400) + 0.5) / 400
    area = hit_rate_area(rank_cells(expected, land), observed, up_to)
    events = observed.sum(axis=1)
    curve = events_of(expected, observed, land, shares).mean(axis=0) / np.maximum(events, 1) / (up_to / 2)
    assert np.isnan(area[events == 0]).all()
    assert area[events > 0] == pytest.approx(curve[events > 0], rel=5e-3)


LAND = np.ones(4)


def period_maps(*maps):
    """Return (1, cells, periods) of one map a period."""
    return np.array(maps, dtype=float).T[None]


def test_persistent_hot_spot_has_recapture_index_one():
    expected = period_maps([4, 3, 2, 1], [4, 3, 2, 1])
    scores = recapture_rates(rank_cells(expected, LAND), period_maps([5, 2, 2, 1], [10, 4, 4, 2]), (0.25,), 1)
    assert np.isnan(scores["rri_25"][0, 0])
    assert scores["rri_25"][0, 1] == pytest.approx(1.0)


def test_recapture_index_uses_the_last_known_period():
    # forecast two periods ahead: the land of period 3 held 1 of 10 events in period 1, and 6 of 12 in period 3
    expected = period_maps([1, 1, 1, 1], [1, 1, 1, 1], [9, 1, 1, 1])
    observed = period_maps([1, 3, 3, 3], [8, 0, 0, 0], [6, 2, 2, 2])
    scores = recapture_rates(rank_cells(expected, LAND), observed, (0.25,), 2)
    assert scores["rri_25"][0, 2] == pytest.approx((6 / 12) / (1 / 10))
    assert np.isnan(scores["rri_25"][0, :2]).all()


def test_land_without_earlier_events_counts_in_the_pool_only():
    expected = period_maps([1, 2, 3, 4], [4, 3, 2, 1])
    scores = recapture_rates(rank_cells(expected, LAND), period_maps([0, 3, 3, 4], [5, 2, 2, 1]), (0.25,), 1)
    assert np.isnan(scores["rri_25"][0, 1])
    assert scores["recaptured_now_25"][0, 1] == pytest.approx(5 * 10 / 20)
    assert scores["recaptured_then_25"][0, 1] == 0.0


def test_recapture_index_is_undefined_without_events():
    expected = period_maps([4, 3, 2, 1], [4, 3, 2, 1])
    empty = recapture_rates(rank_cells(expected, LAND), period_maps([0, 0, 0, 0], [1, 0, 0, 0]), (0.25,), 1)
    far = recapture_rates(rank_cells(expected, LAND), period_maps([1, 1, 1, 1], [1, 0, 0, 0]), (0.25,), 3)
    assert all(np.isnan(value).all() for scores in (empty, far) for value in scores.values())


def test_displacement_by_hand():
    # half of four equal cells: first {0, 1}, then {1, 2}, then {1, 2} again, then all tied: half of each
    expected = period_maps([4, 3, 2, 1], [1, 3, 4, 2], [0, 9, 8, 1], [1, 1, 1, 1])
    scores = displacement_shares(rank_cells(expected, LAND), LAND, (0.5,))["displacement_50"]
    assert np.isnan(scores[0, 0])
    assert scores[0, 1:].tolist() == pytest.approx([0.5, 0.0, 0.5])


def test_displacement_measures_land():
    area = np.array([3.0, 1.0, 4.0])
    # half of 8: the two small cells, then the large one
    expected = period_maps([6, 2, 4], [3, 1, 9])
    assert displacement_shares(rank_cells(expected, area), area, (0.5,))["displacement_50"][0, 1] == pytest.approx(1.0)


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.3, 1.0]))
def test_displacement_is_between_zero_and_one(seed, share):
    generator = np.random.default_rng(seed)
    area = generator.uniform(0.5, 2.0, 9)
    expected = generator.integers(0, 4, (2, 9, 5)).astype(float)
    moved = next(iter(displacement_shares(rank_cells(expected, area), area, (share,)).values()))[:, 1:]
    assert ((moved >= 0) & (moved <= 1)).all()
    if share == 1.0:
        assert moved == pytest.approx(0.0)
