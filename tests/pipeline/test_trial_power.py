import numpy as np
import pytest

from ilp_models.pipeline.trial_power import dispersion


def test_dispersion_is_one_for_poisson_counts_and_two_where_each_crime_is_recorded_twice():
    counts = np.random.default_rng(0).poisson(3.0, (60, 200))
    assert dispersion(counts, 10) == pytest.approx(1.0, abs=0.1)
    assert dispersion(2 * counts, 10) == pytest.approx(2.0, abs=0.2)
