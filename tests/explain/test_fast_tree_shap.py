import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.explain.fast_tree_shap import tree_contributions
from ilp_models.explain.trees import load_shap
from tests.explain.fitted_regressions import boosted


def data(rows, columns, seed=0, *, coarse=True):
    rng = np.random.default_rng(seed)
    x = rng.gamma(1.0, 1.0, (rows, columns)).astype(np.float32)
    x = np.round(x, 1) if coarse else x
    return x, rng.poisson(0.3 + x[:, 0] * (1 + x[:, -1]))


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    leaves=st.sampled_from([2, 5, 15, 31, 127]),
    rows=st.integers(20, 1500),
    columns=st.integers(1, 8),
)
def test_contributions_equal_those_of_lightgbm(seed, leaves, rows, columns):
    x, y = data(rows, columns, seed)
    model = boosted(trees=8, leaves=leaves).fit(x, y)
    new = data(rows, columns, seed + 1)[0]
    want = model.predict(new, pred_contrib=True)
    assert tree_contributions(model.booster_, new) == pytest.approx(want, abs=1e-9)


def test_contributions_equal_those_of_shap_and_add_up():
    x, y = data(400, 5)
    model = boosted().fit(x, y)
    got = tree_contributions(model.booster_, x)
    explainer = load_shap().TreeExplainer(model, feature_perturbation="tree_path_dependent")
    assert got[:, :-1] == pytest.approx(explainer.shap_values(x), abs=1e-9)
    assert got.sum(axis=1) == pytest.approx(np.log(model.predict(x)), abs=1e-9)


@pytest.mark.parametrize("spoil", [np.nan, np.inf])
def test_missing_and_infinite_values_equal_lightgbm(spoil):
    x, y = data(300, 4)
    x[::7, 0] = spoil
    model = boosted().fit(x, y)
    assert tree_contributions(model.booster_, x) == pytest.approx(model.predict(x, pred_contrib=True), abs=1e-9)


@pytest.mark.parametrize(
    "settings_of",
    [
        {"zero_as_missing": True},
        {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1},
        {"boosting_type": "dart"},
    ],
)
def test_other_boosting_types_equal_lightgbm(settings_of):
    x, y = data(300, 4)
    x[x < 0.4] = 0
    model = boosted(**settings_of).fit(x, y)
    assert tree_contributions(model.booster_, x) == pytest.approx(model.predict(x, pred_contrib=True), abs=1e-9)


def test_categories_equal_lightgbm():
    x, y = data(600, 4)
    x[:, 1] = np.random.default_rng(0).integers(5, size=600)
    model = boosted().fit(x, y + 5 * (x[:, 1] == 3), categorical_feature=[1])
    assert any("==" in str(tree) for tree in model.booster_.dump_model()["tree_info"])
    assert tree_contributions(model.booster_, x) == pytest.approx(model.predict(x, pred_contrib=True), abs=1e-9)


def test_one_row_a_constant_column_and_a_stump_are_explained():
    x, y = data(200, 3)
    x[:, 2] = 1.0
    model = boosted().fit(x, y)
    assert tree_contributions(model.booster_, x[:1]) == pytest.approx(model.predict(x[:1], pred_contrib=True))
    assert (tree_contributions(model.booster_, x)[:, 2] == 0).all()
    flat = lightgbm.LGBMRegressor(objective="poisson", n_estimators=3, verbose=-1, n_jobs=1).fit(x[:10], y[:10])
    assert tree_contributions(flat.booster_, x) == pytest.approx(flat.predict(x, pred_contrib=True))


def test_early_stopping_limits_the_explained_trees():
    x, y = data(600, 4)
    booster = boosted(trees=30).fit(x, y).booster_
    booster.best_iteration = 12  # as after early stopping
    assert tree_contributions(booster, x) == pytest.approx(booster.predict(x, pred_contrib=True), abs=1e-9)
    assert np.abs(booster.predict(x, pred_contrib=True, num_iteration=30) - tree_contributions(booster, x)).max() > 0.01
