import numpy as np
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.model.hindcast import HindcastForecaster
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.wrappers.recalibrated import Recalibrated
from tests.builders import city, history_of, poisson_counts

GRID = city(8, 9)


class GivenRates(HindcastForecaster):
    """Forecasts given rates for any history."""

    def __init__(self, rates=(0.5, 1.0)):
        self.rates = rates

    def hindcast(self, history, periods, step):  # noqa: ARG002
        rates = np.asarray(self.rates)[None, :, None]
        return np.broadcast_to(rates, (len(periods), *history.panel.by_period.shape[1:])).copy()


def ahead(forecaster, history):
    return forecaster.predict(history.calendar.next_periods(history.cutoff, 2))


def test_a_known_shift_of_level_is_recovered_for_each_type():
    rates = np.array([0.5 * 1.6, 1.0 * 0.7])[:, None, None]
    history = history_of(poisson_counts((2, 72, 90), rates), GRID)
    one = Recalibrated(GivenRates(), half_life=20.0, shrinkage=1.0).fit(history)
    np.testing.assert_allclose(one.factors_, [1.6, 0.7], rtol=0.07)
    plain, recalibrated = ahead(GivenRates().fit(history), history), ahead(one, history)
    np.testing.assert_allclose(recalibrated.expected.values, plain.expected.values * one.factors_[:, None, None])
    np.testing.assert_array_equal(recalibrated.dispersion.values, plain.dispersion.values)


def test_the_factor_by_hand():
    """Two cells, three weeks: 1, 3 and 8 events with 4 expected in each week; half-life of one week, k = 2."""
    counts = np.zeros((1, 2, 20), dtype=int)
    counts[0, 0, -3:], counts[0, 1, -3:] = [1, 1, 5], [0, 2, 3]
    one = Recalibrated(GivenRates((2.0,)), half_life=1.0, shrinkage=2.0, past_periods=3).fit(history_of(counts))
    counted, expected = 8 + 3 / 2 + 1 / 4, 4 + 4 / 2 + 4 / 4
    assert one.factors_[0] == pytest.approx((counted + 2) / (expected + 2))


def test_correct_forecasts_hardly_change():
    rates = np.array([0.5, 1.0])[:, None, None]
    history = history_of(poisson_counts((2, 72, 90), rates, seed=4), GRID)
    one = Recalibrated(GivenRates()).fit(history)
    assert np.abs(one.factors_ - 1).max() < 0.05
    assert Recalibrated(GivenRates(), shrinkage=1e9).fit(history).factors_ == pytest.approx(1.0, abs=1e-5)


def test_updates_follow_a_change_of_level_without_a_refit():
    rates = np.full((1, 72, 100), 0.5)
    rates[..., 80:] *= 2
    counts = poisson_counts(rates.shape, rates)
    one = Recalibrated(GivenRates((0.5,)), half_life=4.0).fit(history_of(counts[..., :80], GRID))
    assert one.factors_[0] == pytest.approx(1.0, abs=0.1)
    assert one.update(history_of(counts, GRID)).factors_[0] > 1.4


def test_settings_out_of_range_are_refused():
    with pytest.raises(InputError, match=r"^shrinkage=0 must be above 0\.$"):
        Recalibrated(MovingAverage(4), shrinkage=0).fit(history_of(poisson_counts((1, 4, 60))))
