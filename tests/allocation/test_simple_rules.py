"""Top areas, capped and proportional effort, and what is drawn at random."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.allocation.budget import Budget
from ilp_models.allocation.proportional import Proportional, systematic
from ilp_models.allocation.top_areas import Capped, TopAreas
from ilp_models.domain.errors import InputError
from tests.allocation.allocation_inputs import town, values

SEEDS = st.integers(0, 10_000)


@given(SEEDS, st.integers(1, 12))
@settings(max_examples=30, deadline=None)
def test_top_areas_cover_as_much_as_any_choice_of_as_many_cells(seed, cells):
    worth = values(town(), 3, seed)
    effort = TopAreas(Budget(amount=cells)).allocate(worth, town())
    np.testing.assert_allclose((effort.amount * worth).sum(axis=0), np.sort(worth, axis=0)[::-1][:cells].sum(axis=0))
    assert set(np.unique(effort.amount)) <= {0.0, 1.0}
    np.testing.assert_array_equal(effort.inclusion, effort.amount)


def test_the_last_cell_gets_the_hours_that_are_left():
    worth = np.arange(12.0)[::-1, None]
    effort = TopAreas(Budget(amount=5, budget_unit="hours", per_cell=2)).allocate(worth, town())
    np.testing.assert_allclose(effort.amount[:4, 0], [2, 2, 1, 0])


def test_ties_are_broken_in_the_order_of_cells():
    effort = TopAreas(Budget(amount=2)).allocate(np.ones((12, 1)), town())
    np.testing.assert_array_equal(np.flatnonzero(effort.amount[:, 0]), [0, 1])


@given(SEEDS, st.floats(0.05, 0.95), st.floats(0, 6), st.sampled_from(["cells", "hours"]))
@settings(max_examples=60, deadline=None)
def test_proportional_effort_spends_the_budget_within_each_cell_and_in_proportion(seed, share, exponent, unit):
    worth = values(town(), 2, seed)
    budget = Budget(budget_share=share, budget_unit=unit, **({"per_cell": 3.0} if unit == "hours" else {}))
    effort = Proportional(budget, exponent).allocate(worth, town())
    need = budget.need(town())[:, None]
    np.testing.assert_allclose(effort.amount.sum(axis=0), budget.available(town()))
    assert (effort.amount <= need * (1 + 1e-9)).all()
    for column, weight in zip(effort.amount.T, (worth**exponent).T, strict=True):
        inside = column < need[0] * (1 - 1e-9)
        if inside.sum() > 1 and weight[inside].min() > 1e-6:
            assert np.ptp(column[inside] / weight[inside]) <= 1e-6 * (column[inside] / weight[inside]).max()


def test_a_large_exponent_comes_to_the_top_areas_and_none_spreads_evenly():
    worth = values(town(), 1)
    budget = Budget(amount=3)
    close = Proportional(budget, 500).allocate(worth, town()).amount
    np.testing.assert_allclose(close, TopAreas(budget).allocate(worth, town()).amount, atol=1e-6)
    np.testing.assert_allclose(Proportional(budget, 0).allocate(worth, town()).amount, 0.25)


def test_where_nothing_is_expected_effort_is_spread_evenly():
    np.testing.assert_allclose(Proportional(Budget(amount=3)).allocate(np.zeros((12, 1)), town()).amount, 0.25)


def test_a_lottery_draws_whole_cells_with_the_stated_probabilities():
    worth = np.repeat(values(town()), 4000, axis=1)
    effort = Proportional(Budget(amount=3), lottery=True).allocate(worth, town())
    np.testing.assert_array_equal(effort.amount.sum(axis=0), 3)
    assert set(np.unique(effort.amount)) == {0.0, 1.0}
    np.testing.assert_allclose(effort.amount.mean(axis=1), effort.inclusion[:, 0], atol=0.03)


@given(SEEDS)
@settings(max_examples=50, deadline=None)
def test_systematic_draws_have_as_many_cells_as_the_probabilities_sum_to(seed):
    rng = np.random.default_rng(seed)
    shares = Proportional(Budget(amount=4)).allocate(values(town(), 1, seed), town()).amount[:, 0]
    drawn = systematic(shares, rng)
    assert drawn.sum() == 4
    assert drawn[shares >= 1 - 1e-12].all()
    assert not drawn[shares <= 0].any()


@given(SEEDS, st.sampled_from([0.4, 0.5, 0.75, 1.0]))
@settings(max_examples=30, deadline=None)
def test_no_district_gets_more_than_its_cap(seed, most):
    ground, worth = town(6, 4), values(town(6, 4), 2, seed)
    effort = Capped(Budget(amount=8), most).allocate(worth, ground)
    for district in np.unique(ground.districts):
        assert (effort.amount[ground.districts == district].sum(axis=0) <= most * 8).all()
    np.testing.assert_allclose(effort.amount.sum(axis=0), 8)
    if most == 1:
        np.testing.assert_array_equal(effort.amount, TopAreas(Budget(amount=8)).allocate(worth, ground).amount)


def test_caps_that_cannot_take_the_budget_say_what_to_raise():
    with pytest.raises(InputError, match=r"2 district\(s\) with at most 1 cells each cannot take 4\. Raise"):
        Capped(Budget(amount=4), 0.4).allocate(values(town()), town())


def test_explored_cells_are_seen_as_often_as_their_probability_says():
    worth = np.repeat(values(town(10, 10)), 3000, axis=1)
    effort = TopAreas(Budget(amount=10), exploration=0.2).allocate(worth, town(10, 10))
    np.testing.assert_array_equal(effort.amount.sum(axis=0), 10)
    assert sorted(np.unique(effort.inclusion)) == pytest.approx([2 / 92, 1.0])
    seen = effort.amount.mean(axis=1)
    np.testing.assert_allclose(seen, effort.inclusion[:, 0], atol=0.015)
    # inverse-probability weights give the total back
    total = (effort.amount * worth / effort.inclusion).sum(axis=0)
    assert total.mean() == pytest.approx(worth[:, 0].sum(), rel=0.03)


def test_draws_repeat_by_seed_and_differ_by_draw():
    from dataclasses import replace

    ground, worth = town(10, 10), values(town(10, 10))
    rule = TopAreas(Budget(amount=10), exploration=0.5)
    once, again = (rule.allocate(worth, ground).amount for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert (rule.allocate(worth, replace(ground, draw=1)).amount != once).any()


def test_exploration_needs_cells_of_equal_need():
    from dataclasses import replace

    uneven = replace(town(), area_m2=np.linspace(1e5, 2e5, 12))
    rule = TopAreas(Budget(amount=5, budget_unit="hours", per_cell=1, per_km2=9), exploration=0.1)
    with pytest.raises(InputError, match="equal need"):
        rule.allocate(values(town()), uneven)


@pytest.mark.parametrize(
    "make",
    [
        lambda: TopAreas(exploration=1.0),
        lambda: TopAreas(exploration=float("nan")),
        lambda: Capped(most=0),
        lambda: Proportional(exponent=-1),
        lambda: Proportional(exponent=float("nan")),
        lambda: Proportional(Budget(budget_unit="hours"), lottery=True),
    ],
)
def test_settings_out_of_range_are_refused(make):
    with pytest.raises(InputError, match="allocation"):
        make()
