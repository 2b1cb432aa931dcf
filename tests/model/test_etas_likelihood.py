import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from ilp_models.model.point_processes.etas_likelihood import EtasBounds, EtasLikelihood, EtasPrior, Pairs
from ilp_models.model.point_processes.etas_raster import EtasRaster
from ilp_models.model.point_processes.incidents import Incidents
from tests.builders import square_grid

WEST, SOUTH = 630_000.0, 4_834_000.0


def incidents_of(day, x, y):
    return Incidents.from_arrays(*(np.asarray(one, dtype=float) for one in (day, x, y)))


@pytest.fixture(scope="module")
def small():
    """Return a likelihood of 60 incidents on 1.5 by 2 km, and a point at which to evaluate it."""
    rng = np.random.default_rng(3)
    raster = EtasRaster.from_grid(square_grid(3, 4), 250.0, 800.0)
    day, x, y = rng.uniform(-20, 90, 60), WEST + rng.uniform(-300, 2300, 60), SOUTH + rng.uniform(-300, 1800, 60)
    incidents = incidents_of(day, x, y)
    terms = np.column_stack([np.ones(90), rng.normal(size=(90, 2))])
    likelihood = EtasLikelihood.from_incidents(raster, incidents, terms, EtasBounds(0.5, 30.0, 700.0))
    shape = rng.gamma(2.0, 1.0, raster.inside.shape) * raster.inside
    prior = EtasPrior(
        (shape / shape.sum()).ravel(),
        3.0,
        np.array([0.0, 4.0, 1.0]),
        rng.uniform(0.8, 1, 60)[: len(likelihood.targets)],
    )
    parameters = np.array([np.log(0.4), np.log(0.1), np.log(180.0), -0.3, 0.2, -0.1])
    return likelihood, parameters, rng.normal(0, 0.4, raster.inside.size), prior


def test_the_likelihood_equals_its_definition(small):
    likelihood, parameters, log_factors, prior = small
    share, rate, metres = np.exp(parameters[:3])
    one, raster = likelihood.incidents, likelihood.raster
    level = np.exp(likelihood.terms @ parameters[3:])
    density = (prior.shape * np.exp(log_factors)).reshape(raster.inside.shape) / 250.0**2
    logs = 0.0
    for place, i in enumerate(likelihood.targets):
        assert WEST <= one.x[i] < WEST + 2000
        assert SOUTH <= one.y[i] < SOUTH + 1500
        row, column = int((one.y[i] - raster.south) // 250), int((one.x[i] - raster.west) // 250)
        value = prior.without_itself[place] * level[int(one.day[i])] * density[row, column]
        for j in range(i):
            delay, away = one.day[i] - one.day[j], np.hypot(one.x[i] - one.x[j], one.y[i] - one.y[j])
            if 0.5 < delay <= 30 and away <= 700:
                time = share * rate * np.exp(-rate * delay)
                value += time * np.exp(-(away**2) / (2 * metres**2)) / (2 * np.pi * metres**2)
        logs += np.log(value)
    expected = level.sum() * density.sum() * 250.0**2
    for day, x, y in zip(one.day, one.x, one.y, strict=True):
        first, last = max(0.5, -day), min(30.0, 90 - day)
        if last <= first:
            continue
        time, _ = integrate.quad(lambda t: share * rate * np.exp(-rate * t), first, last)
        inside = np.diff(stats.norm.cdf([WEST, WEST + 2000], x, metres))[0]
        inside *= np.diff(stats.norm.cdf([SOUTH, SOUTH + 1500], y, metres))[0]
        expected += time * inside
    penalty = 3.0 * (log_factors - np.exp(log_factors)).sum() - (4 * 0.2**2 + 0.1**2) / 2
    whole, _, _ = likelihood.value(parameters, log_factors, prior)
    assert whole - penalty == pytest.approx(logs - expected, abs=0.01)  # what stays inside is interpolated


def test_the_gradient_equals_numerical_differences(small):
    likelihood, parameters, log_factors, prior = small
    _, by_parameter, by_square = likelihood.value(parameters, log_factors, prior)
    slope = optimize.approx_fprime(parameters, lambda p: likelihood.value(p, log_factors, prior)[0], 1e-6)
    np.testing.assert_allclose(by_parameter, slope, rtol=1e-4, atol=1e-3)
    squares = np.unique(likelihood.squares)[:3]
    for square in squares:
        step = np.zeros(len(log_factors))
        step[square] = 1e-5
        high, low = (likelihood.value(parameters, log_factors + sign * step, prior)[0] for sign in (1, -1))
        assert by_square[square] == pytest.approx((high - low) / 2e-5, rel=1e-4, abs=1e-4)


def test_the_information_profiles_out_the_background(small):
    likelihood, parameters, log_factors, prior = small

    def profile(log_share):
        moved = parameters.copy()
        moved[0] = log_share

        def loss(free):
            value, _, slope = likelihood.value(moved, free, prior)
            return -value, -slope

        return -optimize.minimize(
            loss, log_factors, jac=True, method="L-BFGS-B", options={"ftol": 1e-14, "gtol": 1e-8}
        ).fun

    at = parameters[0]
    best = optimize.minimize(
        lambda free: tuple(-part for part in likelihood.value(parameters, free, prior)[::2]),
        log_factors,
        jac=True,
        method="L-BFGS-B",
        options={"ftol": 1e-14, "gtol": 1e-8},
    ).x
    curvature = -(profile(at + 0.02) - 2 * profile(at) + profile(at - 0.02)) / 0.02**2
    assert likelihood.information(parameters, best, prior)[0, 0] == pytest.approx(curvature, rel=0.02)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.0, 3.0), st.floats(4.0, 40.0))
def test_pairs_are_exactly_those_within_the_limits(seed, least, most):
    rng = np.random.default_rng(seed)
    one = incidents_of(np.round(rng.uniform(0, 300, 80), 1), rng.integers(0, 900, 80), rng.integers(0, 900, 80))
    targets = np.flatnonzero(rng.random(80) < 0.8)
    pairs = Pairs.from_incidents(one, targets, least, most, 500.0)
    days = one.day[:, None] - one.day[None, :]
    square = (one.x[:, None] - one.x[None, :]) ** 2 + (one.y[:, None] - one.y[None, :]) ** 2
    wanted = (days > least) & (days <= most) & (square <= 500.0**2)
    later, earlier = np.nonzero(wanted & np.isin(np.arange(80), targets)[:, None])
    np.testing.assert_allclose(pairs.days, days[later, earlier], rtol=1e-6)
    np.testing.assert_allclose(pairs.square_metres, square[later, earlier], rtol=1e-6)
    weight = np.exp(-0.2 * days[later, earlier] - square[later, earlier] / (2 * 200.0**2))
    sums = np.bincount(later, weight, 80)
    np.testing.assert_allclose(pairs.sums(0.2, 200.0)[0], sums[pairs.later], rtol=1e-5)
