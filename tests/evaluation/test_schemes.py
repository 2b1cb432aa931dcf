import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilp_models.domain.errors import InputError
from ilp_models.evaluation.schemes import (
    BlockedRandomisation,
    Crossover,
    MatchedPairs,
    Observational,
    SteppedWedge,
)

USUAL = np.array([3.0, 9.0, 1.0, 8.0, 2.0, 0.5, 7.0, 6.0, 0.1])


@given(st.integers(0, 10_000))
def test_each_block_has_its_share_of_treated_units(seed):
    scheme = BlockedRandomisation(block_size=4, share=0.25)
    blocks = scheme.blocks(USUAL)
    drawn = scheme.draw(blocks, 5, 6, np.random.default_rng(seed))[:, :, 0]
    for block in (0, 1):
        assert (drawn[:, blocks == block].sum(axis=1) == 1).all()
    assert not drawn[:, blocks < 0].any()


def test_the_unit_with_the_fewest_events_is_left_over():
    assert BlockedRandomisation().blocks(USUAL).tolist() == [1, 0, 1, 0, 1, 1, 0, 0, -1]


@pytest.mark.parametrize(
    ("scheme", "periods"), [(MatchedPairs(), 4), (BlockedRandomisation(), 4), (Crossover(2), 8), (SteppedWedge(2), 6)]
)
def test_every_unit_is_drawn_as_often_as_its_scheme_says(scheme, periods):
    blocks = scheme.blocks(USUAL[:8])
    drawn = scheme.draw(blocks, periods, 4000, np.random.default_rng(0))
    expected = 0.5
    shares = drawn.mean(axis=(0, 2))
    np.testing.assert_allclose(shares, expected, atol=0.03)


def test_a_stepped_wedge_never_goes_back():
    scheme = SteppedWedge(4)
    drawn = scheme.draw(scheme.blocks(USUAL[:8]), 10, 50, np.random.default_rng(0))
    assert (np.diff(drawn.astype(int), axis=2) >= 0).all()
    assert drawn.sum(axis=1)[:, ::2].tolist() == [[0, 2, 4, 6, 8]] * 50


def test_a_crossover_treats_each_unit_in_one_slot_of_each_pair():
    drawn = Crossover(3).draw(np.arange(5), 12, 50, np.random.default_rng(0))
    assert (drawn.reshape(50, 5, 2, 2, 3).sum(axis=(3, 4)) == 3).all()


def test_washout_leaves_out_the_periods_after_each_change():
    treated = np.array([[True] * 3 + [False] * 3 + [False] * 3 + [True] * 3])
    kept = Crossover(3, washout=2).analysed(treated)
    assert kept.tolist() == [[True] * 3 + [False, False, True] + [True] * 3 + [False, False, True]]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: BlockedRandomisation(4, 0.3), "treat 1.2 units"),
        (lambda: BlockedRandomisation(4, 1.0), "not all of them"),
        (lambda: Crossover(2, 2), "washout=2"),
        (lambda: SteppedWedge(1), "at least 2"),
        (lambda: Crossover(2).draw(np.arange(3), 6, 1, np.random.default_rng(0)), "multiple of 4"),
        (lambda: SteppedWedge(4).draw(np.arange(4), 12, 1, np.random.default_rng(0)), "multiple of 5"),
        (lambda: Observational().draw(np.arange(4), 12, 1, np.random.default_rng(0)), "no randomisation test"),
    ],
)
def test_what_cannot_be_drawn_is_said(make, said):
    with pytest.raises(InputError, match=said):
        make()
