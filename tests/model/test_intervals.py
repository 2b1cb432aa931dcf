import numpy as np
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.model.wrappers.intervals import NegativeBinomialIntervals, RiskGroups, shrunk_dispersion
from ilp_models.stats.distributions import fit_dispersion
from tests.builders import city, history_of, poisson_counts

GRID = city(10, 10)
SPREADS = (0.3, 1.5)


@pytest.fixture(scope="module")
def history():
    """A city with a dispersion of 0.3 in its quiet half and 1.5 in its busy half."""
    generator = np.random.default_rng(1)
    rates = np.broadcast_to(np.repeat([0.4, 3.0], 50)[None, :, None], (1, 100, 130))
    spread = np.where(rates < 1, *SPREADS)
    return history_of(generator.poisson(rates * generator.gamma(1 / spread, spread)), GRID)


def ahead(forecaster, history):
    return forecaster.predict(history.calendar.next_periods(history.cutoff, 2))


def test_each_risk_group_gets_the_dispersion_it_has(history):
    one = NegativeBinomialIntervals(MovingAverage(104), groups=2, shrinkage=0).fit(history)
    np.testing.assert_allclose(one.dispersions_[0], SPREADS, rtol=0.4)
    plain = ahead(MovingAverage(104).fit(history), history)
    forecast = ahead(one, history)
    np.testing.assert_array_equal(forecast.expected.values, plain.expected.values)
    assert forecast.dispersion.dims == ("crime_type", "cell", "period")
    busy = forecast.expected.values > 1.5
    assert (forecast.dispersion.values[busy] == one.dispersions_[0, 1]).all()
    assert (forecast.dispersion.values[~busy] == one.dispersions_[0, 0]).all()


def test_one_group_without_shrinkage_has_the_dispersion_of_the_type(history):
    one = NegativeBinomialIntervals(MovingAverage(104), groups=1, shrinkage=0).fit(history)
    past = one.performance_.settled(history)
    assert one.dispersions_.shape == (1, 1)
    assert one.dispersions_[0, 0] == pytest.approx(fit_dispersion(past.observed, past.expected), rel=2e-3)


def test_strong_shrinkage_gives_all_groups_the_dispersion_of_the_type(history):
    one = NegativeBinomialIntervals(MovingAverage(104), groups=5, shrinkage=1e9).fit(history)
    past = one.performance_.settled(history)
    np.testing.assert_allclose(one.dispersions_, fit_dispersion(past.observed, past.expected), rtol=1e-3)


def test_few_units_stay_near_the_common_dispersion():
    few = shrunk_dispersion(np.array([0.0, 6.0]), np.array([1.0, 1.0]), 0.5, 5.0)
    assert 0.5 < few < 1.0
    assert shrunk_dispersion(np.array([0.0, 6.0]), np.array([1.0, 1.0]), 0.5, 0.0) > 1.5
    assert shrunk_dispersion(np.zeros(0), np.zeros(0), 0.5, 5.0) == pytest.approx(0.5, rel=1e-3)


def test_settings_out_of_range_are_refused():
    with pytest.raises(InputError, match=r"^shrinkage=-1 must be at least 0\.$"):
        NegativeBinomialIntervals(MovingAverage(4), shrinkage=-1).fit(history_of(poisson_counts((1, 4, 60))))


def test_explanations_of_the_wrapped_method_are_valid_for_the_wrapper(history):
    trees = LightGBM([ExponentialMeans((4, 16))], offset=None, n_estimators=3, min_child_samples=50, holdout=8)
    one = NegativeBinomialIntervals(trees, past_periods=4).fit(history)
    ahead = history.calendar.next_periods(history.cutoff, 1)
    np.testing.assert_array_equal(one.design(ahead).values, one.forecaster_.design(ahead).values)
    assert one.estimator_ is one.forecaster_.estimator_
    assert not hasattr(NegativeBinomialIntervals(MovingAverage(104)).fit(history), "design")


def test_groups_have_equal_size_and_equal_forecasts_share_a_group():
    expected = np.arange(1.0, 41.0).reshape(2, 1, 20)
    groups = RiskGroups.from_expected(expected, 4)
    assert np.bincount(groups.group_index(expected, 0).ravel()).tolist() == [10, 10, 10, 10]
    assert groups.group_index(np.array([0.0, 1000.0]), 0).tolist() == [0, 3]
    tied = np.array([[[0.1, 0.1, 0.1, 0.1, 0.1, 0.5, 0.7, 0.9]]])
    groups = RiskGroups.from_expected(tied, 4)
    assert len(set(groups.group_index(tied, 0).ravel()[:5])) == 1
    same = groups.group_index(tied * (1 + 1e-9), 0)
    np.testing.assert_array_equal(same, groups.group_index(tied, 0))
    with pytest.raises(InputError, match=r"groups=0 must be at least 1"):
        RiskGroups.from_expected(tied, 0)
