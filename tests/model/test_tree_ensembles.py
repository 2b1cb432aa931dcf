import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

from ilp_models.model.regressions.tree_ensembles import ExplainableBoosting, HistGradientBoosting, RandomForest
from tests.model.small_regressions import FAMILIES, next_weeks, poisson_history


@pytest.mark.parametrize(
    ("method", "kind", "settings"),
    [
        (RandomForest, RandomForestRegressor, {"n_estimators": 3, "min_samples_leaf": 7, "max_features": 0.5}),
        (RandomForest, RandomForestRegressor, {"max_samples": 0.2}),
        (HistGradientBoosting, HistGradientBoostingRegressor, {"learning_rate": 0.3, "max_iter": 4, "max_bins": 31}),
        (HistGradientBoosting, HistGradientBoostingRegressor, {"max_leaf_nodes": 5, "l2_regularization": 2.0}),
    ],
)
def test_each_setting_reaches_the_learner(method, kind, settings):
    made = method(**settings, seed=5)._new_regressor()
    assert isinstance(made, kind)
    assert {name: getattr(made, name) for name in settings} == settings
    assert made.random_state == 5


def test_gradient_boosting_has_a_poisson_likelihood_and_a_forest_squared_errors():
    assert HistGradientBoosting()._new_regressor().loss == "poisson"
    assert RandomForest()._new_regressor().criterion == "squared_error"


def test_explainable_boosting_has_a_poisson_objective_and_no_validation_rows():
    made = ExplainableBoosting(interactions=2, max_rounds=9)._new_regressor()
    assert (made.objective, made.validation_size) == ("poisson_deviance", 0)
    assert (made.interactions, made.max_rounds) == (2, 9)


def test_the_same_seed_gives_the_same_forest_and_another_one_another():
    history = poisson_history()
    settings = {"features": FAMILIES, "train_periods": 30, "holdout": 5, "n_estimators": 3}
    first, again, other = (next_weeks(RandomForest(**settings, seed=seed).fit(history), history) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
