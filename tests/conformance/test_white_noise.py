"""In a city of one constant rate, a method that beats this rate has used the future."""

import numpy as np
import pytest

from ilp_models.backtest.replay import BacktestData, replay
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.panel import Panel
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.stats.distributions import poisson_deviance
from tests.builders import city, events_of, layers_on, poisson_counts
from tests.conformance.configured_forecasters import MARKED, SERIES, forecaster

pytestmark = pytest.mark.slow

RATES = np.array([0.3, 0.8])[:, None, None]
PLAN = RollingOrigin(test_periods=26, horizon=2, refit_every=13)
TOLERANCE = 0.005  # of the deviance, for the random error of 26 weeks
LOWEST = {"last_period": -3.0, "seasonal_naive": -3.0}  # one count is a poor estimate of a rate


def world_of(rows, columns):
    grid = city(rows, columns)
    events = events_of(poisson_counts((2, rows * columns, 160), RATES, seed=7), grid)
    return BacktestData(events, grid, Calendar(), layers_on(grid))


@pytest.fixture(scope="module")
def world():
    return world_of(8, 9)


@pytest.fixture(scope="module")
def small_world():
    """Return a city for methods that fit each cell alone: fewer cells widen the bound, so that less is tolerated."""
    return world_of(4, 6)


def best_skill(name, one, world, folder):
    """Return the mean skill over the true rate and its upper bound, the larger of the two leads."""
    outcome = replay({name: one}, PLAN, world, folder, LocalProcesses(jobs=1))
    assert not outcome.not_run
    bounds = []
    for part in outcome.replays:
        floor = poisson_deviance(part.observed, RATES, 0.005).mean(axis=(0, 1))
        gain = (floor - poisson_deviance(part.observed, part.expected, 0.005).mean(axis=(0, 1))) / floor.mean()
        bounds.append((gain.mean(), gain.mean() + 1.65 * gain.std(ddof=1) / np.sqrt(len(gain))))
    assert len(bounds) == PLAN.horizon
    return max(bounds)


@pytest.mark.parametrize("name", MARKED)
def test_no_method_beats_the_true_rate(name, world, small_world, tmp_path):
    one = forecaster(name, n_estimators=25, min_child_samples=400)
    skill, upper = best_skill(name, one, small_world if name in SERIES else world, tmp_path)
    assert LOWEST.get(name, -0.2) < skill < 0.001
    assert upper < TOLERANCE


class Peeking(MovingAverage):
    """A mean with a share of the future counts."""

    def __init__(self, window=52, share=0.01, events=None):
        self.window = window
        self.share = share
        self.events = events

    def hindcast(self, history, periods, step):
        counts = Panel.count(self.events, history.grid, history.calendar, periods).by_period
        return (1 - self.share) * super().hindcast(history, periods, step) + self.share * counts


@pytest.mark.parametrize("share", [0.01, 0.3])
@pytest.mark.parametrize(("rows", "columns"), [(8, 9), (4, 6)])
def test_a_use_of_the_future_shows(rows, columns, share, tmp_path):
    world = world_of(rows, columns)
    skill, _ = best_skill("peeking", Peeking(150, share, world.events), world, tmp_path)
    assert skill > TOLERANCE
