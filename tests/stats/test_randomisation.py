from itertools import combinations

import numpy as np
import pytest

from ilp_models.stats.randomisation import period_excess, ratio_estimate, tail_probabilities


def all_draws(units, treated):
    drawn = np.zeros((len(list(combinations(range(units), treated))), units, 1), dtype=bool)
    for at, chosen in enumerate(combinations(range(units), treated)):
        drawn[at, list(chosen)] = True
    return drawn


def test_p_value_of_a_small_trial_is_that_counted_by_hand():
    """Of 6 ways to treat 2 of 4 equal units, one gives as few events as were seen: (1 + 1) / 7 on that side."""
    counts, usual = np.array([[1.0], [2.0], [7.0], [8.0]]), np.ones((4, 1))
    treated = np.array([[True], [True], [False], [False]])
    found = ratio_estimate(counts, usual, treated, all_draws(4, 2))
    assert found.p_value == pytest.approx(4 / 7)
    assert found.ratio == pytest.approx(3 / 15, rel=1e-6)
    assert (found.low, found.high) == (0.0, float("inf"))  # seven assignments refuse nothing at 5 %


def test_usual_counts_and_periods_take_out_what_the_treatment_did_not_do():
    usual = np.array([[1.0], [4.0], [2.0], [8.0]])
    counts = usual * np.array([[3.0, 1.0, 2.0]])  # the same periods everywhere
    assert period_excess(counts, usual * np.ones((1, 3))) == pytest.approx(0)


def test_interval_holds_the_ratios_that_the_test_does_not_refuse():
    generator = np.random.default_rng(3)
    counts = generator.poisson(20.0, (16, 5)).astype(float)
    drawn = generator.permuted(np.tile(np.arange(16) < 8, (400, 1)), axis=1)[:, :, None]
    treated = np.broadcast_to(drawn[0], counts.shape)
    usual = np.full((16, 5), 20.0)
    found = ratio_estimate(counts, usual, treated, drawn[1:])
    for ratio, refused in (
        (found.low * 0.99, 1),
        (found.low * 1.01, 0),
        (found.high * 0.99, 0),
        (found.high * 1.01, 1),
    ):
        without = np.where(treated, counts / ratio, counts)
        excess = period_excess(without, usual).sum(axis=1)
        sums = drawn[1:].reshape(399, -1).astype(float) @ excess
        tails = tail_probabilities(sums, float(excess[treated[:, 0]].sum()), float(np.abs(excess).sum()))
        assert (min(tails) <= 0.025) == refused
    assert found.low < found.ratio < found.high


def test_no_event_says_nothing():
    zero = np.zeros((4, 2))
    found = ratio_estimate(zero, np.ones((4, 2)), np.zeros((4, 2), dtype=bool), all_draws(4, 2))
    assert np.isnan(found.ratio)
    assert found.p_value == 1.0
