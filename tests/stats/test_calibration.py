import numpy as np
import pytest
from sklearn.linear_model import PoissonRegressor

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.calibration import calibration_line


def counts(seed=0, cells=60, periods=40):
    generator = np.random.default_rng(seed)
    expected = generator.gamma(1.0, 1.0, (cells, 1)) * generator.uniform(0.5, 2.0, (1, periods)) + 0.01
    return generator.poisson(1.3 * expected**0.8), expected, generator.uniform(0.1, 1.0, (cells, 1))


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.7, 0.2), (1.6, -1.0)])
def test_exact_line_is_recovered(slope, intercept):
    expected = np.geomspace(0.01, 30, 24).reshape(6, 4)
    line = calibration_line(np.exp(intercept) * expected**slope, expected)
    assert (line.slope, line.intercept) == pytest.approx((slope, intercept), abs=1e-6)


def test_weighted_fits_agree_with_an_independent_regression():
    observed, expected, weight = counts()
    line = calibration_line(observed, expected, weight)
    weights = np.broadcast_to(weight, observed.shape).ravel()
    oracle = PoissonRegressor(alpha=0, tol=1e-10, max_iter=1000)
    oracle.fit(np.log(expected).reshape(-1, 1), observed.ravel(), sample_weight=weights)
    assert (line.slope, line.intercept) == pytest.approx((oracle.coef_[0], oracle.intercept_), abs=1e-5)


def test_useless_forecast_has_slope_zero_and_a_reversed_one_less():
    expected = np.array([[0.1], [1.0], [10.0]])
    assert calibration_line(np.full((3, 1), 2.0), expected).slope == pytest.approx(0.0, abs=1e-6)
    assert calibration_line(np.array([[9.0], [3.0], [1.0]]), expected).slope < -0.4


def test_small_forecasts_are_raised_to_the_floor():
    observed = np.array([[0.0, 1.0], [5.0, 4.0]])
    floored = calibration_line(observed, np.array([[0.1, 0.1], [4.0, 5.0]]), floor=0.1)
    assert calibration_line(observed, np.array([[0.0, 1e-9], [4.0, 5.0]]), floor=0.1).slope == floored.slope


def test_intervals_equal_refits_on_resampled_periods():
    observed, expected, _ = counts()
    resampling = Bootstrap(draws=300)
    slope, intercept = calibration_line(observed, expected).intervals(resampling)
    again = [calibration_line(observed, expected, weights) for weights in resampling.weights(observed.shape[1])]
    for found, name in ((slope, "slope"), (intercept, "intercept")):
        ends = resampling.interval(np.array([getattr(line, name) for line in again]), observed.shape[1])
        assert found == pytest.approx(ends, abs=0.1 * (ends[1] - ends[0]))


def test_few_periods_have_no_interval():
    observed, expected, _ = counts(periods=11)
    assert np.isnan(calibration_line(observed, expected).intervals(Bootstrap(block=4))).all()


@pytest.mark.parametrize(
    ("observed", "expected"),
    [(np.zeros((2, 2)), np.array([[1.0, 2.0], [3.0, 4.0]])), (np.ones((2, 2)), np.ones((2, 2)))],
)
def test_no_line_without_events_or_varying_forecasts(observed, expected):
    with pytest.raises(NotRunError, match="needs events and forecasts that differ"):
        calibration_line(observed, expected)


@pytest.mark.parametrize("wrong", [np.array([[np.nan, 1.0]]), np.array([[-1.0, 1.0]]), np.ones((1, 3))])
def test_wrong_forecasts_are_refused(wrong):
    with pytest.raises(InputError, match=r"Pass arrays of one shape|Calibration needs"):
        calibration_line(np.ones((1, 2)), wrong)
