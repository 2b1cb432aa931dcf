import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.allocation.budget import Budget
from ilp_models.allocation.proportional import Proportional, systematic_sample
from ilp_models.allocation.top_areas import TopAreas
from tests.allocation.allocation_inputs import skewed_values, small_town

SEEDS = st.integers(0, 10_000)


@given(SEEDS, st.floats(0.05, 0.95), st.floats(0, 6), st.sampled_from(["cells", "hours"]))
@settings(max_examples=60)
def test_proportional_effort_spends_the_budget_within_each_cell_and_in_proportion(seed, share, exponent, unit):
    worth = skewed_values(small_town(), 2, seed)
    budget = Budget(budget_share=share, budget_unit=unit, **({"per_cell": 3.0} if unit == "hours" else {}))
    effort = Proportional(budget, exponent).allocate(worth, small_town())
    need = budget.need(small_town())[:, None]
    np.testing.assert_allclose(effort.amount.sum(axis=0), budget.available(small_town()))
    assert (effort.amount <= need * (1 + 1e-9)).all()
    for column, weight in zip(effort.amount.T, (worth**exponent).T, strict=True):
        inside = column < need[0] * (1 - 1e-9)
        if inside.sum() > 1 and weight[inside].min() > 1e-6:
            assert np.ptp(column[inside] / weight[inside]) <= 1e-6 * (column[inside] / weight[inside]).max()


def test_large_exponent_approaches_top_areas_and_zero_is_even():
    worth = skewed_values(small_town(), 1)
    budget = Budget(amount=3)
    close = Proportional(budget, 500).allocate(worth, small_town()).amount
    np.testing.assert_allclose(close, TopAreas(budget).allocate(worth, small_town()).amount, atol=1e-6)
    np.testing.assert_allclose(Proportional(budget, 0).allocate(worth, small_town()).amount, 0.25)


def test_zero_values_spread_effort_evenly():
    np.testing.assert_allclose(Proportional(Budget(amount=3)).allocate(np.zeros((12, 1)), small_town()).amount, 0.25)


def test_lottery_draws_whole_cells_with_the_stated_probabilities():
    worth = np.repeat(skewed_values(small_town()), 4000, axis=1)
    effort = Proportional(Budget(amount=3), lottery=True).allocate(worth, small_town())
    np.testing.assert_array_equal(effort.amount.sum(axis=0), 3)
    assert set(np.unique(effort.amount)) == {0.0, 1.0}
    np.testing.assert_allclose(effort.amount.mean(axis=1), effort.inclusion[:, 0], atol=0.03)


@given(SEEDS)
@settings(max_examples=50)
def test_systematic_sample_has_the_expected_size(seed):
    rng = np.random.default_rng(seed)
    shares = Proportional(Budget(amount=4)).allocate(skewed_values(small_town(), 1, seed), small_town()).amount[:, 0]
    drawn = systematic_sample(shares, rng)
    assert drawn.sum() == 4
    assert drawn[shares >= 1 - 1e-12].all()
    assert not drawn[shares <= 0].any()
