import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import mean_poisson_deviance

from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.forecaster import NotFittedError
from ilp_models.domain.history import History
from ilp_models.domain.panel import Panel
from ilp_models.grid.square import SquareGrid
from ilp_models.model.true_intensity import TrueIntensity

WEEKS = Calendar()
CITY = SimulatedCity(
    seed=2, lattice_m=250, weeks=140, crime_types={"a": SimulatedType(yearly=8000), "b": SimulatedType(yearly=3000)}
)


@pytest.fixture(scope="module")
def records():
    events = CITY.read()
    grid = SquareGrid(500).build(events)
    return events, grid, Panel.count(events, grid, WEEKS)


def test_the_truth_scores_better_than_means_of_the_past(records):
    events, grid, full = records
    truth, mean, observed = [], [], []
    for week in range(60, 140, 2):
        history = History.from_events(full.periods[week].start_time, events, grid, WEEKS)
        forecast = TrueIntensity(CITY).fit(history).predict(WEEKS.next_periods(history.cutoff, 1))
        truth.append(forecast.expected.values[..., 0])
        mean.append(history.panel.values[:, :, -52:].mean(axis=2))
        observed.append(full.values[:, :, week])
    counts, cell_means = np.ravel(observed), np.maximum(np.ravel(mean), 0.005)
    skill = 1 - mean_poisson_deviance(counts, np.ravel(truth)) / mean_poisson_deviance(counts, cell_means)
    assert 0.02 < skill < 0.2


def test_the_truth_is_a_forecaster(records):
    events, grid, _ = records
    history = History.from_events(pd.Timestamp("2020-06-01"), events, grid, WEEKS)
    forecaster = clone(TrueIntensity(CITY))
    assert forecaster.get_params() == {"city": CITY}
    with pytest.raises(NotFittedError):
        forecaster.predict(WEEKS.next_periods(history.cutoff, 1))
    forecast = forecaster.fit(history).predict(WEEKS.next_periods(history.cutoff, 3))
    assert forecast.expected.shape == (2, len(grid), 3)
    assert (forecast.expected.values > 0).all()
    assert (forecast.dispersion.values == 0).all()
    later = History.from_events(pd.Timestamp("2020-06-08"), events, grid, WEEKS)
    updated = forecaster.update(later).predict(WEEKS.next_periods(later.cutoff, 1))
    np.testing.assert_array_equal(updated.expected.values, CITY.expected(later, WEEKS.next_periods(later.cutoff, 1)))


def test_records_without_a_known_truth_are_refused(records):
    events, grid, _ = records
    history = History.from_events(pd.Timestamp("2020-06-01"), events, grid, WEEKS)
    with pytest.raises(InputError, match="data=simulated"):
        TrueIntensity(city=object()).fit(history)
