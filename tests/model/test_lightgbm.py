import weakref
from dataclasses import replace

import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from ilp_models.domain.errors import InputError
from ilp_models.domain.history import History
from ilp_models.features.calendar import CalendarColumns, TypeIndicators
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.regressions.design_matrix import DesignMatrix
from ilp_models.model.regressions.lightgbm import BinnedRegressor, LightGBM
from ilp_models.model.regressions.regression import RegressionForecaster
from tests.builders import city, history_of, poisson_counts

FAMILIES = (TypeIndicators(), ExponentialMeans((4, 16, 64)), ExponentialMeans((16,), reach_cells=1.0))
GRID = city(6, 10)
SMALL = {"n_estimators": 15, "min_child_samples": 60, "train_periods": 60, "holdout": 8}


@pytest.fixture(scope="module")
def history():
    rates = np.random.default_rng(6).gamma(1.0, 0.5, (2, 60, 1))
    return history_of(poisson_counts((2, 60, 120), rates), GRID)


def next_week(forecaster, history, ahead=1):
    return forecaster.predict(history.calendar.next_periods(history.cutoff, ahead))


def test_the_same_bits_with_one_and_two_threads(history):
    """n_jobs=0 uses the threads that OpenMP allows, so that these two fits use different numbers of threads."""
    forecasts, texts = [], []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="openmp"):
            fitted = LightGBM(FAMILIES, LevelShare(), **SMALL).fit(history)
            forecasts.append(next_week(fitted, history).digest())
            texts.append(fitted.texts())
    assert forecasts[0] == forecasts[1]
    assert texts[0] == texts[1]


def test_the_text_of_each_lead_loads_in_lightgbm_and_forecasts_the_same(history):
    fitted = LightGBM(FAMILIES, MovingAverage(26), match_city_total=False, leads=2, **SMALL).fit(history)
    texts = fitted.texts()
    assert sorted(texts) == ["lead-1.txt", "lead-2.txt"]
    assert texts["lead-1.txt"] != texts["lead-2.txt"]
    expected = next_week(fitted, history, 2).expected.values
    for lead, period in enumerate(history.calendar.next_periods(history.cutoff, 2)):
        design = fitted.design(pd.PeriodIndex([period]))
        loaded = lightgbm.Booster(model_str=texts[f"lead-{lead + 1}.txt"])
        rate = loaded.predict(design.values)
        np.testing.assert_allclose(np.exp(design.log_offset) * rate, expected[..., lead].ravel(), rtol=1e-12)


def test_it_equals_the_regression_forecaster_with_the_same_learner(history):
    settings = {"features": FAMILIES, "offset": MovingAverage(26), "train_periods": 60, "holdout": 8}
    fitted = LightGBM(**settings, n_estimators=15, min_child_samples=60).fit(history)
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
        ("bagging_fraction", "bagging_fraction", 0.5),
        ("reg_lambda", "lambda_l2", 3),
        ("max_bin", "max_bin", 31),
        ("seed", "seed", 11),
    ],
)
def test_each_setting_reaches_lightgbm(setting, name, value, history):
    fitted = LightGBM(FAMILIES, None, **(SMALL | {setting: value})).fit(history)
    assert f"[{name}: {value}]" in fitted.texts()["lead-1.txt"]
    assert "[objective: poisson]" in fitted.texts()["lead-1.txt"]


def test_places_differ_only_by_their_past(history):
    """A hot cell stays hot, and risk moves from cold to hot cells with an offset that is equal in all cells."""
    fitted = LightGBM(FAMILIES, LevelShare(half_life=1e6, mix=1.0, smoothing=1.0, reach_cells=9.0), **SMALL).fit(
        history
    )
    expected = next_week(fitted, history).expected.values[..., 0]
    truth = np.random.default_rng(6).gamma(1.0, 0.5, (2, 60, 1))[..., 0]
    for kind in range(2):
        assert np.corrcoef(expected[kind], truth[kind])[0, 1] > 0.7


def test_another_seed_draws_other_columns(history):
    settings = SMALL | {"feature_fraction": 0.4, "bagging_fraction": 1}
    one, two = (LightGBM(FAMILIES, None, seed=seed, **settings).fit(history) for seed in (0, 1))
    assert next_week(one, history).digest() != next_week(two, history).digest()


def test_another_seed_draws_other_rows_for_each_tree(history):
    settings = SMALL | {"feature_fraction": 1, "bagging_fraction": 0.4}
    one, two = (LightGBM(FAMILIES, None, seed=seed, **settings).fit(history) for seed in (0, 1))
    assert next_week(one, history).digest() != next_week(two, history).digest()


