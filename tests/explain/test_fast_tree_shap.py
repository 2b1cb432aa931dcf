from itertools import combinations
from math import factorial

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.explain import fast_tree_shap
from ilp_models.explain.fast_tree_shap import tree_contributions, tree_interactions, tree_interventions
from ilp_models.explain.trees import load_shap
from tests.explain.fitted_regressions import boosted


def data(rows, columns, seed=0, *, coarse=True):
    rng = np.random.default_rng(seed)
    x = rng.gamma(1.0, 1.0, (rows, columns)).astype(np.float32)
    x = np.round(x, 1) if coarse else x
    return x, rng.poisson(0.3 + x[:, 0] * (1 + x[:, -1]))


@settings(max_examples=15)
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


@settings(max_examples=15)
@given(
    seed=st.integers(0, 1000),
    leaves=st.sampled_from([2, 5, 15, 31, 127]),
    rows=st.integers(20, 400),
    columns=st.integers(1, 8),
)
def test_interactions_and_interventions_equal_those_of_shap(seed, leaves, rows, columns):
    x, y = data(rows, columns, seed, coarse=False)  # where values equal thresholds, shap is not exact
    model = boosted(trees=8, leaves=leaves).fit(x, y)
    new, background = (data(size, columns, seed + 1, coarse=False)[0].astype(np.float64) for size in (60, 25))
    path, interventional = (
        load_shap().TreeExplainer(model, data=rows_of, feature_perturbation=name)
        for rows_of, name in ((None, "tree_path_dependent"), (background, "interventional"))
    )
    assert tree_interactions(model.booster_, new) == pytest.approx(path.shap_interaction_values(new), abs=1e-9)
    got = tree_interventions(model.booster_, new, background)
    assert got == pytest.approx(interventional.shap_values(new, check_additivity=False), abs=1e-6)
    total = got.sum(axis=1) + model.booster_.predict(background, raw_score=True).mean()
    assert total == pytest.approx(model.booster_.predict(new, raw_score=True), abs=1e-12)


def test_interventions_are_the_shapley_values_of_replaced_columns():
    x, y = data(300, 4)
    model = boosted(trees=6, leaves=9).fit(x, y)
    new, background = data(5, 4, 1)[0], data(7, 4, 2)[0]

    def worth(row, known):
        mixed = background.copy()
        mixed[:, known] = row[known]
        return model.booster_.predict(mixed, raw_score=True).mean()

    for row, got in zip(new, tree_interventions(model.booster_, new, background), strict=True):
        for column in range(4):
            others = [other for other in range(4) if other != column]
            want = sum(
                factorial(size)
                * factorial(3 - size)
                / factorial(4)
                * (worth(row, [*known, column]) - worth(row, list(known)))
                for size in range(4)
                for known in combinations(others, size)
            )
            assert got[column] == pytest.approx(want, abs=1e-12)


def test_interactions_are_symmetric_and_add_up_to_the_contributions():
    x, y = data(400, 5)
    booster = boosted().fit(x, y).booster_
    pairs = tree_interactions(booster, x)
    assert pairs.sum(axis=2) == pytest.approx(booster.predict(x, pred_contrib=True)[:, :-1], abs=1e-12)
    assert pairs == pytest.approx(pairs.transpose(0, 2, 1), abs=1e-12)


def spoiled(x):
    x = x.copy()
    x[::7, 0] = np.nan
    return x


@pytest.mark.parametrize(
    ("settings_of", "change"),
    [
        ({}, spoiled),
        ({"zero_as_missing": True}, np.array),
        ({"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}, np.array),
        ({"linear_tree": True}, np.array),
    ],
)
def test_trees_that_are_no_sums_of_plain_splits_are_left_to_the_library(settings_of, change):
    x, y = data(300, 4)
    x[x < 0.4] = 0
    booster = boosted(**settings_of).fit(change(x), y).booster_
    assert tree_interactions(booster, change(x)) is None
    assert tree_interventions(booster, x, change(x)) is None


def test_blocks_of_rows_and_leaves_do_not_change_the_values(monkeypatch):
    x, y = data(400, 6)
    booster = boosted(leaves=31).fit(x, y).booster_
    want = tree_interactions(booster, x), tree_interventions(booster, x, x[:30])
    monkeypatch.setattr(fast_tree_shap, "_ROWS", 7)
    monkeypatch.setattr(fast_tree_shap, "_NUMBERS", 200)
    got = tree_interactions(booster, x), tree_interventions(booster, x, x[:30])
    assert got[0] == pytest.approx(want[0], abs=1e-13)
    assert got[1] == pytest.approx(want[1], abs=1e-13)


def test_no_rows_have_no_values():
    x, y = data(200, 3)
    booster = boosted().fit(x, y).booster_
    assert tree_interactions(booster, x[:0]).shape == (0, 3, 3)
    assert tree_interventions(booster, x[:0], x).shape == (0, 3)


def test_trees_of_several_classes_are_left_to_the_library():
    x, y = data(200, 3)
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(x, np.minimum(y, 2))
    assert tree_interactions(model.booster_, x) is None


def test_trees_without_splits_attribute_nothing():
    x, y = data(10, 3)
    flat = lightgbm.LGBMRegressor(objective="poisson", n_estimators=3, verbose=-1, n_jobs=1).fit(x, y)
    assert tree_interactions(flat.booster_, x).shape == (10, 3, 3)
    assert not tree_interactions(flat.booster_, x).any()
    assert not tree_interventions(flat.booster_, x, x).any()


def test_a_dart_booster_and_early_stopping_limit_what_is_explained():
    x, y = data(600, 4)
    for booster in (boosted(trees=30).fit(x, y).booster_, boosted(boosting_type="dart").fit(x, y).booster_):
        booster.best_iteration = 7  # as after early stopping
        raw = booster.predict(x, raw_score=True)
        phi = tree_interventions(booster, x, x[:40])
        assert phi.sum(axis=1) + raw[:40].mean() == pytest.approx(raw, abs=1e-9)
        pairs = tree_interactions(booster, x)
        assert pairs.sum(axis=2) == pytest.approx(booster.predict(x, pred_contrib=True)[:, :-1], abs=1e-9)
