import numpy as np
import pytest
from scipy.stats import poisson

from ilp_models.stats.funnel import Funnel, exact_rate_interval


def test_the_fit_by_hand():
    # rates .1, .2, .3, .2, .2 of 100 residents each: common rate .2, squares .004, less .2 / 100
    funnel = Funnel.fit(np.array([10.0, 20, 30, 20, 20]), np.full(5, 100.0))
    assert funnel.rate == pytest.approx(0.2)
    assert funnel.spread == pytest.approx(0.002)
    shrunk, low, high = funnel.shrunk(np.array([10.0]), np.array([100.0]), 0.95)
    assert shrunk[0] == pytest.approx((10 + 20) / (100 + 100))
    assert low[0] < shrunk[0] < high[0]


def test_too_few_populations_have_no_spread_and_chance_alone_has_none():
    assert Funnel.fit(np.array([10.0, 30]), np.full(2, 100.0)).spread is None
    same = Funnel.fit(np.full(6, 20.0), np.full(6, 100.0))
    assert same.spread == 0
    np.testing.assert_allclose(same.shrunk(np.array([35.0]), np.array([100.0]), 0.95), 0.2)


def test_limits_hold_as_often_as_they_say():
    rng = np.random.default_rng(1)
    people = rng.integers(20_000, 400_000, 400).astype(float)
    chance = rng.poisson(0.03 * people).astype(float)
    spread = rng.poisson(rng.gamma(25.0, 0.03 / 25, 400) * people).astype(float)
    for counts, beyond in ((chance, False), (spread, True)):
        funnel = Funnel.fit(counts, people)
        low, high = funnel.limits(people, 0.95, spread=beyond)
        inside = ((low <= counts / people) & (counts / people <= high)).mean()
        assert 0.92 < inside < 0.98
    low, high = Funnel.fit(spread, people).limits(people, 0.95, spread=False)
    assert ((low <= spread / people) & (spread / people <= high)).mean() < 0.4


def test_shrunk_intervals_cover_the_true_rates():
    rng = np.random.default_rng(2)
    people = rng.integers(500, 20_000, 600).astype(float)
    rates = rng.gamma(9.0, 0.02 / 9, 600)
    counts = rng.poisson(rates * people).astype(float)
    funnel = Funnel.fit(counts, people)
    shrunk, low, high = funnel.shrunk(counts, people, 0.95)
    assert 0.92 < ((low <= rates) & (rates <= high)).mean() < 0.98
    assert np.mean((shrunk - rates) ** 2) < 0.8 * np.mean((counts / people - rates) ** 2)


def test_the_exact_interval_is_that_of_poisson_tails():
    low, high = exact_rate_interval(np.array([7.0, 0.0]), np.array([1.0, 2.0]), 0.95)
    assert poisson.sf(6, low[0]) == pytest.approx(0.025)
    assert poisson.cdf(7, high[0]) == pytest.approx(0.025)
    assert low[1] == 0
    assert high[1] == pytest.approx(-np.log(0.025) / 2)
