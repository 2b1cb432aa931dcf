import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from ilp_models.stats.rank_statistics import rank_correlation, total_variation


@given(st.lists(st.tuples(st.floats(0.01, 9), st.floats(0.01, 9)), min_size=2, max_size=9), st.floats(0.1, 10))
def test_total_variation_is_a_distance_that_ignores_scale(pairs, scale):
    first, second = np.array(pairs).T
    gap = total_variation(first, second)
    assert 0 <= gap <= 1
    assert gap == pytest.approx(total_variation(second, first * scale))
    assert total_variation(first, first * scale) == pytest.approx(0, abs=1e-12)


def test_shares_of_zero_have_no_distance():
    assert np.isnan(total_variation(np.zeros((2, 3)), np.ones((2, 3)))).all()


def test_rank_correlation_takes_ties_at_their_mean_rank():
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([10.0, 20, 40])) == 1
    assert rank_correlation(np.array([3.0, 2, 1]), np.arange(3.0)) == -1
    assert rank_correlation(np.array([1.0, 1, 2]), np.array([1.0, 2, 3])) == pytest.approx(3**0.5 / 2)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=12))
def test_rank_correlation_is_that_of_scipy(pairs):
    first, second = np.array(pairs, dtype=float).T
    if min(np.ptp(first), np.ptp(second)) > 0:
        assert rank_correlation(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)


def test_rank_correlation_of_constants_is_undefined():
    assert np.isnan(rank_correlation(np.array([1.0, 2]), np.array([1.0, 2])))
    assert np.isnan(rank_correlation(np.ones(3), np.arange(3.0)))
    rows = np.array([[1, np.nan, 3], [1, np.inf, 3], [1, 2, 3]])
    assert np.isnan(rank_correlation(rows, np.tile(np.arange(3.0), (3, 1)))).tolist() == [True, True, False]
