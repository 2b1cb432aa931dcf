from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ilp_models.stats.systematic_sampling import inclusion_probabilities, systematic_sample

SIZES = arrays(np.float64, st.integers(1, 30), elements=st.floats(1e-4, 100.0))
SHARES = st.floats(0.02, 1.0)


def all_samples(chance):
    """Yield each sample that some start gives, with the share of starts that give it."""
    ends = np.unique(np.append(np.cumsum(chance) % 1, [0.0, 1.0]))
    for low, high in pairwise(ends):
        yield systematic_sample(chance, (low + high) / 2), high - low


@settings(max_examples=100)
@given(SIZES, SHARES)
def test_probabilities_have_the_wanted_sum_and_follow_the_sizes_below_1(size, share):
    chance = inclusion_probabilities(size, share)
    assert ((chance > 0) & (chance <= 1)).all()
    assert chance.sum() == pytest.approx(share * len(size), rel=1e-9)
    below = chance < 1
    ratio = chance[below] / size[below]
    np.testing.assert_allclose(ratio, np.full(len(ratio), ratio.max(initial=0)), rtol=1e-9)
    if below.any():  # a capped unit would have had at least 1
        assert (size[~below] * ratio.max() >= 1 - 1e-9).all()


def test_probabilities_by_hand():
    np.testing.assert_allclose(inclusion_probabilities(np.array([1.0, 1, 2]), 0.5), [0.375, 0.375, 0.75])
    np.testing.assert_allclose(inclusion_probabilities(np.array([1.0, 1, 98]), 0.5), [0.25, 0.25, 1.0])


@settings(max_examples=60)
@given(SIZES, SHARES)
def test_each_unit_is_drawn_with_its_probability_over_all_starts(size, share):
    chance = inclusion_probabilities(size, share)
    drawn = sum(weight * sample for sample, weight in all_samples(chance))
    np.testing.assert_allclose(drawn, chance, atol=1e-9)


@settings(max_examples=60)
@given(SIZES, SHARES, st.floats(0, 0.999))
def test_each_run_of_units_has_the_expected_number_of_draws_within_one(size, share, start):
    chance = inclusion_probabilities(size, share)
    sample = systematic_sample(chance, start)
    for first in range(len(chance)):
        expected = np.cumsum(chance[first:])
        assert (np.abs(np.cumsum(sample[first:]) - expected) < 1 + 1e-9).all()


def test_a_sample_by_hand():
    """The running sums are 0.4, 0.8, 1.2, 1.6: they pass 0.5 at the second unit, and 1.5 at the fourth."""
    assert systematic_sample(np.full(4, 0.4), 0.5).tolist() == [False, True, False, True]
    assert systematic_sample(np.ones(3), 0.7).tolist() == [True, True, True]
