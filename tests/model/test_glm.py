import numpy as np
import pytest
from sklearn.linear_model import PoissonRegressor
from sklearn.neighbors import KNeighborsRegressor
from statsmodels.discrete.discrete_model import NegativeBinomial
from statsmodels.genmod.families import NegativeBinomial as NegativeBinomialFamily
from statsmodels.genmod.generalized_linear_model import GLM

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.features.calendar import TypeIndicators
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.regressions.glm import NegativeBinomialRegressor
from ilp_models.model.regressions.regression import RegressionForecaster
from tests.builders import city, history_of, poisson_counts

TRUTH = np.array([0.2, 0.5, -0.3])


def poisson(**settings):
    return PoissonRegressor(alpha=0, fit_intercept=False, solver="newton-cholesky", tol=1e-8, **settings)


def rows(dispersion, size=20_000, seed=0):
    """Return columns, exposures and counts of a known regression."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(size), rng.normal(0, 1, (size, 2))])
    exposure = rng.uniform(0.2, 3.0, size)
    mean = exposure * np.exp(x @ TRUTH)
    unseen = rng.gamma(1 / dispersion, dispersion, size) if dispersion else 1.0
    return x, exposure, rng.poisson(mean * unseen)


def test_known_coefficients_and_dispersion_are_recovered():
    x, exposure, y = rows(0.8, 100_000)
    fitted = NegativeBinomialRegressor(poisson()).fit(x, y / exposure, sample_weight=exposure)
    np.testing.assert_allclose(fitted.regressor_.coef_, TRUTH, atol=0.02)
    assert fitted.dispersion_ == pytest.approx(0.8, rel=0.04)


@pytest.mark.parametrize("dispersion", [0.3, 2.0])
def test_the_fit_equals_the_maximum_likelihood_of_statsmodels(dispersion):
    x, exposure, y = rows(dispersion)
    fitted = NegativeBinomialRegressor(poisson()).fit(x, y / exposure, sample_weight=exposure)
    oracle = NegativeBinomial(y, x, exposure=exposure).fit(disp=0, start_params=[*TRUTH, dispersion])
    assert oracle.mle_retvals["converged"]
    np.testing.assert_allclose(fitted.regressor_.coef_, oracle.params[:3], atol=2e-4)
    assert fitted.dispersion_ == pytest.approx(oracle.params[3], rel=2e-3)


def test_without_weights_the_fit_equals_the_glm_of_statsmodels():
    x, _, y = rows(1.0)
    fitted = NegativeBinomialRegressor(poisson(warm_start=True)).fit(x, y)
    oracle = GLM(y, x, family=NegativeBinomialFamily(alpha=fitted.dispersion_)).fit()
    np.testing.assert_allclose(fitted.regressor_.coef_, oracle.params, atol=2e-4)
    np.testing.assert_allclose(fitted.predict(x[:50]), oracle.predict(x[:50]), rtol=1e-3)


def test_counts_no_more_variable_than_poisson_give_the_poisson_regression():
    x, _, _ = rows(0.0, 3000)
    y = np.round(np.exp(x @ TRUTH))
    fitted = NegativeBinomialRegressor(poisson()).fit(x, y)
    assert fitted.dispersion_ == 0
    np.testing.assert_array_equal(fitted.regressor_.coef_, poisson().fit(x, y).coef_)


def test_unusable_settings_and_fits_without_convergence_are_reported_in_one_line():
    x, _, y = rows(1.0, 500)
    for unusable in (
        NegativeBinomialRegressor(KNeighborsRegressor()),
        NegativeBinomialRegressor(poisson(), max_rounds=0),
    ):
        with pytest.raises(InputError, match="needs a regressor with sample_weight"):
            unusable.fit(x, y)
    with pytest.raises(NotRunError, match="did not converge in 1 rounds"):
        NegativeBinomialRegressor(poisson(), max_rounds=1).fit(x, y)


def test_an_offset_is_an_exposure_of_the_regressor():
    rates = np.random.default_rng(1).gamma(1.0, 1.0, (2, 20, 130))
    history = history_of(poisson_counts((2, 20, 130), rates), city(4, 5))
    families = (TypeIndicators(), ExponentialMeans((8, 52)))
    regressor = NegativeBinomialRegressor(poisson())
    forecaster = RegressionForecaster(
        regressor, families, MovingAverage(26), match_city_total=False, train_periods=70, holdout=13
    )
    fitted = forecaster.fit(history).estimator_
    design = forecaster._design(history, history.panel.periods[-70:], 1)
    counts = history.panel.by_period[-70:].ravel()
    family = NegativeBinomialFamily(alpha=fitted.dispersion_)
    oracle = GLM(counts, design.values.astype(float), family=family, offset=design.log_offset).fit()
    np.testing.assert_allclose(fitted.regressor_.coef_, oracle.params, atol=1e-3)
