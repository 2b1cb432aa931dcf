"""Rank distributions against exact enumeration, symmetries, and simulated groups whose true scores are known."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.stats.rank_distribution import pair_probabilities
from ilp_models.strategy.groups.ranking import DrawnScores, GroupRanking, draw_points
from ilp_models.strategy.rank_draws import RankDraws
from tests.strategy.group_files import matrix_of, plain_scheme

LEVELS = (0, 1, 2, 4)


def ranking_of(scheme, points, **how):
    return GroupRanking.from_draws(DrawnScores.from_matrix(matrix_of(scheme, points), RankDraws(**how)))


def exact_probability(scheme, one, other):
    """Return the probability that one group outranks another, by enumeration of scorers and of unknown values."""

    def distribution(scorers):
        result = {0.0: 1.0}
        for at, mark in enumerate(scheme.marks):
            chances = dict.fromkeys(LEVELS, 0.0)
            for values in scorers:
                share = {values[at]: 1.0} if values[at] is not None else dict.fromkeys(LEVELS, 1 / len(LEVELS))
                for level, chance in share.items():
                    chances[level] += chance / len(scorers)
            new = {}
            for (score, p), (level, q) in product(result.items(), chances.items()):
                key = score + float(mark.weight) * level
                new[key] = new.get(key, 0.0) + p * q
            result = new
        return result

    pairs = product(distribution(one).items(), distribution(other).items())
    return sum(p * q * (1.0 if s > t else 0.5 if s == t else 0.0) for (s, p), (t, q) in pairs)


CASES = [
    ([[2, 2, 2]] * 2, [[2, 2, 2]] * 2),
    ([[None, 2, 2]] * 2, [[1, 2, 2]] * 2),
    ([[None, None, 0]] * 2, [[2, 1, 1], [4, 1, None]]),
    ([[0, 4, 2], [1, 4, None], [2, 2, 2]], [[None, 2, 2], [0, 4, None]]),
]


@pytest.mark.parametrize(("one", "other"), CASES)
def test_probability_of_an_order_equals_enumeration(one, other):
    scheme = plain_scheme([3, 2, 1])
    ranking = ranking_of(scheme, [one, other], draws=40_000)
    expected = exact_probability(scheme, one, other)
    assert ranking.outranks[0, 1] == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 40_000))
    np.testing.assert_array_equal(ranking.outranks_declared, ranking.outranks)  # no spread of weights


def test_equal_groups_are_a_tie_whatever_the_weights():
    ranking = ranking_of(plain_scheme([3, 2, 1], spread=0.5), [[[4, 2, 0]] * 2] * 3, draws=20_000)
    off = ranking.outranks[~np.eye(3, dtype=bool)]
    np.testing.assert_allclose(off, 0.5, atol=0.015)
    np.testing.assert_allclose(ranking.rank_shares, 1 / 3, atol=0.015)
    assert list(ranking.rank_from) == [1, 1, 1]
    assert list(ranking.rank_to) == [3, 3, 3]
    assert set(ranking.ties(0)) == {"G02", "G03"}
    assert ranking.count_separated() == 0


def test_a_group_that_is_higher_in_every_attribute_outranks_under_every_weight():
    ranking = ranking_of(plain_scheme([3, 2, 1], spread=1.0), [[[4, 2, 1]] * 2, [[2, 1, 0]] * 2], draws=2000)
    assert ranking.outranks[0, 1] == 1
    assert ranking.rank_shares.tolist() == [[1, 0], [0, 1]]
    assert (ranking.rank_from.tolist(), ranking.rank_to.tolist()) == ([1, 2], [1, 2])
    assert ranking.ties(0) == ()


def test_the_order_of_two_groups_depends_on_weights_only_where_it_should():
    # 3 x 2 against 2 x 2.5: close, so that the spread of the weights decides
    close = [[[2, 0]] * 2, [[0, 2.5]] * 2]
    scheme = plain_scheme([3, 2], scale=(0, 2, 2.5), spread=0.3)
    ranking = ranking_of(scheme, close, draws=40_000)
    assert ranking.outranks_declared[0, 1] == 1
    # P(3 e^{.3a} x 2 > 2 e^{.3b} x 2.5) = Phi(log(6 / 5) / (.3 sqrt 2)) = Phi(.4297)
    assert ranking.outranks[0, 1] == pytest.approx(0.6663, abs=0.01)


def test_a_cycle_of_separated_pairs_leaves_every_rank_open_that_it_should():
    outranks = np.array([[0.5, 0.95, 0.6], [0.05, 0.5, 0.95], [0.4, 0.05, 0.5]])
    ranking = GroupRanking(("A", "B", "C"), 0.9, outranks, outranks, np.full((3, 3), 1 / 3), np.zeros((3, 2)))
    assert ranking.rank_from.tolist() == [1, 2, 2]
    assert ranking.rank_to.tolist() == [2, 2, 3]
    assert ranking.ties(0) == ("C",)


POINTS = st.lists(
    st.lists(st.lists(st.sampled_from([None, *LEVELS]), min_size=3, max_size=3), min_size=2, max_size=3),
    min_size=2,
    max_size=5,
)


@settings(max_examples=30)
@given(POINTS, st.sampled_from([0.0, 0.4]))
def test_distributions_are_complete_and_consistent(points, spread):
    scheme = plain_scheme([3, 2, 1], spread=spread)
    matrix = matrix_of(scheme, points)
    drawn = DrawnScores.from_matrix(matrix, RankDraws(draws=1000))
    ranking = GroupRanking.from_draws(drawn)
    np.testing.assert_allclose(ranking.outranks + ranking.outranks.T, 1)
    np.testing.assert_allclose(ranking.rank_shares.sum(axis=0), 1)
    np.testing.assert_allclose(ranking.rank_shares.sum(axis=1), 1)
    mean_rank = ranking.rank_shares @ np.arange(1, len(points) + 1)
    np.testing.assert_allclose(mean_rank, 0.5 + (1 - ranking.outranks).sum(axis=1))
    assert (ranking.rank_from <= ranking.rank_to).all()
    if spread == 0:
        low, high = zip(*(matrix.score_range(group) for group in matrix.groups), strict=True)
        slack = 1e-6
        assert (drawn.scores >= np.array(low, dtype=float) - slack).all()
        assert (drawn.scores <= np.array(high, dtype=float) + slack).all()


def test_the_same_seed_gives_the_same_draws_and_another_one_others():
    matrix = matrix_of(plain_scheme([1, 2], spread=0.2), [[[None, 1]] * 2, [[2, None]] * 2])
    scores = [DrawnScores.from_matrix(matrix, RankDraws(1000, seed=seed)).scores for seed in (1, 1, 2)]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert (scores[0] != scores[2]).any()
    assert set(np.unique(draw_points(matrix, 0, RankDraws(1000))[:, 0])) == set(LEVELS)


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_probabilities_are_calibrated_on_groups_whose_truth_is_known(spread):
    """Unknown values are uniform and weights log-normal in truth, so 70 % must mean that 7 of 10 orders are right."""
    rng, scheme = np.random.default_rng(8), plain_scheme([4, 3, 2, 2, 1], spread=spread)
    said, happened = [], []
    for world in range(60):
        truth = rng.choice(LEVELS, (6, 5))
        weights = scheme.draw_weights(1, rng)[0]
        hidden = rng.random((6, 5)) < 0.4
        points = [
            [[None if h else int(t) for h, t in zip(hide, row, strict=True)]] * 2
            for hide, row in zip(hidden, truth, strict=True)
        ]
        outranks = ranking_of(scheme, points, draws=2000, seed=world).outranks
        order = pair_probabilities((truth @ weights)[None, :])
        above = np.triu_indices(6, 1)
        said.append(outranks[above])
        happened.append(order[above])
    said, happened = np.concatenate(said), np.concatenate(happened)
    edges = np.array([0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0001])
    place = np.digitize(said, edges)
    for one in range(1, len(edges)):
        inside = place == one
        assert inside.sum() > 40
        error = 4 * np.sqrt((said[inside] * (1 - said[inside])).sum()) / inside.sum() + 0.01
        assert happened[inside].mean() == pytest.approx(said[inside].mean(), abs=error)
