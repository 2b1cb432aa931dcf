"""Systematic sampling with unequal inclusion probabilities."""

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ROUNDS: Final = 100  # each round caps at least one probability, and in practice a few rounds cap them all


def inclusion_probabilities(size: Floats, share: float) -> Floats:
    """Return probabilities proportional to a positive size, at most 1, whose sum is a share of the number of units."""
    wanted = share * len(size)
    chance = np.ones_like(size)
    capped = np.zeros(len(size), dtype=bool)
    for _ in range(_ROUNDS):
        rest = size[~capped].sum()
        if rest <= 0:
            break
        scale = (wanted - capped.sum()) / rest
        new = ~capped & (scale * size >= 1)
        if not new.any():
            np.multiply(size, scale, out=chance, where=~capped)
            break
        capped |= new
    return chance


def systematic_sample(chance: Floats, start: float) -> npt.NDArray[np.bool_]:
    """Return which units are drawn: those in which the running sum of the probabilities passes start + 0, 1, 2 ...

    With a start that is uniform on [0, 1), each unit is drawn with its own probability, at most 1. Units that follow
    each other are strata: any run of units whose probabilities sum to 1 has one draw, up to rounding at its ends.
    """
    passed = np.cumsum(chance)
    np.ceil(np.subtract(passed, start, out=passed), out=passed)
    drawn = np.empty(len(chance), dtype=bool)
    drawn[:1] = passed[:1] > np.ceil(-start)
    np.greater(passed[1:], passed[:-1], out=drawn[1:])
    return drawn