def test_a_tweedie_fit_with_an_offset_equals_one_with_a_fixed_term(history):
    """The deviance of a count y around an offset o is o^(2 - p) times that of y / o."""
    power = 1.4
    settings = SMALL | {"match_city_total": False, "variance_power": power, "bagging_fraction": 1}
    fitted = LightGBM(FAMILIES, MovingAverage(26), **settings).fit(history)
    assert "[objective: tweedie]" in fitted.texts()["lead-1.txt"]
    assert f"[tweedie_variance_power: {power}]" in fitted.texts()["lead-1.txt"]
    design = fitted._design(history, history.panel.periods[-60:], 1)
    start, counts = np.exp(design.log_offset), history.panel.by_period[-60:].ravel()
    learner = clone(fitted.estimator_)
    oracle = learner.fit(design.values, counts / start, sample_weight=start ** (2 - power))
    ahead = fitted.design(history.calendar.next_periods(history.cutoff, 1))
    expected = next_week(fitted, history).expected.values.ravel()
    np.testing.assert_allclose(np.exp(ahead.log_offset) * oracle.predict(ahead.values), expected, rtol=1e-3)
    y, o, m = 3.0, 0.7, 1.2

    def deviance(y, m):
        return 2 * (
            y ** (2 - power) / ((1 - power) * (2 - power))
            - y * m ** (1 - power) / (1 - power)
            + m ** (2 - power) / (2 - power)
        )

    assert deviance(y, o * m) == pytest.approx(o ** (2 - power) * deviance(y / o, m))


@pytest.mark.parametrize("power", [0.9, 2.0])
def test_powers_that_are_neither_poisson_nor_tweedie_are_refused(power, history):
    with pytest.raises(InputError, match=rf"^variance_power={power} must be 1 \(Poisson\) or between 1 and 2"):
        LightGBM(FAMILIES, None, variance_power=power, **SMALL).fit(history)


@pytest.mark.slow
def test_a_fit_in_two_steps_gives_the_text_of_a_fit_in_one():
    rng = np.random.default_rng(3)
    rows, counts, weight = rng.normal(size=(3000, 4)), rng.poisson(1.5, 3000), rng.uniform(0.5, 2, 3000)
    settings = {"objective": "poisson", "n_estimators": 9, "seed": 4, "deterministic": True, "verbosity": -1}
    whole = lightgbm.LGBMRegressor(**settings).fit(rows, counts, sample_weight=weight)
    split = BinnedRegressor(**settings)
    split.fit_bins(split.bins(rows, counts, weight))
    assert split.booster_.model_to_string() == whole.booster_.model_to_string()
    np.testing.assert_array_equal(split.predict(rows), whole.predict(rows))
    assert split.n_features_in_ == whole.n_features_in_ == 4
    with pytest.raises(ValueError, match="3 features"):
        split.predict(rows[:, :3])


def test_columns_and_other_bins_are_freed_before_trees_grow(history, monkeypatch):
    cubes, bins, alive = [], [], []

    def written(self, *given):
        design = DesignMatrix.write_compact(self, *given)
        cubes.extend(weakref.ref(cube if cube.base is None else cube.base) for cube in design.cubes)
        return design

    def watched(settings, rows, trees):
        bins.append(weakref.ref(rows))
        alive.append((sum(one() is not None for one in cubes), sum(one() is not None for one in bins)))
        return lightgbm.train(settings, rows, trees)

    monkeypatch.setattr(LightGBM, "_matrix", lambda self: Watched(self.features, self.rate_floor, with_offset=True))
    monkeypatch.setattr(Watched, "write_compact", written)
    monkeypatch.setattr("ilp_models.model.regressions.lightgbm.train", watched)
    LightGBM(FAMILIES, MovingAverage(26), **SMALL).fit(history)
    assert len(cubes) == 2 * (2 + 3 + 1 + 2)
    assert alive == [(0, 1), (0, 1)]


class Watched(DesignMatrix):
    """A design matrix whose columns a test can watch."""


@pytest.mark.parametrize("shuffled", [False, True])
def test_columns_give_the_trees_of_rows(shuffled, history, monkeypatch):
    if shuffled:
        order = np.random.default_rng(4).permutation(60)
        names = {name: getattr(GRID, name)[order] for name in ("cells", "geometry", "locator_cells")}
        near, areas = GRID.neighbours[order][:, order].tocsr(), GRID.parents.iloc[order]
        grid = replace(GRID, **names, neighbours=near, parents=areas)
        history = History.from_events(history.cutoff, history.events, grid, history.calendar)
    families = (*FAMILIES, ExponentialMeans((8,), all_types=True), CalendarColumns())
    model = LightGBM(families, LevelShare(), leads=2, **SMALL)
    columns = clone(model).fit(history)
    monkeypatch.setattr(LightGBM, "_reads_columns", False)
    monkeypatch.setattr(LightGBM, "_column_fits", None)
    rows = clone(model).fit(history)
    assert columns.texts() == rows.texts()
    np.testing.assert_array_equal(columns.dispersion_, rows.dispersion_)
    assert next_week(columns, history, 2).digest() == next_week(rows, history, 2).digest()
