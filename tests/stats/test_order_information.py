"""What knowing a value says about an order: by hand, and as mutual information."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ilp_models.stats.order_information import gain_of_knowing


def test_by_hand():
    # known to be above with 1/4: the value decides, so that all of H(1/4) falls, and the tie with it
    above, chance = np.array([[0.0], [1.0]]), np.array([0.75, 0.25])
    bits, pairs = gain_of_knowing(above, chance, 0.8)
    assert bits == pytest.approx(0.25 * 2 + 0.75 * np.log2(4 / 3))
    assert pairs == 1


def test_a_piece_can_tie_a_separated_pair():
    above, chance = np.array([[1.0], [0.5]]), np.array([0.8, 0.2])
    assert gain_of_knowing(above, chance, 0.9)[1] == pytest.approx(-0.2)


@given(arrays(float, (3, 4), elements=st.floats(0, 1)), st.floats(0.1, 0.8))
def test_knowing_never_costs_bits_and_at_most_one_a_pair_is_gained(above, first):
    chance = np.array([first, (1 - first) / 2, (1 - first) / 2])
    bits, _ = gain_of_knowing(above, chance, 0.9)
    assert 0 <= bits <= 4
    assert gain_of_knowing(above[[0, 0, 0]], chance, 0.9) == (pytest.approx(0, abs=1e-9), 0)
