import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ilp_models.stats.distributions import (
    LEVELS,
    cumulative,
    expected_deviance,
    fit_dispersion,
    half_mean_difference,
    log_probability,
    poisson_deviance,
    quantiles,
)


def scipy_distribution(mean, dispersion):
    if dispersion == 0:
        return stats.poisson(mean)
    size = 1 / dispersion
    return stats.nbinom(size, size / (size + mean))


DISPERSIONS = st.one_of(st.just(0.0), st.floats(1e-3, 20.0))


@given(st.integers(0, 200), st.floats(1e-4, 150.0), DISPERSIONS)
def test_log_probabilities_are_scipy_s(count, mean, dispersion):
    expected = scipy_distribution(mean, dispersion).logpmf(count)
    assert float(log_probability(count, mean, dispersion)) == pytest.approx(float(expected), rel=1e-8, abs=1e-8)


@given(st.integers(-1, 200), st.floats(1e-4, 150.0), DISPERSIONS)
def test_cumulative_probabilities_are_scipy_s(count, mean, dispersion):
    expected = scipy_distribution(mean, dispersion).cdf(count)
    assert float(cumulative(count, mean, dispersion)) == pytest.approx(float(expected), rel=1e-8, abs=1e-12)


def test_cumulative_probabilities_of_mixed_dispersions_are_those_of_each():
    count, mean, dispersion = np.array([[0, 2], [5, 1]]), np.array([0.5, 3.0]), np.array([[0.0, 0.4], [2.0, 0.0]])
    each = [[float(cumulative(count[i, j], mean[j], dispersion[i, j])) for j in range(2)] for i in range(2)]
    assert cumulative(count, mean, dispersion) == pytest.approx(np.array(each))


@given(st.floats(1e-4, 150.0), st.one_of(st.just(0.0), st.floats(1e-6, 20.0)))
def test_half_the_mean_difference_is_summed_over_all_counts(mean, dispersion):
    distribution = scipy_distribution(mean, dispersion)
    counts = np.arange(int(distribution.isf(1e-14)) + 2)
    oracle = float((distribution.cdf(counts) * distribution.sf(counts)).sum())
    assert float(half_mean_difference(mean, dispersion)) == pytest.approx(oracle, rel=2e-6)


@pytest.mark.parametrize("dispersion", [0.001, 0.006])
def test_half_the_mean_difference_holds_for_thousands_of_events(dispersion):
    distribution = scipy_distribution(4000.0, dispersion)
    counts = np.arange(int(distribution.isf(1e-14)) + 2)
    oracle = float((distribution.cdf(counts) * distribution.sf(counts)).sum())
    assert float(half_mean_difference(4000.0, dispersion)) == pytest.approx(oracle, rel=2e-4)


@given(st.floats(1e-4, 60.0), DISPERSIONS)
def test_quantiles_are_the_smallest_counts_that_reach_their_level(mean, dispersion):
    distribution = scipy_distribution(mean, dispersion)
    for level, count in zip(LEVELS, quantiles(mean, dispersion), strict=True):
        assert distribution.cdf(count) >= level - 1e-9
        assert count == 0 or distribution.cdf(count - 1) < level + 1e-9


def test_quantiles_of_a_cube_with_one_dispersion_a_type_are_scipy_s():
    generator = np.random.default_rng(4)
    mean = generator.gamma(0.5, 2.0, (3, 50, 4))
    dispersion = np.array([0.0, 0.4, 3.0])[:, None, None]
    for index, level in enumerate(LEVELS):
        for kind in range(3):
            oracle = scipy_distribution(mean[kind], float(dispersion[kind, 0, 0])).ppf(level)
            assert np.array_equal(quantiles(mean, dispersion)[index, kind], oracle)


@settings(max_examples=50)
@given(st.lists(st.floats(0.0, 900.0), min_size=1, max_size=6), st.one_of(st.just(0.0), st.floats(1e-7, 20.0)))
def test_quantiles_of_few_means_are_those_of_the_table_of_many(means, dispersion):
    many = np.r_[means, np.linspace(0, 900, 200)]
    few, table = quantiles(means, dispersion), quantiles(many, dispersion)
    assert np.array_equal(few, table[:, : len(means)])


def test_quantiles_of_cities_with_a_dispersion_each_are_scipy_s_and_ordered():
    mean, dispersion = np.geomspace(1e-3, 3e4, 60), np.r_[0.0, np.geomspace(1e-9, 2.0, 59)]
    found = quantiles(mean, dispersion)
    for index, (one, spread) in enumerate(zip(mean, np.where(dispersion > 1e-8, dispersion, 0), strict=True)):
        assert np.array_equal(found[:, index], scipy_distribution(one, spread).ppf(LEVELS))
    assert (np.diff(found, axis=0) >= 0).all()


def test_zero_expected_events_have_probability_one_of_zero():
    assert not quantiles([0.0], [0.5]).any()
    assert float(log_probability(0, 0.0, 0.5)) == 0.0
    assert float(log_probability(1, 0.0, 0.5)) == -np.inf


def test_tiny_dispersions_converge_to_poisson():
    assert float(log_probability(7, 5.0, 1e-7)) == pytest.approx(float(log_probability(7, 5.0, 0.0)), abs=1e-5)


@pytest.mark.parametrize("dispersion", [0.1, 0.6, 4.0])
def test_known_dispersion_is_recovered(dispersion):
    generator = np.random.default_rng(8)
    mean = generator.gamma(0.7, 1.5, (200, 200)) + 0.01
    size = 1 / dispersion
    count = generator.negative_binomial(size, size / (size + mean))
    assert fit_dispersion(count, mean) == pytest.approx(dispersion, rel=0.08)


def test_poisson_counts_have_no_dispersion():
    generator = np.random.default_rng(9)
    mean = generator.gamma(0.7, 1.5, (200, 200)) + 0.01
    assert fit_dispersion(generator.poisson(mean), mean) < 0.02
    assert fit_dispersion(np.round(mean), mean) == 0.0


def summed_deviance(mean, dispersion, floor):
    counts = np.arange(int((mean + 14 * np.sqrt(mean)) * (1 + 30 * dispersion) + 40))
    return float(np.exp(log_probability(counts, mean, dispersion)) @ poisson_deviance(counts, mean, floor))


@given(st.floats(0.0, 300.0), st.sampled_from([0.0, 0.004, 0.3, 2.0]), st.floats(0.001, 0.1))
def test_expected_deviance_is_the_sum_over_all_counts(mean, dispersion, floor):
    expected = summed_deviance(mean, dispersion, floor)
    assert float(expected_deviance(mean, dispersion, floor)) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_expected_deviance_of_many_dispersions_and_of_large_means():
    means = np.array([[0.0, 1e-6, 0.003], [0.4, 7.0, 2500.0]])
    dispersions = np.array([[0.0, 0.1, 2.0], [0.5, 0.0, 0.0]])
    expected = [
        [summed_deviance(*one, 0.005) for one in zip(*pair, strict=True)]
        for pair in zip(means, dispersions, strict=True)
    ]
    assert expected_deviance(means, dispersions, 0.005) == pytest.approx(np.array(expected), rel=1e-5, abs=1e-7)
    many = np.linspace(0.01, 1.0, 50)  # more than one table each is worth
    separate = [float(expected_deviance(3.0, one, 0.005)) for one in many]
    assert expected_deviance(3.0, many, 0.005) == pytest.approx(np.array(separate), rel=1e-7)
    assert float(expected_deviance(400.0, 0.0, 0.005)) == pytest.approx(1.0, abs=1e-3)
