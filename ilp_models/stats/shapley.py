"""Exact Shapley values of a few players."""

from collections.abc import Callable
from itertools import product
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def shapley_values(value: Callable[[tuple[bool, ...]], npt.NDArray[Any]], players: int) -> tuple[Floats, Floats]:
    """Return the value of the empty coalition, and the exact Shapley value of each player.

    Shapley (1953), A value for n-person games. Every coalition is valued once, so the cost doubles with each player.

    Parameters
    ----------
    value : callable
        Value of a coalition: an array of one game for each unit. The coalition has one bool for each player.
    players : int
        Number of players.

    Returns
    -------
    tuple of ndarray
        The value of the empty coalition, and the Shapley values with the players on the first axis. Both together
        add up to the value of the coalition of all players.

    Examples
    --------
    >>> shapley_values(lambda inside: np.array([10.0 + 2 * inside[0] + 4 * (inside[0] and inside[1])]), 2)
    (array([10.]), array([[4.],
           [2.]]))
    """
    weights = [factorial(size) * factorial(players - size - 1) / factorial(players) for size in range(players)]
    empty = shares = np.zeros(0)
    for inside in product((False, True), repeat=players):
        worth = np.asarray(value(inside), dtype=np.float64)
        size = sum(inside)
        if size == 0:
            empty, shares = worth.copy(), np.zeros((players, *worth.shape))
        for player, joined in enumerate(inside):
            if joined:
                shares[player] += weights[size - 1] * worth
            else:
                shares[player] -= weights[size] * worth
    return empty, shares
