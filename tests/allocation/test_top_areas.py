from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.allocation.budget import Budget
from ilp_models.allocation.constrained import Constrained
from ilp_models.allocation.proportional import Proportional
from ilp_models.allocation.top_areas import Capped, TopAreas
from ilp_models.domain.errors import InputError
from tests.allocation.allocation_inputs import skewed_values, small_town

SEEDS = st.integers(0, 10_000)


@given(SEEDS, st.integers(1, 12))
@settings(max_examples=30)
def test_top_areas_are_optimal_for_a_number_of_cells(seed, cells):
    worth = skewed_values(small_town(), 3, seed)
    effort = TopAreas(Budget(amount=cells)).allocate(worth, small_town())
    np.testing.assert_allclose((effort.amount * worth).sum(axis=0), np.sort(worth, axis=0)[::-1][:cells].sum(axis=0))
    assert set(np.unique(effort.amount)) <= {0.0, 1.0}
    np.testing.assert_array_equal(effort.inclusion, effort.amount)


def test_last_cell_gets_the_remaining_hours():
    worth = np.arange(12.0)[::-1, None]
    effort = TopAreas(Budget(amount=5, budget_unit="hours", per_cell=2)).allocate(worth, small_town())
    np.testing.assert_allclose(effort.amount[:4, 0], [2, 2, 1, 0])


def test_ties_follow_the_order_of_cells():
    effort = TopAreas(Budget(amount=2)).allocate(np.ones((12, 1)), small_town())
    np.testing.assert_array_equal(np.flatnonzero(effort.amount[:, 0]), [0, 1])


@given(SEEDS, st.sampled_from([0.4, 0.5, 0.75, 1.0]))
@settings(max_examples=30)
def test_no_district_gets_more_than_its_cap(seed, most):
    ground, worth = small_town(6, 4), skewed_values(small_town(6, 4), 2, seed)
    effort = Capped(Budget(amount=8), most).allocate(worth, ground)
    for district in np.unique(ground.districts):
        assert (effort.amount[ground.districts == district].sum(axis=0) <= most * 8).all()
    np.testing.assert_allclose(effort.amount.sum(axis=0), 8)
    if most == 1:
        np.testing.assert_array_equal(effort.amount, TopAreas(Budget(amount=8)).allocate(worth, ground).amount)


def test_caps_below_the_budget_are_refused():
    with pytest.raises(InputError, match=r"2 district\(s\) with at most 1 cells each cannot take 4\. Raise"):
        Capped(Budget(amount=4), 0.4).allocate(skewed_values(small_town()), small_town())


def test_exploration_draws_cells_with_their_probability():
    worth = np.repeat(skewed_values(small_town(10, 10)), 3000, axis=1)
    effort = TopAreas(Budget(amount=10), exploration=0.2).allocate(worth, small_town(10, 10))
    np.testing.assert_array_equal(effort.amount.sum(axis=0), 10)
    assert sorted(np.unique(effort.inclusion)) == pytest.approx([2 / 92, 1.0])
    seen = effort.amount.mean(axis=1)
    np.testing.assert_allclose(seen, effort.inclusion[:, 0], atol=0.015)
    # inverse-probability weights give the total back
    total = (effort.amount * worth / effort.inclusion).sum(axis=0)
    assert total.mean() == pytest.approx(worth[:, 0].sum(), rel=0.03)


def test_draws_repeat_by_seed_and_differ_by_draw():
    ground, worth = small_town(10, 10), skewed_values(small_town(10, 10))
    rule = TopAreas(Budget(amount=10), exploration=0.5)
    once, again = (rule.allocate(worth, ground).amount for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert (rule.allocate(worth, replace(ground, draw=1)).amount != once).any()


def test_exploration_needs_cells_of_equal_need():
    uneven = replace(small_town(), area_m2=np.linspace(1e5, 2e5, 12))
    rule = TopAreas(Budget(amount=5, budget_unit="hours", per_cell=1, per_km2=9), exploration=0.1)
    with pytest.raises(InputError, match="equal need"):
        rule.allocate(skewed_values(small_town()), uneven)


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


@pytest.mark.parametrize("rule", [TopAreas, Capped])
def test_cells_are_ranked_by_value_per_hour_of_need(rule):
    # full coverage takes 1 + 4 hours in the large cell and 1 + 1 hours in each small one
    ground = replace(
        small_town(1, 3), area_m2=np.array([4e6, 1e6, 1e6]), districts=np.array(["a", "b", "c"], dtype=object)
    )
    budget = Budget(amount=4, budget_unit="hours", per_cell=1, per_km2=1)
    settings = {"most": 1.0} if rule is Capped else {}
    effort = rule(budget, **settings).allocate(np.array([[4.0], [3.0], [2.0]]), ground)
    np.testing.assert_allclose(effort.amount[:, 0], [0.0, 2.0, 2.0])


@pytest.mark.parametrize("rule", [TopAreas, Capped, Proportional, Constrained])
def test_share_is_a_short_form_of_a_budget(rule):
    assert rule(share=0.2) == rule(budget=Budget(budget_share=0.2)) != rule()
    assert replace(rule(share=0.2), budget=Budget(amount=3)).budget == Budget(amount=3)
    with pytest.raises(InputError, match=r"share=0\.2 or a budget, not both"):
        rule(Budget(amount=3), share=0.2)
