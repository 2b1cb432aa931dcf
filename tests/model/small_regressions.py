"""Regressions with few training periods, the simulated history that they are fitted to, and their forecasts."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from ilp_models.features.calendar import TypeIndicators
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.regressions.regression import RegressionForecaster
from tests.builders import city, history_of, poisson_counts

GRID = city(4, 5)
RATES = np.random.default_rng(6).gamma(1.0, 0.5, (2, 20, 1))
FAMILIES = (TypeIndicators(), ExponentialMeans((8, 52)))
TREES = HistGradientBoostingRegressor(loss="poisson", max_iter=15, min_samples_leaf=50)


def poisson_history():
    """Return 130 weeks of Poisson counts around constant rates."""
    return history_of(poisson_counts((2, 20, 130), RATES), GRID)


def regression(regressor, features=FAMILIES, **settings):
    """Return a regression on 70 training periods, of which 13 are held out."""
    return RegressionForecaster(regressor, features, **({"train_periods": 70, "holdout": 13} | settings))


def next_weeks(forecaster, history, count=1):
    """Return the expected counts of the next weeks, shape (crime types, cells, weeks)."""
    return forecaster.predict(history.calendar.next_periods(history.cutoff, count)).expected.values
