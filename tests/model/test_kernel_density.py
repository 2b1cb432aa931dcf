from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.history import History
from ilp_models.model.hindcast import recent_periods
from ilp_models.model.kernels.kernel_density import KDE, local_factors
from tests.builders import SquareLocator, city, events_at, events_of, history_of, poisson_counts, square_grid

ONE = {"half_lives": (np.inf,), "background": (1e-6,), "level_half_lives": (52,)}
CORNER = (630_000.0, 4_834_000.0)


def test_factors_follow_the_square_root_of_the_density():
    density, count = np.array([1.0, 4.0, 16.0, 0.0]), np.array([2.0, 1.0, 1.0, 0.0])
    mean = np.exp((2 * np.log(1) + np.log(4) + np.log(16)) / 4)
    want = np.append((density[:3] / mean) ** -0.5, 4.0)
    np.testing.assert_allclose(local_factors(density, count, 0.5), want)
    np.testing.assert_array_equal(local_factors(density, np.zeros(4), 0.5), 1)


def test_an_adaptive_bandwidth_is_that_of_the_local_density():
    counts = np.zeros((1, 40, 20), dtype=int)
    counts[0, 5], counts[0, 30] = 9, 1  # far enough apart to leave each other alone
    history = history_of(counts, city(1, 40))
    kernel = KDE(bandwidths=(400,), sensitivity=0.5, **ONE).fit(history)
    shares = kernel.predict(history.calendar.next_periods(history.cutoff, 1)).expected.values[0, :, 0]
    shares /= shares.sum()
    # The fixed kernel gives both places a density in proportion to 9 and 1; over events its geometric mean is 9^0.9.
    widths = 400 * np.array([9 / 9**0.9, 1 / 9**0.9]) ** -0.5
    edges = (np.arange(41) * 500.0 - np.array([[2750.0], [15_250.0]])) / widths[:, None]
    along = np.diff(stats.norm.cdf(edges))
    want = np.array([0.9, 0.1]) @ (along / along.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(shares, want, atol=2e-4)
    assert widths[0] < 400 < widths[1]


def history_of_two_cells(weeks_of_each, **settings):
    """Return ten weeks in which events happened far from each other, in cells 0 and 19."""
    counts = np.zeros((1, 20, 10), dtype=int)
    for cell, weeks in zip((0, 19), weeks_of_each, strict=True):
        counts[0, cell, weeks] += 1
    return history_of(counts, city(1, 20), **settings)


def split_of(history, **settings):
    kernel = KDE(bandwidths=(50,), **{**ONE, **settings}).fit(history)
    values = kernel.predict(history.calendar.next_periods(history.cutoff, 1)).expected.values[0, :, 0]
    return values[0] / values[19]


def test_events_decay_by_half_life_and_end_with_the_window():
    history = history_of_two_cells(([9, 1], [6]))
    assert split_of(history, half_lives=(3,)) == pytest.approx((1 + 0.5 ** (8 / 3)) / 0.5, rel=1e-3)
    assert split_of(history) == pytest.approx(2, rel=1e-3)
    assert split_of(history, window=8) == pytest.approx(1, rel=1e-3)
    assert split_of(history, window=9) == pytest.approx(2, rel=1e-3)


def test_the_forecast_sums_to_the_level_of_the_city():
    counts = poisson_counts((2, 12, 80), np.array([0.4, 2.0])[:, None, None])
    history = history_of(counts, city(3, 4))
    kernel = KDE(bandwidths=(300,), half_lives=(20,), level_half_lives=(6,)).fit(history)
    ahead = kernel.predict(history.calendar.next_periods(history.cutoff, 3)).expected.values
    level = pd.DataFrame(counts.sum(axis=1).T).ewm(halflife=6).mean().iloc[-1]
    np.testing.assert_allclose(ahead.sum(axis=1), np.repeat(level.to_numpy()[:, None], 3, axis=1), rtol=1e-9)


@pytest.mark.parametrize("sensitivity", [0.0, 0.5])
def test_a_past_forecast_uses_only_earlier_events(sensitivity):
    grid = city(3, 4)
    events = events_of(poisson_counts((2, 12, 90), 0.4), grid)
    now, then = (History.from_events(events.start + pd.Timedelta(weeks=w), events, grid, Calendar()) for w in (90, 70))
    kernel = KDE(bandwidths=(200, 400), sensitivity=sensitivity, half_lives=(10, 40)).fit(now)
    period = now.calendar.next_periods(then.cutoff, 1)
    np.testing.assert_allclose(kernel.hindcast(now, period, 1), kernel.hindcast(then, period, 1), rtol=1e-9)


def scattered(seed=4, weeks=80):
    """Return a history of two types: one uniform in the city, one at a dozen addresses."""
    rng = np.random.default_rng(seed)
    size = 1500
    anywhere = rng.uniform(0, 5000, (size, 2))
    addresses = rng.uniform(0, 5000, (12, 2))[rng.integers(0, 12, size)]
    x, y = (np.concatenate([anywhere, addresses]) + CORNER).T
    kinds = np.repeat(["Assault", "Break and Enter"], size)
    start = pd.Timestamp("2019-12-30")
    when = start + pd.to_timedelta(rng.integers(0, weeks * 7 * 24, 2 * size), unit="h")
    events = events_at(x, y, when, crime_type=kinds, start=start, end=start + pd.Timedelta(weeks=weeks))
    grid = replace(square_grid(10, 10), locator=SquareLocator(10, 10))
    return History.from_events(events.end, events, grid, Calendar())


def test_the_bandwidth_is_wide_for_scattered_events_and_narrow_for_repeated_places():
    kernel = KDE(bandwidths=(80, 250, 800, 2500), half_lives=(1000,), background=(0.01,)).fit(scattered())
    assert kernel.bandwidths_.tolist() == [2500, 80]


def test_settings_have_the_largest_likelihood_of_past_places():
    history = scattered(seed=5)
    grid = {(h, a, b) for h in (150, 450, 1400) for a in (13, 200) for b in (0.02, 0.4)}
    kernel = KDE(bandwidths=(150, 450, 1400), half_lives=(13, 200), background=(0.02, 0.4)).fit(history)
    targets = recent_periods(history)
    observed = history.panel.by_period[-len(targets) :]
    likelihood = {}
    for h, a, b in grid:
        alone = KDE(bandwidths=(h,), half_lives=(a,), background=(b,)).fit(history)
        shares = alone.hindcast(history, targets, 1)
        shares = shares / shares.sum(axis=2, keepdims=True)
        likelihood[h, a, b] = (observed * np.log(shares)).sum(axis=(0, 2))
    for kind in range(2):
        best = max(likelihood, key=lambda key: likelihood[key][kind])
        assert (kernel.bandwidths_[kind], kernel.half_lives_[kind], kernel.background_[kind]) == best


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"kernel": "cubic"}, "kernel='cubic' is unknown; choose one of gaussian, quartic"),
        ({"bandwidths": ()}, "bandwidths=.* one or more numbers above 0"),
        ({"half_lives": (0,)}, "half_lives=.* above 0"),
        ({"level_half_lives": (4, -1)}, "level_half_lives=.* above 0"),
        ({"sensitivity": 2.0}, "sensitivity=2 must lie between 0"),
        ({"window": 0}, "window=0 must be at least 1 period"),
        ({"background": (0.0,)}, "background=.* above 0 and at most 1"),
    ],
)
def test_unusable_settings_are_refused(setting, words):
    with pytest.raises(InputError, match=words):
        KDE(**setting).fit(history_of(poisson_counts((1, 3, 30))))
