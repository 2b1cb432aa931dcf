import numpy as np
import pytest
from scipy import stats

from ilp_models.stats.count_draws import draw_counts, draw_with_total, log_probability_table
from ilp_models.stats.distributions import log_probability

UNITS = [(0.01, 0.0), (0.7, 0.0), (6.0, 0.3), (0.2, 4.0), (90.0, 0.05), (900.0, 0.0), (400.0, 0.5)]


def slow(mean, dispersion, size, generator):
    """Gamma-distributed rates share the events, one multinomial draw for each row."""
    rates = np.broadcast_to(mean, (size, len(mean)))
    if dispersion.any():
        rates = mean * generator.gamma(1 / dispersion, dispersion, rates.shape)
    return generator.multinomial(round(mean.sum()), rates / rates.sum(axis=1, keepdims=True))


def chi_square_p(drawn, chances):
    expected = len(drawn) * chances
    bins = np.cumsum(expected) // 10  # ten expected draws a bin
    found = np.bincount(np.minimum(drawn, len(chances) - 1), minlength=len(chances))
    found, expected = (np.bincount(bins.astype(int), weights=one) for one in (found, expected))
    return stats.chi2.sf(((found - expected) ** 2 / np.maximum(expected, 1)).sum(), max(len(found) - 1, 1))


def test_free_counts_follow_the_distribution_of_each_unit():
    mean, dispersion = np.array(UNITS).T
    counts = draw_counts(mean, dispersion, 20_000, np.random.default_rng(1))
    for drawn, m, a in zip(counts.T, mean, dispersion, strict=True):
        chances = np.exp(log_probability(np.arange(6000), m, a))
        chances[-1] += 1 - chances.sum()
        assert chi_square_p(drawn, chances) > 1e-3, (m, a)
    assert np.abs(np.corrcoef(counts.T) - np.eye(len(UNITS))).max() < 4 / np.sqrt(20_000)


@pytest.mark.parametrize("dispersion", [0.0, 0.05, pytest.param(3.0, marks=pytest.mark.slow)])  # many rows lack events
def test_counts_with_a_total_are_those_of_the_slow_way(dispersion):
    mean = np.array([0.3, 2.0, 5.0, 0.7, 12.0])
    spread = np.full(5, dispersion)
    fast = draw_with_total(mean, spread, 20_000, np.random.default_rng(2))
    oracle = slow(mean, spread, 20_000, np.random.default_rng(3))
    assert (fast.sum(axis=1) == 20).all()
    assert fast.min() >= 0
    for one, other in zip(fast.T, oracle.T, strict=True):
        table = [np.bincount(each, minlength=21) for each in (one, other)]
        table = np.array(table)[:, np.sum(table, axis=0) > 10]
        assert stats.chi2_contingency(table).pvalue > 1e-3
    weights = np.array([3.0, -1.0, 0.5, 2.0, 1.0])  # a sum over units depends on how they vary together
    assert stats.ks_2samp(fast @ weights, oracle @ weights).pvalue > 1e-3


@pytest.mark.slow
def test_two_units_share_events_as_a_beta_binomial():
    # gamma rates of equal scale have beta-distributed shares; shape 1 / 0.8 each, mean 10 each
    counts = draw_with_total(np.array([10.0, 10.0]), np.array([0.8, 0.8]), 40_000, np.random.default_rng(4))
    assert chi_square_p(counts[:, 0], stats.betabinom.pmf(np.arange(21), 20, 1.25, 1.25)) > 1e-3


def test_no_events_give_zeros():
    assert not draw_with_total(np.zeros(3), np.full(3, 0.5), 4, np.random.default_rng(0)).any()


def test_log_probabilities_by_recurrence_are_those_of_the_formula():
    mean, dispersion = np.array([*UNITS, (0.0, 0.3), (2.0, 1e-9)]).T
    table = log_probability_table(mean, dispersion, 300)
    with np.errstate(divide="ignore"):
        oracle = log_probability(np.arange(301), mean[:, None], dispersion[:, None])
    np.testing.assert_allclose(table, oracle, rtol=1e-9, atol=1e-9)
