import numpy as np
import pandas as pd
import pytest

from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.true_intensity import TrueIntensity
from tests.builders import city, events_of, layers_on, poisson_counts
from tests.conformance.configured_forecasters import MARKED, NAMES, forecaster
from tests.conformance.forecaster_checks import (
    CHECKS,
    ConformanceCase,
    a_type_without_events_gets_a_forecast,
    check_forecaster,
    too_short_a_past_is_not_run,
)

WEEKS, CUTOFF_WEEK = 116, 110


@pytest.fixture(scope="module")
def case():
    grid = city(3, 4)
    rate = np.random.default_rng(5).gamma(1.0, 0.6, (2, 12, 1))
    counts = poisson_counts((2, 12, WEEKS), rate)
    events = events_of(counts, grid, delay_days=10, settles_after="7D")
    return ConformanceCase(events, grid, events.start + pd.Timedelta(weeks=CUTOFF_WEEK), layers=layers_on(grid))


def test_the_options_are_those_of_the_folder():
    assert {"ewma", "level_share", "lightgbm", "moving_average", "poisson_glm"} <= set(NAMES)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", MARKED)
def test_every_option_of_the_model_group(name, check, case):
    check(forecaster(name), case)


@pytest.fixture(scope="module")
def simulated():
    kinds = {"a": SimulatedType(yearly=1500.0), "b": SimulatedType(yearly=700.0, offspring=0.1)}
    city = SimulatedCity(size_km=4.0, districts=2, weeks=30, crime_types=kinds, reporting_delay_days=10)
    events = city.read()
    return city, ConformanceCase(events, SquareGrid(1000).build(events), events.start + pd.Timedelta(weeks=26))


LEARNS = (too_short_a_past_is_not_run, a_type_without_events_gets_a_forecast)


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in LEARNS], ids=lambda check: check.__name__)
def test_the_truth_of_a_simulated_city_is_a_forecaster(check, simulated):
    city, case = simulated
    check(TrueIntensity(city), case)


class Forgetful(MovingAverage):
    """A mean that changes the history."""

    def hindcast(self, history, periods, step):
        history.panel.counts.values[0, 0, 0] += 1
        return super().hindcast(history, periods, step)


class Wandering(MovingAverage):
    """A mean with random numbers without a seed."""

    def hindcast(self, history, periods, step):
        return super().hindcast(history, periods, step) + np.random.default_rng().uniform()


class Ordered(MovingAverage):
    """A mean that depends on the order of events."""

    def hindcast(self, history, periods, step):
        return super().hindcast(history, periods, step) + history.events.table["x"].iloc[0] / 1e6


class Naming(MovingAverage):
    """A mean that depends on the order of cells."""

    def hindcast(self, history, periods, step):
        return super().hindcast(history, periods, step) + np.arange(len(history.grid)) / 100


@pytest.mark.parametrize("broken", [Forgetful(), Wandering(), Ordered(), Naming()], ids=lambda one: type(one).__name__)
def test_a_forecaster_that_breaks_the_rules_is_caught(broken, case):
    with pytest.raises(AssertionError):
        check_forecaster(broken, case)


def test_a_correct_forecaster_passes(case):
    check_forecaster(MovingAverage(20), case)
