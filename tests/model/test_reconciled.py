from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.sparse import csr_matrix

from ilp_models.domain.aggregate import area_levels
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.model.hindcast import HindcastForecaster
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.wrappers.reconciled import COVARIANCES, Reconciled, reconcile
from tests.builders import city, history_of, poisson_counts

GRID = city(3, 4)
RATES = np.random.default_rng(3).gamma(1.0, 0.6, (2, 12, 1))
CITY_OF_TWO = csr_matrix(np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]))
NESTED = csr_matrix(np.vstack((np.ones(6), np.repeat([[1, 0], [0, 1]], 3, axis=1), np.eye(6))))


@pytest.fixture(scope="module")
def history():
    return history_of(poisson_counts((2, 12, 90), RATES), GRID)


def ahead(forecaster, history, leads=2):
    return forecaster.predict(history.calendar.next_periods(history.cutoff, leads))


def test_two_cells_and_their_city_by_hand():
    """The gap of the city, 10 - 6, is divided by variances: 2 / 8 to the first cell and 5 / 8 to the second."""
    errors = np.sqrt([[1.0], [2.0], [5.0]])
    cells = reconcile(CITY_OF_TWO, np.array([[10.0], [4.0], [2.0]]), errors, "error_variance")
    np.testing.assert_allclose(cells[:, 0], [4 + 4 * 2 / 8, 2 + 4 * 5 / 8], rtol=1e-6)


def test_no_cell_goes_below_zero_by_hand():
    """Unrestricted, the first cell would be 0.1 - 3.1 * 10 / 12; at 0, the other is between 5 and the city's 2."""
    forecasts, errors = np.array([[2.0, 5.1], [0.1, 0.1], [5.0, 5.0]]), np.sqrt([[1.0], [10.0], [1.0]])
    cells = reconcile(CITY_OF_TWO, forecasts, errors, "error_variance")
    np.testing.assert_allclose(cells[:, 0], [0.0, 3.5], atol=1e-5)
    np.testing.assert_allclose(cells[:, 1], [0.1, 5.0], rtol=1e-9)  # the next period agrees without changes


counts = arrays.arrays(float, (9, 2), elements=st.floats(1.0, 50.0))
spreads = arrays.arrays(float, (9, 5), elements=st.floats(-3.0, 3.0)).map(lambda drawn: drawn + np.eye(9, 5) + 0.5)


@settings(max_examples=40)
@given(counts, spreads)
def test_the_solution_equals_the_formula(forecasts, errors):
    summing, weights = NESTED.toarray(), np.diag(1 / (np.square(errors).mean(axis=1) + 1e-6))
    errors = np.sqrt(1 / np.diag(weights))[:, None]
    formula = np.linalg.solve(summing.T @ weights @ summing, summing.T @ weights @ forecasts)
    cells = reconcile(NESTED, forecasts, errors, "error_variance")
    free = (formula >= 0).all(axis=0)
    np.testing.assert_allclose(cells[:, free], formula[:, free], rtol=1e-3, atol=1e-3)
    assert (cells >= 0).all()


@settings(max_examples=25)
@given(arrays.arrays(float, (6, 2), elements=st.floats(0.01, 20.0)), st.sampled_from(COVARIANCES[1:]))
def test_forecasts_that_agree_do_not_change(cells, covariance):
    errors = np.random.default_rng(0).normal(size=(9, 30))
    np.testing.assert_allclose(reconcile(NESTED, NESTED @ cells, errors, covariance), cells, rtol=1e-6, atol=1e-6)


def test_correlated_errors_are_taken_into_account():
    """The errors of the second district equal those of the city, so that it takes the whole gap of the city."""
    generator = np.random.default_rng(1)
    shock = generator.normal(size=200) * 3
    errors = generator.normal(size=(9, 200)) * 0.5
    errors[3:6] += 0.1 * generator.normal(size=200)
    errors[6:] += shock / 3
    errors[:3] = NESTED[:3] @ errors[3:]
    forecasts = NESTED @ np.full((6, 1), 5.0)
    forecasts[0] += 6.0
    cells = reconcile(NESTED, forecasts, errors + generator.normal(size=(9, 200)) * 0.05, "shrunk")
    assert cells[3:].sum() - 15 > 5 * (cells[:3].sum() - 15)


