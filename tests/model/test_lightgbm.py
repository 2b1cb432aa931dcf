import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from ilp_models.features.calendar import TypeIndicators
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.level_share import LevelShare
from ilp_models.model.lightgbm import LightGbm
from ilp_models.model.moving_average import MovingAverage
from ilp_models.model.regression import RegressionForecaster
from tests.builders import city, history_of, poisson_counts

FAMILIES = (TypeIndicators(), ExponentialMeans((4, 16, 64)), ExponentialMeans((16,), reach=1.0))
GRID = city(6, 10)
SMALL = {"n_estimators": 15, "min_child_samples": 60, "train_periods": 60, "holdout": 8}


@pytest.fixture(scope="module")
def history():
    rates = np.random.default_rng(6).gamma(1.0, 0.5, (2, 60, 1))
    return history_of(poisson_counts((2, 60, 120), rates), GRID)


def next_week(forecaster, history, ahead=1):
    return forecaster.predict(history.calendar.ahead(history.cutoff, ahead))


def test_the_same_bits_with_one_and_two_threads(history):
    """The setting n_jobs=0 takes the threads that OpenMP is given, so these two fits do differ in threads."""
    forecasts, texts = [], []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="openmp"):
            fitted = LightGbm(FAMILIES, LevelShare(), **SMALL).fit(history)
            forecasts.append(next_week(fitted, history).digest())
            texts.append(fitted.texts())
    assert forecasts[0] == forecasts[1]
    assert texts[0] == texts[1]


def test_the_text_of_each_lead_loads_in_lightgbm_and_forecasts_the_same(history):
    fitted = LightGbm(FAMILIES, MovingAverage(26), keep_level=False, leads=2, **SMALL).fit(history)
    texts = fitted.texts()
    assert sorted(texts) == ["lead-1.txt", "lead-2.txt"]
    assert texts["lead-1.txt"] != texts["lead-2.txt"]
    expected = next_week(fitted, history, 2).expected.values
    for lead, period in enumerate(history.calendar.ahead(history.cutoff, 2)):
        design = fitted.design(pd.PeriodIndex([period]))
        loaded = lightgbm.Booster(model_str=texts[f"lead-{lead + 1}.txt"])
        rate = loaded.predict(design.values)
        np.testing.assert_allclose(np.exp(design.log_offset) * rate, expected[..., lead].ravel(), rtol=1e-12)


def test_it_is_the_regression_forecaster_with_lightgbm_as_its_learner(history):
    settings = {"features": FAMILIES, "offset": MovingAverage(26), "train_periods": 60, "holdout": 8}
    fitted = LightGbm(**settings, n_estimators=15, min_child_samples=60).fit(history)
    other = RegressionForecaster(clone(fitted.estimator_), **settings).fit(history)
    np.testing.assert_array_equal(next_week(fitted, history).expected.values, next_week(other, history).expected.values)


@pytest.mark.parametrize(
    ("setting", "name", "value"),
    [
        ("num_leaves", "num_leaves", 5),
        ("n_estimators", "num_iterations", 7),
        ("learning_rate", "learning_rate", 0.3),
        ("min_child_samples", "min_data_in_leaf", 99),
        ("feature_fraction", "feature_fraction", 0.5),
        ("reg_lambda", "lambda_l2", 3),
        ("max_bin", "max_bin", 31),
        ("seed", "seed", 11),
    ],
)
def test_each_setting_reaches_lightgbm(setting, name, value, history):
    fitted = LightGbm(FAMILIES, **(SMALL | {setting: value})).fit(history)
    assert f"[{name}: {value}]" in fitted.texts()["lead-1.txt"]
    assert "[objective: poisson]" in fitted.texts()["lead-1.txt"]


def test_places_are_told_apart_only_by_what_the_past_shows(history):
    """A hot cell stays hot, and risk moves from cold to hot cells where the offset knows no places at all."""
    fitted = LightGbm(FAMILIES, LevelShare(half_life=1e6, mix=1.0, smoothing=1.0, reach=9.0), **SMALL).fit(history)
    expected = next_week(fitted, history).expected.values[..., 0]
    truth = np.random.default_rng(6).gamma(1.0, 0.5, (2, 60, 1))[..., 0]
    for kind in range(2):
        assert np.corrcoef(expected[kind], truth[kind])[0, 1] > 0.7


def test_another_seed_draws_other_columns(history):
    one, two = (LightGbm(FAMILIES, feature_fraction=0.4, seed=seed, **SMALL).fit(history) for seed in (0, 1))
    assert next_week(one, history).digest() != next_week(two, history).digest()
