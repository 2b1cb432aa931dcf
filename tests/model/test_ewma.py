import numpy as np
import pandas as pd
import pytest

from ilp_models.model.hindcast import deviance_by_type, recent_periods
from ilp_models.model.means.ewma import EWMA
from tests.builders import city, history_of, poisson_counts

HALF_LIVES = (2, 8, 32, 128)


def drifting(step, weeks=260, cells=100, level=8.0, seed=3):
    """Return counts whose rate does a random walk of its logarithm, one for each cell."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, step, (cells, weeks)), axis=1)
    return rng.poisson(level * np.exp(walk - walk.mean(axis=1, keepdims=True)))


def best_gain(step, level):
    """Return the half-life of the steady-state Kalman filter of a random walk seen with Poisson noise."""
    ratio = level * step**2  # signal over noise variance of the rate: (level step)^2 / level
    gain = (-ratio + np.sqrt(ratio**2 + 4 * ratio)) / 2
    return np.log(0.5) / np.log(1 - gain)


def test_the_half_life_of_each_type_is_the_best_known_one():
    fast, slow = drifting(0.16), drifting(0.0)
    history = history_of(np.stack([fast, slow]), city(10, 10))
    forecaster = EWMA(HALF_LIVES, smoothing=(0.0,)).fit(history)
    assert 1.2 < best_gain(0.16, 8.0) < 3.5
    assert forecaster.half_lives_.tolist() == [2, 128]


def test_smoothing_is_chosen_only_if_neighbours_share_a_rate():
    rng = np.random.default_rng(0)
    alike = np.full((100, 1), 0.05)
    apart = np.where(np.add(*np.indices((10, 10))).ravel() % 2, 4.0, 0.0)[:, None]
    history = history_of(rng.poisson(np.stack([alike, apart]) * np.ones(110)), city(10, 10))
    forecaster = EWMA((16,), smoothing=(0.0, 0.4)).fit(history)
    assert forecaster.smoothing_.tolist() == [0.4, 0.0]


def test_the_forecast_is_the_weighted_mean_and_its_surroundings():
    counts = poisson_counts((1, 3, 30), 1.5)
    history = history_of(counts)
    forecast = EWMA((6,), smoothing=(0.25,)).fit(history).predict(history.calendar.next_periods(history.cutoff, 1))
    own = pd.DataFrame(counts[0].T).ewm(halflife=6).mean().iloc[-1].to_numpy()
    near, far = np.exp(-0.5), np.exp(-2.0)
    weights = np.array([[1, near, far], [near, 1, near], [far, near, 1]])
    around = weights @ own / weights.sum(axis=1)
    np.testing.assert_allclose(forecast.expected.values[0, :, 0], 0.75 * own + 0.25 * around, rtol=1e-5)


def test_settings_have_the_smallest_past_deviance():
    counts = poisson_counts((2, 12, 90), np.random.default_rng(8).gamma(1.0, 1.0, (2, 12, 1)))
    history = history_of(counts, city(3, 4))
    forecaster = EWMA(HALF_LIVES, smoothing=(0.0, 0.3)).fit(history)
    targets = recent_periods(history)
    observed = history.panel.by_period[-len(targets) :]
    losses = {}
    for half_life in HALF_LIVES:
        for weight in (0.0, 0.3):
            alone = EWMA((half_life,), (weight,)).fit(history)
            losses[half_life, weight] = deviance_by_type(observed, alone.hindcast(history, targets, 1))
    for kind in range(2):
        best = min(losses, key=lambda key: losses[key][kind])
        assert (forecaster.half_lives_[kind], forecaster.smoothing_[kind]) == best


def test_a_steady_rate_is_found():
    history = history_of(poisson_counts((1, 60, 400), 2.0), city(6, 10))
    forecast = EWMA().fit(history).predict(history.calendar.next_periods(history.cutoff, 2))
    assert forecast.expected.values.mean() == pytest.approx(2.0, rel=0.05)
