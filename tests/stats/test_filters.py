import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ilp_models.stats.filters import exponential_means

COUNTS = arrays(np.int64, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=st.integers(0, 9))
HALF_LIVES = st.floats(0.2, 500.0)


def weighted_mean(counts, half_life, seen):
    """Return the mean after ``seen`` periods, straight from its definition."""
    if seen <= 0:
        return np.zeros(counts.shape[1:])
    ages = np.arange(seen)[::-1]
    weights = 0.5 ** (ages / half_life)
    return np.tensordot(weights / weights.sum(), counts[:seen], axes=1)


@settings(max_examples=60)
@given(COUNTS, HALF_LIVES, st.data())
def test_means_are_the_weighted_sums_of_their_definition(counts, half_life, data):
    seen = np.sort(data.draw(st.lists(st.integers(-3, len(counts)), min_size=1, max_size=12)))
    means = exponential_means(counts.astype(np.float64), half_life, seen)
    oracle = np.stack([weighted_mean(counts, half_life, one) for one in seen])
    np.testing.assert_allclose(means, oracle, rtol=1e-9, atol=1e-12)


@settings(max_examples=20)
@given(COUNTS, st.floats(1.0, 300.0))
def test_means_are_those_of_pandas(counts, half_life):
    seen = np.arange(1, len(counts) + 1)
    oracle = pd.DataFrame(counts).ewm(halflife=half_life, adjust=True).mean().to_numpy()
    np.testing.assert_allclose(exponential_means(counts.astype(float), half_life, seen), oracle, rtol=1e-9, atol=1e-12)


def test_single_precision_error_is_below_a_thousandth():
    counts = np.random.default_rng(0).poisson(0.3, (600, 2, 50))
    seen = np.array([100, 600])
    single = exponential_means(counts.astype(np.float32), 208.0, seen)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exponential_means(counts.astype(float), 208.0, seen), rtol=1e-3)


def test_mean_of_a_constant_is_the_constant():
    means = exponential_means(np.full((30, 2), 4.0), 52.0, np.arange(1, 31))
    np.testing.assert_allclose(means, 4.0)


def test_counts_are_unchanged_and_no_periods_give_zeros():
    counts = np.arange(12.0).reshape(6, 2)
    before = counts.copy()
    assert exponential_means(counts, 3.0, np.array([-2, 0])).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert exponential_means(counts, 3.0, np.array([], dtype=int)).shape == (0, 2)
    exponential_means(counts, 3.0, np.array([6]))
    assert (counts == before).all()


@pytest.mark.parametrize("half_life", [1.0, 2.0])
def test_count_weighs_half_after_its_half_life(half_life):
    counts = np.zeros((60, 1))
    counts[10] = 1.0
    later = exponential_means(counts, half_life, np.array([40, 40 + int(half_life)]))
    assert later[1, 0] == pytest.approx(later[0, 0] / 2, rel=1e-6)
