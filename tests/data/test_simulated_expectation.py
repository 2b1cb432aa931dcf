import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.history import History
from ilp_models.domain.panel import Panel
from ilp_models.grid.square import SquareGrid

WEEKS = Calendar()

BUSY = {
    "burglary": SimulatedType(yearly=9000, season=0.3, trend=0.05, offspring=0.35, mean_days=7, metres=200),
    "theft": SimulatedType(yearly=5000, season=0.2, peak_day=20, offspring=0.2, mean_days=4, metres=100),
}


def replay(city, cells=500.0, first=60, step=1, lead=1):
    """Return expected and observed counts, shape (cutoffs, types, cells), each from what was known before."""
    events = city.read()
    grid = SquareGrid(cells).build(events)
    full = Panel.count(events, grid, WEEKS)
    expected, observed = [], []
    for week in range(first, len(full.periods) - lead + 1, step):
        history = History.from_events(full.periods[week].start_time, events, grid, WEEKS)
        expected.append(city.expected(history, WEEKS.next_periods(history.cutoff, lead))[..., -1])
        observed.append(full.values[:, :, week + lead - 1])
    return np.stack(expected), np.stack(observed)


@pytest.fixture(scope="module")
def one_step():
    return replay(SimulatedCity(seed=4, lattice_m=250, crime_types=BUSY, reporting_rate=0.7), first=110)


def z_of_sums(expected, observed):
    """Return how far each type's observed sum lies from the expected one, in its own standard errors."""
    misses = (observed - expected).sum(axis=2)
    return misses.sum(axis=0) / np.sqrt((misses**2).sum(axis=0))


@pytest.mark.slow
def test_expected_counts_sum_to_recorded_counts(one_step):
    assert np.abs(z_of_sums(*one_step)).max() < 3


def test_errors_of_consecutive_weeks_are_uncorrelated(one_step):
    expected, observed = one_step
    misses = (observed - expected).sum(axis=(1, 2))
    correlation = np.corrcoef(misses[1:], misses[:-1])[0, 1]
    assert abs(correlation) < 3 / np.sqrt(len(misses))


def test_expected_counts_are_calibrated_at_every_level(one_step):
    expected, observed = (cube.ravel() for cube in one_step)
    bins = np.searchsorted(np.quantile(expected, np.linspace(0, 1, 11)[1:-1]), expected)
    spread = ((observed - expected) ** 2).sum() / expected.sum()  # near repeats within the week: a little over 1
    assert 1.0 < spread < 1.5
    for k in range(10):
        at = bins == k
        assert abs(observed[at].sum() - expected[at].sum()) < 3.5 * np.sqrt(spread * expected[at].sum())


def test_near_repeats_improve_the_expected_counts(one_step):
    expected, observed = one_step
    calm = np.broadcast_to(expected.mean(axis=0), expected.shape)
    gain = stats.poisson.logpmf(observed, expected).sum() - stats.poisson.logpmf(observed, calm).sum()
    assert gain > 50


@pytest.mark.parametrize(
    "changes",
    [
        {"reporting_rate": 1.0},
        {"reporting_delay_days": 20.0},
        {"reporting_rate": 0.4, "reporting_slope": 1.0},
    ],
)
def test_expected_counts_are_unbiased_for_incomplete_and_late_records(changes):
    city = SimulatedCity(seed=5, lattice_m=500, districts=3, crime_types=BUSY, **changes)
    assert np.abs(z_of_sums(*replay(city, cells=1500, step=4))).max() < 3


def test_expected_counts_are_unbiased_at_longer_leads():
    city = SimulatedCity(seed=6, lattice_m=500, districts=3, crime_types=BUSY)
    assert np.abs(z_of_sums(*replay(city, cells=1500, step=4, lead=4))).max() < 3


def lone_event(kind, reporting_rate=1.0):
    """Return a city without background and its history: one event, a microsecond before the cutoff."""
    city = SimulatedCity(seed=1, lattice_m=100, crime_types={"only": kind}, reporting_rate=reporting_rate)
    events = dataclasses.replace(city, crime_types={"only": dataclasses.replace(kind, yearly=50_000)}).read()
    grid = SquareGrid(500, active="all").build(events)
    table = events.table.iloc[:1].assign(
        occurred_at=pd.Timestamp("2021-01-03 23:59:59.999999"),
        reported_at=pd.Timestamp("2021-01-03 23:59:59.999999"),
        x=city.west + 4450.0,
        y=city.south + 4450.0,
    )
    lone = dataclasses.replace(events, table=table)
    return city, History.from_events(pd.Timestamp("2021-01-04"), lone, grid, WEEKS)


@pytest.mark.parametrize("rate", [1.0, 0.5])
def test_one_event_has_the_known_number_of_descendants(rate):
    kind = SimulatedType(yearly=0.0, offspring=0.4, mean_days=5.0, metres=100.0)
    city, history = lone_event(kind, rate)
    got = city.expected(history, WEEKS.next_periods(history.cutoff, 8)).sum(axis=(0, 1)).cumsum()
    days = 7.0 * np.arange(1, 9)
    # the mean of an exponential branching process: n / (1 - n) descendants, at the pace (1 - n) / T
    exact = rate * 0.4 / 0.6 * (1 - np.exp(-0.6 * days / 5.0))
    np.testing.assert_allclose(got, exact, rtol=1e-4)


def test_near_repeats_spread_as_a_gaussian():
    kind = SimulatedType(yearly=0.0, offspring=1e-4, mean_days=2.0, metres=180.0)
    city, history = lone_event(kind)
    got = city.expected(history, WEEKS.next_periods(history.cutoff, 1))[0, :, 0]
    bounds = np.array([cell.bounds for cell in history.grid.geometry])
    x, y = city.west + 4450.0, city.south + 4450.0
    along = stats.norm.cdf(bounds[:, 2], x, 180.0) - stats.norm.cdf(bounds[:, 0], x, 180.0)
    across = stats.norm.cdf(bounds[:, 3], y, 180.0) - stats.norm.cdf(bounds[:, 1], y, 180.0)
    exact = 1e-4 * (1 - np.exp(-3.5)) * along * across
    np.testing.assert_allclose(got, exact, rtol=2e-3, atol=1e-9)
