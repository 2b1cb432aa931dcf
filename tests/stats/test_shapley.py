"""Shapley values against all orders of the players, and the properties that define them."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ilp_models.stats.shapley import shapley_values

PLAYERS = 4
GAMES = hnp.arrays(np.float64, (2**PLAYERS, 3), elements=st.floats(-100, 100))


def value_of(table):
    return lambda inside: table[sum(joined << place for place, joined in enumerate(inside))]


def by_permutation(value, players):
    """Return the mean marginal value of each player over all orders in which they can join."""
    shares, orders = np.zeros((players, 3)), list(permutations(range(players)))
    for order in orders:
        inside = [False] * players
        for player in order:
            before = value(tuple(inside))
            inside[player] = True
            shares[player] += value(tuple(inside)) - before
    return shares / len(orders)


@given(GAMES)
def test_values_are_the_mean_over_all_orders(table):
    empty, shares = shapley_values(value_of(table), PLAYERS)
    np.testing.assert_allclose(shares, by_permutation(value_of(table), PLAYERS), atol=1e-9)
    np.testing.assert_array_equal(empty, table[0])


@given(GAMES)
def test_values_add_up_to_the_value_of_all(table):
    empty, shares = shapley_values(value_of(table), PLAYERS)
    np.testing.assert_allclose(empty + shares.sum(axis=0), table[-1], atol=1e-9)


@given(GAMES)
def test_a_player_that_adds_nothing_gets_nothing(table):
    value = value_of(table)
    _, shares = shapley_values(lambda inside: value((*inside[:2], False, inside[3])), PLAYERS)
    np.testing.assert_allclose(shares[2], 0, atol=1e-9)


@given(GAMES)
def test_players_that_add_the_same_get_the_same(table):
    value = value_of(table)
    _, shares = shapley_values(lambda inside: value((*sorted(inside[:2]), *inside[2:])), PLAYERS)
    np.testing.assert_allclose(shares[0], shares[1], atol=1e-9)


@pytest.mark.parametrize("players", [0, 1])
def test_few_players(players):
    empty, shares = shapley_values(lambda inside: np.array([5.0 + 2 * sum(inside)]), players)
    assert empty.tolist() == [5.0]
    assert shares.ravel().tolist() == [2.0] * players
