import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from ilp_models.domain.errors import InputError
from ilp_models.model.ensembles.pool import Pool

COUNT, LOG = Pool("count", sum_to_one=True), Pool("log", sum_to_one=True)
EQUAL = np.full(2, 0.5)


def two_members(periods=60, cells=30, seed=0):
    rng = np.random.default_rng(seed)
    return rng.gamma(2.0, 0.5, (2, periods, cells))


def draw(mean, seed=1):
    return np.random.default_rng(seed).poisson(mean)


def test_the_count_pool_is_the_weighted_sum():
    expected = np.array([[[1.0, 2.0]], [[3.0, 6.0]]])
    np.testing.assert_allclose(COUNT.combine(expected, np.array([0.25, 0.75])), [[2.5, 5.0]])


def test_the_log_pool_is_the_geometric_mean_of_shares_at_the_geometric_mean_of_totals():
    expected = np.array([[[1.0, 3.0]], [[8.0, 8.0]]])  # totals 4 and 16, shares (1/4, 3/4) and (1/2, 1/2)
    shares = np.sqrt([1 / 8, 3 / 8])
    np.testing.assert_allclose(LOG.combine(expected, EQUAL), [8.0 * shares / shares.sum()])


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.floats(0.0, 1.0), st.sampled_from(["count", "log"]))
def test_a_pool_of_copies_is_the_copy(seed, weight, scale):
    one = two_members(3, 5, seed)[0] + 0.01
    weights = np.array([weight, 1.0 - weight])
    np.testing.assert_allclose(Pool(scale, sum_to_one=True).combine(np.stack([one, one]), weights), one, rtol=1e-9)


@pytest.mark.parametrize("pool", [COUNT, LOG, Pool("count", sum_to_one=False), Pool("log", sum_to_one=False)])
def test_weights_of_a_known_pool_are_recovered(pool):
    expected = two_members(200, 60)
    truth = np.array([0.7, 0.3])
    counts = draw(pool.combine(expected, truth))
    np.testing.assert_allclose(pool.learn(expected, counts, EQUAL, 1e-6), truth, atol=0.04)


@pytest.mark.parametrize("scale", ["count", "log"])
def test_free_weights_learn_what_weights_that_sum_to_one_cannot(scale):
    """On counts the level, on logarithms how sharp the map is."""
    expected = two_members(200, 60)
    truth = np.array([0.9, 0.5])
    free = Pool(scale, sum_to_one=False)
    counts = draw(free.combine(expected, truth))
    np.testing.assert_allclose(free.learn(expected, counts, EQUAL, 1e-6), truth, atol=0.06)
    assert Pool(scale, sum_to_one=True).learn(expected, counts, EQUAL, 1e-6).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("scale", ["count", "log"])
def test_a_member_that_knows_nothing_gets_no_weight(scale):
    expected = two_members()
    counts = draw(expected[0])
    expected[1] = expected[0][:, ::-1]
    weights = Pool(scale, sum_to_one=True).learn(expected, counts, EQUAL, 0.0)
    assert weights[1] < 0.02
    upside_down = np.stack([expected[0], 1.0 / expected[0]])
    assert Pool(scale, sum_to_one=True).learn(upside_down, counts, EQUAL, 0.0)[1] == 0.0  # a bound, exactly


def test_the_weights_are_those_of_a_solver_of_another_kind():
    expected = two_members()
    counts = draw(0.6 * expected[0] + 0.4 * expected[1])

    def loss(weight):
        mean = weight * expected[0] + (1 - weight) * expected[1]
        return (mean - counts * np.log(mean)).sum() + 5.0 * 2 * (weight - 0.5) ** 2 / 2

    oracle = optimize.minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-8}).x
    assert COUNT.learn(expected, counts, EQUAL, 5.0)[0] == pytest.approx(oracle, abs=1e-3)


def test_a_strong_pull_brings_weights_to_where_they_are_pulled():
    expected = two_members()
    counts = draw(expected[0])
    far, near = (COUNT.learn(expected, counts, EQUAL, pull) for pull in (1.0, 1e6))
    assert far[0] > 0.9
    np.testing.assert_allclose(near, EQUAL, atol=1e-2)


def test_types_learn_for_themselves_or_together():
    expected = np.stack([two_members(120, 40, seed) for seed in (0, 1)], axis=2)  # members, periods, types, cells
    counts = np.stack([draw(expected[0, :, 0]), draw(expected[1, :, 1])], axis=1)
    alone = COUNT.learn_by_type(expected, counts, 0.0)
    together = COUNT.learn_by_type(expected, counts, np.inf)
    between = COUNT.learn_by_type(expected, counts, 3000.0)
    np.testing.assert_allclose(alone, np.eye(2), atol=0.06)
    np.testing.assert_array_equal(together[0], together[1])
    assert together[0, 0] < between[0, 0] < alone[0, 0]


@pytest.mark.parametrize("scale", ["count", "log"])
def test_no_event_and_no_expectation_leave_finite_weights(scale):
    expected = np.zeros((2, 5, 4))
    weights = Pool(scale, sum_to_one=True).learn(expected, np.zeros((5, 4)), EQUAL, 1.0)
    np.testing.assert_allclose(weights, EQUAL, atol=1e-6)
    pooled = Pool(scale, sum_to_one=True).combine(expected, weights)
    assert np.isfinite(pooled).all()
    assert pooled.sum() < 0.01


def test_an_unknown_scale_is_refused():
    with pytest.raises(InputError, match=r"^scale='square' is unknown; choose one of count, log\.$"):
        Pool("square", sum_to_one=True)
