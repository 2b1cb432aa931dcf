import numpy as np
import pytest

from ilp_models.stats.rank_distribution import RankDistribution, pair_probabilities

SCORES = np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [1.0, 2.0, 0.0], [2.0, 1.0, 3.0]])


def ranks(separation=0.75):
    return RankDistribution.from_scores(("a", "b", "c"), SCORES, separation)


def test_orders_of_pairs_are_counted_over_the_draws_and_equal_scores_count_half():
    np.testing.assert_allclose(pair_probabilities(SCORES), [[0.5, 0.75, 0.75], [0.25, 0.5, 0.75], [0.25, 0.25, 0.5]])
    np.testing.assert_allclose(pair_probabilities(np.array([[1.0, 1.0], [2.0, 1.0]])), [[0.5, 0.75], [0.25, 0.5]])


def test_shares_of_ranks_by_hand():
    np.testing.assert_allclose(ranks().rank_shares, [[0.5, 0.5, 0], [0.25, 0.5, 0.25], [0.25, 0, 0.75]])
    np.testing.assert_allclose(ranks().top_shares, 1)
    np.testing.assert_allclose(ranks().intervals[0], np.quantile([3, 3, 1, 2], [0.05, 0.95]))
    assert list(ranks().order) == [0, 1, 2]


def test_only_separated_pairs_narrow_the_ranks():
    assert ranks().rank_from.tolist() == [1, 2, 3]
    assert ranks().rank_to.tolist() == [1, 2, 3]
    assert ranks().ties(0) == ()
    assert ranks(0.8).rank_from.tolist() == [1, 1, 1]
    assert ranks(0.8).rank_to.tolist() == [3, 3, 3]
    assert ranks(0.8).ties(2) == ("a", "b")


def test_top_shares_are_those_of_the_first_three():
    scores = np.tile([5.0, 4.0, 3.0, 2.0], (2, 1))
    scores[1, 3] = 6.0
    top = RankDistribution.from_scores(tuple("abcd"), scores, 0.9).top_shares
    assert top.tolist() == pytest.approx([1, 1, 0.5, 0.5])
