import numpy as np
import pytest

from ilp_models.stats.distributions import log_probability
from ilp_models.stats.variogram import root_distances

PAIR = np.array([0]), np.array([1])


@pytest.mark.parametrize(
    ("means", "spreads"), [((0.3, 2.0), (0.0, 0.0)), ((1.5, 9.0), (0.8, 0.2)), ((0.0, 3.0), (0.0, 2.0))]
)
def test_root_distance_is_the_sum_over_all_pairs_of_counts(means, spreads):
    counts = np.arange(400.0)
    one, other = (np.exp(log_probability(counts, m, a)) for m, a in zip(means, spreads, strict=True))
    by_hand = one @ np.sqrt(np.abs(counts[:, None] - counts)) @ other
    found = root_distances(np.array(means), np.array(spreads), *PAIR)
    assert found.item() == pytest.approx(by_hand, rel=1e-5)


def test_root_distance_of_large_counts_is_that_of_normal_ones():
    near, far = (root_distances(np.array([1000.0, mean]), np.zeros(2), *PAIR).item() for mean in (1100.0, 1500.0))
    draws = np.random.default_rng(0).normal(size=400_000)
    for value, gap in ((near, 100), (far, 500)):
        assert value == pytest.approx(np.sqrt(np.abs(gap + np.sqrt(2000 + gap) * draws)).mean(), rel=1e-3)