def test_unsolvable_reconciliations_are_not_run():
    with pytest.raises(NotRunError, match=r"^1 past periods are too few to reconcile forecasts\. Set covariance="):
        reconcile(CITY_OF_TWO, np.ones((3, 1)), np.ones((3, 1)), "shrunk")
    with pytest.raises(NotRunError, match=r"^Forecasts cannot be reconciled: .* Set covariance=expected_count"):
        reconcile(CITY_OF_TWO, np.ones((3, 1)), np.array([[1.0, -1.0]] * 3), "shrunk")


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_methods_that_add_up_do_not_change(covariance, history):
    one = Reconciled(MovingAverage(20), MovingAverage(20), covariance).fit(history)
    plain = ahead(MovingAverage(20).fit(history), history)
    forecast = ahead(one, history)
    np.testing.assert_allclose(forecast.expected.values, plain.expected.values, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(forecast.dispersion.values, plain.dispersion.values)


class Share(HindcastForecaster):
    """A part of the long mean: too low in all cells."""

    def __init__(self, part=0.5):
        self.part = part

    def hindcast(self, history, periods, step):
        return self.part * MovingAverage(60).hindcast(history, periods, step)


@pytest.mark.slow
def test_low_cells_are_raised_towards_their_areas(history):
    totals = ahead(MovingAverage(60).fit(history), history).expected.sum("cell").values
    low, reconciled = (ahead(one.fit(history), history) for one in (Share(), Reconciled(Share(), MovingAverage(60))))
    assert low.expected.sum("cell").values == pytest.approx(totals / 2)
    raised = reconciled.expected.sum("cell").values
    assert (raised > 0.7 * totals).all()
    assert (raised < 1.01 * totals).all()
    added = reconciled.expected.values[..., 0] - low.expected.values[..., 0]
    typical = (
        Reconciled(Share(), MovingAverage(60)).fit(history).performances_[-1].settled(history).expected.mean(axis=0)
    )
    west = np.array([label == "West" for label in GRID.parents["neighbourhood"]])
    for part in (west, ~west):  # inside a district, cells move as much as they usually expect
        shares = added[:, part] / added[:, part].sum(axis=1, keepdims=True)
        np.testing.assert_allclose(shares, typical[:, part] / typical[:, part].sum(axis=1, keepdims=True), atol=1e-4)


def test_without_parent_areas_city_and_cells_agree():
    grid = replace(GRID, parents=pd.DataFrame())
    history = history_of(poisson_counts((2, 12, 90), RATES), grid)
    one = Reconciled(Share(), MovingAverage(60)).fit(history)
    assert len(one.performances_) == 2
    assert ahead(one, history).expected.values.sum() > 1.3 * ahead(Share().fit(history), history).expected.values.sum()


@pytest.mark.slow
def test_each_level_is_forecast_on_its_own_counts(history):
    one = Reconciled(MovingAverage(20), MovingAverage(30)).fit(history)
    levels = area_levels(GRID)
    for level, record in zip(levels, one.performances_, strict=False):
        known = record.forecaster.history_
        np.testing.assert_array_equal(known.panel.values, level.sums(history.panel.values))
        assert known.grid.cells.tolist() == level.areas.tolist()
    assert isinstance(one.performances_[-1].forecaster, MovingAverage)
    assert [record.forecaster.window for record in one.performances_] == [30, 30, 20]


def test_settings_out_of_range_are_refused(history):
    message = r"^covariance='guess' is unknown; choose one of expected_count, error_variance, shrunk\.$"
    with pytest.raises(InputError, match=message):
        Reconciled(MovingAverage(4), MovingAverage(4), "guess").fit(history)
