"""Level shifts: a shift is found where it is, none is found in noise, and declared ones are estimated."""

import numpy as np
import pytest

from ilp_models.stats.level_shift import estimate_shift, largest_shift

WAVE = np.tile(np.exp(0.2 * np.sin(2 * np.pi * np.arange(12) / 12)), 8)


def test_a_fall_by_a_third_is_found_near_its_month():
    rng = np.random.default_rng(1)
    counts = rng.poisson(200 * WAVE * np.where(np.arange(96) < 70, 1.0, 0.67)).astype(float)
    shift = largest_shift(counts, 12)
    assert abs(shift.position - 70) <= 1
    assert shift.p_value < 0.01


def test_noise_is_rarely_taken_for_a_shift():
    rng = np.random.default_rng(2)
    found = [largest_shift(rng.poisson(80 * WAVE).astype(float), 12, draws=199, seed=one) for one in range(60)]
    share = np.mean([one.p_value <= 0.05 for one in found])
    assert share <= 0.15  # 0.05 and three standard errors


def test_a_trend_and_a_season_are_no_shift():
    rng = np.random.default_rng(3)
    found = [
        largest_shift(rng.poisson(np.linspace(100, 200, 96) * WAVE).astype(float), 12, draws=199) for _ in range(20)
    ]
    assert np.mean([one.p_value <= 0.05 for one in found]) <= 0.2


@pytest.mark.parametrize("counts", [np.ones(30), np.zeros(96), np.full(96, 7.0)])
def test_series_that_are_short_or_constant_have_no_shift(counts):
    assert largest_shift(counts, 12) is None


def test_the_estimate_is_exact_without_noise_and_covers_the_truth_with_it():
    inside = np.arange(96) >= 60
    exact = estimate_shift(100 * WAVE * np.where(inside, 0.8, 1.0), inside, 12)
    np.testing.assert_allclose([exact.factor, exact.low, exact.high], 0.8, rtol=1e-6)
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(100):
        mean = 50 * WAVE * np.where(inside, 0.8, 1.0)
        found = estimate_shift(rng.poisson(mean * rng.gamma(20, 1 / 20, 96)).astype(float), inside, 12)
        covered.append(found.low <= 0.8 <= found.high)
    assert 0.88 <= np.mean(covered) <= 1


@pytest.mark.parametrize("counts", [np.zeros(48), np.r_[np.zeros(40), np.ones(8)], np.r_[np.ones(40), np.zeros(8)]])
def test_no_estimate_without_counts_on_both_sides(counts):
    assert np.isnan(estimate_shift(counts, np.arange(48) >= 40, 12).factor)
