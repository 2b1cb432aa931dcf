"""The yearly trend: exact without noise, and covered with it."""

import numpy as np
import pytest

from ilp_models.stats.count_trend import yearly_trend

WAVE = np.tile(np.exp(0.2 * np.sin(2 * np.pi * np.arange(12) / 12)), 3)


def test_a_trend_is_exact_without_noise():
    found = yearly_trend(100 * WAVE * 1.1 ** (np.arange(36) / 12))
    np.testing.assert_allclose([found.factor, found.low, found.high], 1.1, rtol=1e-6)


def test_intervals_cover_the_trend():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(150):
        found = yearly_trend(rng.poisson(80 * WAVE * 0.9 ** (np.arange(36) / 12)).astype(float))
        covered.append(found.low <= 0.9 <= found.high)
    assert np.mean(covered) >= 0.87  # 0.95 less four standard errors


@pytest.mark.parametrize(("monthly", "enough"), [(1.0, True), (0.1, False)])
def test_intervals_of_few_crimes_cover_too_little(monthly, enough):
    """Why an assessment gives no trend of fewer than 36 crimes in 36 months."""
    rng = np.random.default_rng(0)
    found = [yearly_trend(rng.poisson(monthly, 36).astype(float)) for _ in range(150)]
    covered = np.mean([one.low <= 1 <= one.high for one in found if np.isfinite(one.factor)])
    assert (covered >= 0.87) == enough


def test_a_series_without_counts_has_no_trend():
    assert np.isnan(yearly_trend(np.zeros(36)).factor)
