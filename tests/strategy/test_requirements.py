"""Which missing piece separates the groups most: against assessments in which the piece is known."""

import numpy as np
import pytest

from ilp_models.strategy.groups.ranking import DrawnScores, GroupRanking
from ilp_models.strategy.groups.requirements import DIFFERENT, NOT_KNOWN, PARTLY, find_requirements
from ilp_models.strategy.rank_draws import RankDraws
from tests.strategy.group_files import matrix_of, plain_scheme

LEVELS = (0, 1, 2, 4)
POINTS = [
    [[None, 2, 1], [None, 2, 2]],
    [[2, None, 1], [2, 1, 1]],
    [[1, 2, None], [1, 2, None]],
]
DRAWS = RankDraws(40_000, 0.85)


def drawn_of(points, scheme=None, settings=DRAWS):
    return DrawnScores.from_matrix(matrix_of(scheme or plain_scheme([3, 2, 2], spread=0.2), points), settings)


def entropy(p):
    q = np.clip(p, 1e-12, 1 - 1e-12)
    return -q * np.log2(q) - (1 - q) * np.log2(1 - q)


def state_of(points, at):
    """Return uncertainty in bits about the orders of one group, and the number of tied pairs."""
    ranking = GroupRanking.from_draws(drawn_of(points))
    p = np.delete(ranking.outranks[at], at)
    return entropy(p).sum(), (np.maximum(p, 1 - p) < DRAWS.separation).sum()


def test_every_open_judgement_is_listed_once_with_its_kind():
    found = {(one.group, one.attribute): (one.kind, one.unknown_share) for one in find_requirements(drawn_of(POINTS))}
    assert found == {
        ("G01", "mark 0"): (NOT_KNOWN, 1.0),
        ("G01", "mark 2"): (DIFFERENT, 0.0),
        ("G02", "mark 1"): (PARTLY, 0.5),
        ("G03", "mark 2"): (NOT_KNOWN, 1.0),
    }


@pytest.mark.parametrize(
    ("at", "attribute", "chances"),
    [
        (0, 0, dict.fromkeys(LEVELS, 0.25)),
        (0, 2, {1: 0.5, 2: 0.5}),
        (1, 1, {0: 0.125, 1: 0.625, 2: 0.125, 4: 0.125}),
        (2, 2, dict.fromkeys(LEVELS, 0.25)),
    ],
)
def test_the_gain_is_that_of_assessments_in_which_the_piece_is_known(at, attribute, chances):
    found = next(
        one
        for one in find_requirements(drawn_of(POINTS))
        if one.group == f"G0{at + 1}" and one.attribute == f"mark {attribute}"
    )
    bits, ties = state_of(POINTS, at)
    for level, chance in chances.items():
        known = [[list(values) for values in scorers] for scorers in POINTS]
        for values in known[at]:
            values[attribute] = level
        after = state_of(known, at)
        bits, ties = bits - chance * after[0], ties - chance * after[1]
    assert found.bits == pytest.approx(bits, abs=0.02)
    assert found.pairs == pytest.approx(ties, abs=1e-9)


def test_the_most_useful_piece_comes_first_and_decides_by_hand():
    scheme = plain_scheme([3, 1], scale=(0, 0.5, 1, 2))
    points = [[[None, 0]] * 2, [[1, 0.5]] * 2, [[0, None]] * 2]
    found = find_requirements(drawn_of(points, scheme, RankDraws(20_000)))
    # G01 has 0, 1.5, 3 or 6 against 3.5 of G02: one bit less the entropy that no draw leaves; P(outranks) = 1/4
    first = found[0]
    assert (first.group, first.attribute) == ("G01", "mark 0")
    against_second = entropy(0.25)
    # against G03 with 0, .5, 1 or 2: 0 is tied with 0 (half) and else below; 1.5 above three; 3 and 6 above all
    wins = np.array([0.125, 0.75, 1, 1])
    against_third = entropy(wins.mean()) - entropy(wins).mean()
    assert first.bits == pytest.approx(against_second + against_third, abs=0.02)
    assert [one.bits for one in found] == sorted((one.bits for one in found), reverse=True)
    assert all(one.bits >= 0 for one in found)


def test_nothing_is_required_where_everything_is_known():
    assert find_requirements(drawn_of([[[4, 2, 1]] * 2, [[0, 2, 1]] * 2])) == []


def test_a_piece_that_can_change_no_order_is_worth_nothing():
    found = find_requirements(drawn_of([[[4, 4, None]] * 2, [[0, 0, 0]] * 2], plain_scheme([5, 5, 1])))
    assert [(one.bits, one.pairs) for one in found] == [(0.0, 0.0)]


def test_finding_the_best_piece_first_reduces_ties_faster_than_any_other_on_simulated_groups():
    """The piece is revealed with its true value; over many worlds the promised fall of uncertainty must arrive."""
    rng, scheme, promised, arrived, random = np.random.default_rng(3), plain_scheme([5, 3, 2, 1]), [], [], []
    settings = RankDraws(2000)
    for _ in range(60):
        truth = rng.choice(LEVELS, (4, 4))
        hidden = rng.random((4, 4)) < 0.4
        hidden[0, 0] = True
        points = [
            [[None if h else int(t) for h, t in zip(hide, row, strict=True)]] * 2
            for hide, row in zip(hidden, truth, strict=True)
        ]
        drawn = drawn_of(points, scheme, settings)
        found = find_requirements(drawn)
        before = entropy(GroupRanking.from_draws(drawn).outranks[np.triu_indices(4, 1)]).sum()
        falls = []
        for one in (found[0], found[int(rng.integers(len(found)))]):
            at, attribute = int(one.group[1:]) - 1, int(one.attribute[-1])
            known = [[list(values) for values in scorers] for scorers in points]
            for values in known[at]:
                values[attribute] = int(truth[at, attribute])
            after = GroupRanking.from_draws(drawn_of(known, scheme, settings)).outranks[np.triu_indices(4, 1)]
            falls.append(before - entropy(after).sum())
        promised.append(found[0].bits)
        arrived.append(falls[0])
        random.append(falls[1])
    error = np.std(np.array(arrived) - promised) / np.sqrt(len(arrived))
    assert np.mean(arrived) == pytest.approx(np.mean(promised), abs=3 * error)
    assert np.mean(arrived) > np.mean(random) + 0.1
