"""The change between two counts, against published p-values, exact values and simulated counts."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from ilp_models.stats.count_change import block_dispersion, change_interval, change_p_values

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = Path(os.environ.get("ILP_SHARED_DATA", ROOT.parent / "shared" / "data")) / "wdd_cases" / "etest.csv"
RNG = np.random.default_rng(4)


def p_value(now, before, exposure=1.0, dispersion=1.0):
    return float(change_p_values(*(np.array([float(one)]) for one in (now, before, exposure, dispersion)))[0])


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published values are not in this checkout")
def test_p_values_are_those_published():
    rows = pd.read_csv(PUBLISHED).query("d == 0 and n1 == n2")
    assert len(rows) >= 6
    own = [p_value(row.k1, row.k2) for row in rows.itertuples()]
    assert own == pytest.approx(rows["own"].to_list(), abs=1e-6)


def test_a_p_value_of_the_paper():
    assert p_value(6, 2) == pytest.approx(0.17487482, abs=1e-6)


def test_there_is_no_p_value_without_a_crime():
    assert np.isnan(p_value(0, 0))


def test_exposure_is_taken_into_account():
    assert p_value(10, 20, exposure=0.5) > 0.9
    assert p_value(10, 20) < p_value(10, 20, exposure=0.6)


def test_dispersion_makes_a_p_value_larger():
    assert p_value(40, 20) < 0.02 < p_value(40, 20, dispersion=4.0)


def test_the_interval_without_an_earlier_crime_starts_from_exact_limits():
    low, high = change_interval(*(np.array([one]) for one in (3.0, 0.0, 1.0, 1.0)), 0.95)
    now_low, now_high = chi2.ppf(0.025, 6) / 2, chi2.ppf(0.975, 8) / 2
    assert low[0] == pytest.approx(3 - np.hypot(3 - now_low, chi2.ppf(0.975, 2) / 2))
    assert high[0] == pytest.approx(now_high)


@pytest.mark.parametrize(("mean", "upper"), [(0.5, 1.0), (3.0, 0.995), (40.0, 0.97)])
def test_intervals_cover_a_change_of_poisson_counts(mean, upper):
    now, before = RNG.poisson(1.3 * mean, 6000), RNG.poisson(mean, 6000)
    low, high = change_interval(now * 1.0, before * 1.0, np.ones(6000), np.ones(6000), 0.95)
    covered = np.mean((low <= 0.3 * mean) & (0.3 * mean <= high))
    assert 0.94 <= covered <= upper


@pytest.mark.parametrize("mean", [1.0, 4.0, 25.0])
def test_no_change_is_rarely_called_one(mean):
    counts = RNG.poisson(mean, (2, 4000)).astype(float)
    p = change_p_values(counts[0], counts[1], np.ones(4000), np.ones(4000))
    assert np.mean(p < 0.05) < 0.06


def test_dispersion_of_poisson_counts_is_1_and_of_wider_counts_more():
    poisson = RNG.poisson(8.0, (300, 52)).astype(float)
    wide = RNG.negative_binomial(4, 4 / 12, (300, 52)).astype(float)  # mean 8, variance 24
    assert block_dispersion(poisson).mean() == pytest.approx(1.08, abs=0.05)  # the floor of 1 lifts the mean
    assert block_dispersion(wide).mean() == pytest.approx(3.0, abs=0.35)


def test_a_slow_trend_is_no_dispersion():
    rising = RNG.poisson(np.linspace(20, 60, 52), (200, 52)).astype(float)
    assert block_dispersion(rising).mean() < 1.15


def test_blocks_end_with_the_last_period_and_too_few_give_1():
    counts = np.array([1000.0, *np.tile([1.0, 9.0], 26)])
    assert block_dispersion(counts, 4) == 1.0  # all blocks hold 20; the first period is in none
    assert block_dispersion(counts[:20]) > 1
    assert block_dispersion(np.array([1.0, 9.0] * 5)) == 1.0
    assert block_dispersion(np.zeros(52)) == 1.0
