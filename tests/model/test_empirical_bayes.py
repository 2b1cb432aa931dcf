from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from ilp_models.backtest.replay import BacktestData, replay
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.model.hindcast import recent_periods
from ilp_models.model.means.empirical_bayes import EmpiricalBayes
from tests.builders import city, events_of, history_of, poisson_counts

STEADY = 1e6  # a half-life in which nothing is forgotten


def ahead(forecaster, history, periods=1):
    return forecaster.predict(history.calendar.next_periods(history.cutoff, periods))


def gamma_counts(shape, cells, weeks, mean=1.0, step=0.0, seed=0):
    """Return counts of one type whose cells have gamma-distributed rates, with a random walk of their logarithm."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, step, (1, cells, weeks)), axis=2)
    return rng.poisson(rng.gamma(shape, mean / shape, (1, cells, 1)) * np.exp(walk - walk[..., :1]))


def inside(forecast, observed, share=0.9):
    """Return the share of counts in the central part of the distribution, with ties broken at random."""
    size = 1 / np.broadcast_to(forecast.dispersion.values, forecast.expected.shape)
    law = stats.nbinom(size, size / (size + forecast.expected.values))
    below = law.cdf(observed - 1) + np.random.default_rng(0).uniform(size=observed.shape) * law.pmf(observed)
    return float(((below > (1 - share) / 2) & (below < (1 + share) / 2)).mean())


def test_the_forecast_by_hand():
    counts = np.zeros((1, 4, 12), dtype=int)
    counts[0, 0, -2:], counts[0, 2, -1] = (1, 3), 2
    history = history_of(counts, city(1, 4))
    forecaster = EmpiricalBayes((1.0,), (0.5,)).fit(history)
    forecaster.strengths_[:] = 2.0
    forecast = ahead(forecaster, history, 2)
    for lead in (0, 1):
        weights = 0.5 ** (np.arange(12, 0, -1) + lead)
        time = weights.sum()
        own = counts[0] @ weights / time
        near, far = np.exp(-0.5), np.exp(-2.0)
        gauss = np.array([[1, near, far, 0], [near, 1, near, far], [far, near, 1, near], [0, far, near, 1]])
        gauss[0, 3] = gauss[3, 0] = np.exp(-4.5)
        around = gauss @ own / gauss.sum(axis=1)
        whole = (own.sum() + 0.5 / (time * 2.0 ** (lead + 1))) / 4
        west, east = (own[:2].sum() + whole) / 3, (own[2:].sum() + whole) / 3
        prior = (around + np.array([west, west, east, east])) / 2
        size = 2.0 + counts[0] @ weights
        np.testing.assert_allclose(forecast.expected.values[0, :, lead], size / (2.0 / prior + time), rtol=1e-5)
        np.testing.assert_allclose(forecast.dispersion.values[0, :, lead], 1 / size, rtol=1e-5)


def test_the_predictive_distribution_is_the_posterior_mixture_of_poissons():
    counts = gamma_counts(1.0, 6, 40)
    history = history_of(counts, city(2, 3))
    forecaster = EmpiricalBayes((STEADY,), (0.0,)).fit(history)
    forecast = ahead(forecaster, history)
    strength, place = forecaster.strengths_[0], int(counts[0].sum(axis=1).argmax())
    mean, spread = forecast.expected.values[0, place, 0], forecast.dispersion.values[0, place, 0]
    total, weeks = counts[0, place].sum(), counts.shape[2]
    west = np.array([0, 1, 3, 4])  # columns 0 and 1 lie left of the middle
    area = west if place in west else np.array([2, 5])
    city_mean = (counts.sum() + 0.5) / weeks / 6
    prior = (counts[0, area].sum() / weeks + city_mean) / (len(area) + 1)

    def joint(rate, count, more):
        weight = stats.gamma.pdf(rate, strength, scale=prior / strength) * stats.poisson.pmf(total, rate * weeks)
        return weight * (stats.poisson.pmf(count, rate) if more else 1.0)

    evidence = integrate.quad(joint, 0, 20, args=(0, False), points=[total / weeks])[0]
    for count in (0, 1, 4):
        oracle = integrate.quad(joint, 0, 20, args=(count, True), points=[total / weeks])[0] / evidence
        assert stats.nbinom.pmf(count, 1 / spread, 1 / (1 + spread * mean)) == pytest.approx(oracle, rel=1e-3)


@pytest.mark.parametrize("strength", [0.5, 3.0])
def test_a_known_strength_is_recovered(strength):
    history = history_of(gamma_counts(strength, 900, 30), city(30, 30))
    forecaster = EmpiricalBayes((STEADY,), (0.0,)).fit(history)
    assert forecaster.strengths_[0] == pytest.approx(strength, rel=0.2)


def test_the_strength_is_that_of_the_largest_likelihood():
    history = history_of(gamma_counts(0.8, 400, 60), city(20, 20))
    forecaster = EmpiricalBayes((40.0,), (0.3,)).fit(history)
    targets = recent_periods(history)
    observed = history.panel.by_period[-len(targets) :]
    likelihood = {}
    found = float(forecaster.strengths_[0])
    for strength in found * np.array([0.7, 1.0, 1.4]):
        forecaster.strengths_[0] = strength
        mean, size = forecaster._posterior(history, targets, 1)
        likelihood[strength] = stats.nbinom.logpmf(observed, size, size / (size + mean)).sum()
    assert max(likelihood, key=likelihood.__getitem__) == pytest.approx(found)


def test_half_life_and_neighbours_have_the_largest_likelihood():
    fast, slow = (gamma_counts(4.0, 100, 260, 4.0, step, seed=3) for step in (0.12, 0.0))
    forecaster = EmpiricalBayes((4, 16, 256)).fit(history_of(np.concatenate([fast, slow]), city(10, 10)))
    assert forecaster.half_lives_.tolist() == [4, 256]
    smooth = np.exp(np.indices((10, 10))[0].ravel() / 2 - 5)[None, :, None]
    chequered = np.where(np.indices((10, 10)).sum(axis=0).ravel() % 2, 1.0, 0.01)[None, :, None]
    counts = poisson_counts((2, 100, 110), np.concatenate([smooth, chequered]))
    forecaster = EmpiricalBayes((128,), (0.0, 0.9)).fit(history_of(counts, city(10, 10)))
    assert forecaster.neighbours_.tolist() == [0.9, 0.0]


def test_an_empty_cell_is_shrunk_to_its_area_or_to_the_city():
    rate = np.where(np.arange(24) % 6 < 3, 3.0, 0.1)[None, :, None]  # West, then East
    counts = poisson_counts((1, 24, 60), rate)
    counts[0, [0, 5, 6]] = 0
    grid = city(4, 6)
    parents = grid.parents.assign(none=None, neighbourhood=grid.parents["neighbourhood"].where(np.arange(24) != 6, ""))
    history = history_of(counts, replace(grid, parents=parents))
    forecasters = [EmpiricalBayes((32,), (0.0,), area_level=level).fit(history) for level in ("neighbourhood", "none")]
    for one in forecasters:
        one.strengths_[:] = 20.0
    apart, flat = (ahead(one, history).expected.values[0, [0, 5, 6], 0] for one in forecasters)
    assert apart[0] > 1.1 * apart[2] > 1.1 * 1.1 * apart[1]
    np.testing.assert_allclose(flat, apart[2])


def test_coverage_is_nominal_for_constant_rates_and_lower_for_drifting_rates():
    shares = {}
    for step in (0.0, 0.1):
        counts = gamma_counts(1.0, 625, 122, 3.0, step, seed=4)
        history = history_of(counts[..., :120], city(25, 25))
        forecast = ahead(EmpiricalBayes((64, STEADY), (0.0,)).fit(history), history, 2)
        shares[step] = inside(forecast, counts[..., 120:])
    assert shares[0.0] == pytest.approx(0.9, abs=0.01)
    assert shares[0.1] < 0.85


def test_a_longer_past_narrows_and_a_longer_lead_widens_the_distribution():
    history = history_of(gamma_counts(1.0, 12, 80, 2.0), city(3, 4))
    spread = ahead(EmpiricalBayes((16,)).fit(history), history, 6).dispersion.values[0]
    assert (np.diff(spread, axis=1) > 0).all()
    totals = history.panel.values[0, :, -16:].sum(axis=1)
    assert spread[totals.argmax(), 0] < spread[totals.argmin(), 0] / 2


def test_a_backtest_stores_the_dispersion_of_every_cell(tmp_path):
    counts = gamma_counts(1.0, 12, 70, 2.0)
    grid = city(3, 4)
    events = events_of(counts, grid)
    plan, forecaster = RollingOrigin(test_periods=3, horizon=2, refit_every=2), EmpiricalBayes((32,))
    world = BacktestData(events, grid, Calendar())
    outcome = replay({"eb": forecaster}, plan, world, tmp_path, LocalProcesses(jobs=1))
    fold = plan.folds(events, Calendar())[0]
    history = history_of(counts[..., : int((fold.cutoff - events.start).days / 7)], grid)
    fresh = forecaster.fit(history).predict(pd.PeriodIndex(list(fold.periods)))
    for lead, part in enumerate(outcome.replays):
        assert part.dispersion.dims == ("crime_type", "cell", "period")
        np.testing.assert_array_equal(part.dispersion.values[..., 0], fresh.dispersion.values[..., lead])
        np.testing.assert_array_equal(part.quantiles.values[..., 0], fresh.quantiles.values[..., lead])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"neighbours": (0.0, 1.0)}, r"neighbours=\[0.0, 1.0\] must be at least 0 and below 1"),
        ({"area_level": "beat"}, r"area_level='beat' is not a level .* \(\['neighbourhood'\]\)"),
        ({"half_lives": (0,)}, "half-life of 0 periods must be above 0"),
        ({"half_lives": ()}, "half_lives=.* at least one"),
    ],
)
def test_unusable_settings_are_refused_in_one_line(settings, message):
    with pytest.raises(InputError, match=message):
        EmpiricalBayes(**settings).fit(history_of(gamma_counts(1.0, 12, 30), city(3, 4)))
