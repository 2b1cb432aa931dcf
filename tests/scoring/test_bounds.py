import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ilp_models.scoring.counts import noise_floor_deviance
from ilp_models.stats.distributions import poisson_deviance


def summed(mean, floor):
    counts = np.arange(int(mean + 14 * np.sqrt(mean) + 40))
    return float(stats.poisson.pmf(counts, mean) @ poisson_deviance(counts, mean, floor))


@settings(deadline=None)
@given(st.floats(0.0, 300.0), st.floats(0.001, 0.1))
def test_the_expectation_is_the_sum_over_all_counts(mean, floor):
    assert float(noise_floor_deviance(mean, floor)) == pytest.approx(summed(mean, floor), abs=2e-7)


def test_a_cube_of_small_and_large_means_is_exact_too():
    means = np.array([[0.0, 1e-6, 0.003], [0.4, 7.0, 2500.0]])
    expected = [[summed(mean, 0.005) for mean in row] for row in means]
    assert noise_floor_deviance(means, 0.005) == pytest.approx(np.array(expected), abs=1e-6)


def test_for_large_means_it_nears_one():
    assert float(noise_floor_deviance(400.0, 0.005)) == pytest.approx(1.0, abs=1e-3)
