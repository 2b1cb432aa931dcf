from dataclasses import replace

import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.history import History
from ilp_models.domain.recipe import describe
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.regressions.pool import PooledModel
from ilp_models.model.regressions.pooled import PooledLightGBM, fit_strength
from ilp_models.pipeline.pooled_training import train_pooled
from tests.builders import city, history_of, poisson_counts

GRID = city(4, 6)
FAMILIES = (ExponentialMeans((4, 32)), ExponentialMeans((16,), all_types=True))
SMALL = {"n_estimators": 10, "min_child_samples": 60, "holdout": 13, "adapt_trees": 5, "young_periods": 20}


def town(seed, weeks=110, start="2015-01-05"):
    rates = np.random.default_rng(seed).gamma(0.6, 0.6, (2, 24, 1))
    return history_of(poisson_counts((2, 24, weeks), rates, seed=seed), GRID, start=start)


def next_week(forecaster, history):
    return forecaster.predict(history.calendar.next_periods(history.cutoff, 1)).expected.values


@pytest.fixture(scope="module")
def history():
    return town(3, weeks=80, start="2018-01-01")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return an unfitted forecaster with a pool of two towns, whose records end before the history does."""
    one = PooledLightGBM(tmp_path_factory.mktemp("pool"), FAMILIES, **SMALL)
    train_pooled({"north": town(1), "south": town(2)}, one, compute=LocalProcesses(1))
    return one


def sorted_rows(sample):
    """Return all numbers of a sample, sorted by row."""
    rows = np.column_stack([sample.values, sample.log_offset, sample.target, sample.weight, sample.crime_type])
    return rows[np.lexsort(rows.T)]


def test_a_sample_has_features_offset_and_counts_of_the_units_that_lightgbm_would_use(model, history):
    whole = clone(model).set_params(zero_share=1.0, young_periods=0)
    sample = whole.training_sample(history, "here")
    offset = LevelShare().fit(history).hindcast(history, history.panel.periods[27:], 1)
    counts = history.panel.by_period[27:]
    found = np.column_stack([sample.crime_type, sample.values[:, 3], sample.target, np.exp(sample.log_offset)])
    length, kind = np.broadcast_arrays(np.arange(27, 80)[:, None, None], np.arange(2)[None, :, None])
    columns = [np.broadcast_to(one, counts.shape).ravel() for one in (kind, length, counts, np.maximum(offset, 1e-3))]
    oracle = np.column_stack(columns)
    np.testing.assert_allclose(found[np.lexsort(found.T)], oracle[np.lexsort(oracle.T)], rtol=1e-4)
    assert (sample.weight == 1).all()
    assert sample.columns == (
        *("mean_4", "mean_32", "all_types_mean_16", "record_length", "offset_own", "offset_all_types"),
    )
    few = clone(model).set_params(zero_share=0.25, young_periods=0).training_sample(history, "here")
    assert few.target.sum() == sample.target.sum()
    assert len(few.target) == pytest.approx((sample.target > 0).sum() + 0.25 * (sample.target == 0).sum(), abs=1)


def test_the_order_of_rows_tells_nothing_about_places(model, history):
    sample = clone(model).training_sample(history, "here")
    order = np.lexsort((*sample.values.T, sample.log_offset, sample.target, sample.weight, sample.crime_type))
    np.testing.assert_array_equal(order, np.arange(len(order)))


def test_young_records_are_those_of_a_city_that_has_just_begun(model, history):
    """The second year has 28 weeks: the records of its first 20 weeks give the same rows as if nothing came before."""
    every = clone(model).set_params(zero_share=1.0, least_periods=0)
    begin = history.panel.periods[52].start_time
    table = history.events.table
    begun = replace(history.events, table=table[table["occurred_at"] >= begin].reset_index(drop=True), start=begin)
    parts = [every.set_params(young_periods=0).training_sample(history, "here")]
    for start, events in ((history.panel.periods[0].start_time, history.events), (begin, begun)):
        young = History.from_events(start + pd.Timedelta(weeks=20), events, GRID, history.calendar)
        parts.append(every.training_sample(young, "here"))
        assert len(parts[-1].target) == 13 * 48  # a third of the records is the past of the features
    sample = every.set_params(young_periods=20).training_sample(history, "here")
    oracle = np.concatenate([sorted_rows(part) for part in parts])
    np.testing.assert_array_equal(sorted_rows(sample), oracle[np.lexsort(oracle.T)])
    assert sample.cutoff == history.cutoff


def test_without_added_trees_the_forecast_is_the_local_offset_times_the_pooled_factor(model, history):
    fitted = clone(model).set_params(adapt_trees=0, match_city_total=False).fit(history)
    design = fitted.design(history.calendar.next_periods(history.cutoff, 1))
    trees = lightgbm.Booster(model_str=fitted.pooled_.trees[0])
    expected = np.exp(design.log_offset) * trees.predict(design.values)
    np.testing.assert_allclose(next_week(fitted, history).ravel(), expected, rtol=1e-9)
    start = LevelShare().fit(history).hindcast(history, history.calendar.next_periods(history.cutoff, 1), 1)
    np.testing.assert_allclose(np.exp(design.log_offset), np.maximum(start, 1e-3).ravel(), rtol=1e-9)
    scaled = next_week(clone(model).set_params(adapt_trees=0).fit(history), history)
    np.testing.assert_allclose(scaled.sum(axis=1).ravel(), start.sum(axis=2).ravel(), rtol=1e-6)


def test_added_trees_follow_the_pooled_ones_at_their_local_strength(model, history):
    fitted = clone(model).fit(history)
    assert fitted.estimator_.booster_.num_trees() == 15
    found = fitted.estimator_.booster_.trees_to_dataframe().query("tree_index < 10 and left_child.isna()")["value"]
    pooled = (
        lightgbm.Booster(model_str=fitted.pooled_.trees[0]).trees_to_dataframe().query("left_child.isna()")["value"]
    )
    strength = found.to_numpy() / pooled.to_numpy()
    assert 0 < strength[0] < 1
    np.testing.assert_allclose(strength, strength[0], rtol=1e-9)


def test_a_large_prior_keeps_added_trees_from_changing_the_forecast(model, history):
    def forecast(**settings):
        return next_week(clone(model).set_params(**settings).fit(history), history)

    held = forecast(prior_events=1e9)
    changes = [np.abs(forecast(prior_events=prior) - held).max() for prior in (0.0, 1e4, 1e7)]
    assert changes[0] > 1.5 * changes[1] > 0
    assert changes[2] < 1e-4


def test_the_strength_of_a_factor_is_recovered():
    rng = np.random.default_rng(2)
    log_factor, weights = rng.normal(0, 0.8, 40_000), rng.uniform(0.5, 2, 40_000)
    for truth in (0.0, 0.35, 1.0):
        rates = rng.poisson(weights * np.exp(truth * log_factor)) / weights
        assert fit_strength(log_factor, rates, weights) == pytest.approx(truth, abs=0.02)
    assert fit_strength(log_factor, np.exp(2 * log_factor), weights) == pytest.approx(
        1, abs=1e-4
    )  # no more than pooled


def test_records_too_short_to_hold_out_use_the_pooled_trees_as_they_are(model):
    young = town(4, weeks=18, start="2019-01-07")
    fitted = clone(model).fit(young)
    assert fitted.estimator_.booster_.num_trees() == 10
    np.testing.assert_array_equal(fitted.dispersion_, LevelShare().fit(young).dispersion_)
    assert fitted.training_data()[1].shape == (11, 2, 24)


def test_a_type_that_the_pool_does_not_know_is_forecast(model, history):
    renamed = history.events.table.assign(
        crime_type=history.events.table["crime_type"].cat.rename_categories({"b": "z"})
    )
    events = replace(history.events, table=renamed)
    fitted = clone(model).fit(History.from_events(history.cutoff, events, GRID, history.calendar))
    periods = history.calendar.next_periods(history.cutoff, 1)
    indicators = fitted.design(periods).values[:, :2].reshape(2, 24, 2)
    assert (indicators[0] == [1, 0]).all()
    assert (indicators[1] == 0).all()
    assert (fitted.predict(periods).expected.values > 0).all()


def test_pools_that_do_not_fit_are_refused(model, history):
    with pytest.raises(InputError, match=r"^pool is not set\. Give the folder in which train_pooled"):
        PooledLightGBM(None, FAMILIES, **SMALL).fit(history)
    other = clone(model).set_params(features=(ExponentialMeans((4, 16)),))
    with pytest.raises(InputError, match=r"\(more: mean_16; missing: all_types_mean_16, mean_32\)"):
        other.fit(history)
    with pytest.raises(InputError, match=r"has 1 lead\(s\), not 2\. Train it with leads=2"):
        clone(model).set_params(leads=2).fit(history)
    days = history_of(poisson_counts((2, 24, 200), 0.3), GRID, unit="day")
    with pytest.raises(InputError, match=r"counts weeks, and these records are counted in days"):
        clone(model).fit(days)
    with pytest.raises(NotRunError, match=r"after the cutoff"):
        clone(model).fit(town(5, weeks=60, start="2014-01-06"))
    for name in ("adapt_trees", "prior_events", "young_periods", "least_periods"):
        with pytest.raises(InputError, match=rf"{name}=-1.* must be at least 0"):
            clone(model).set_params(**{name: -1}).fit(history)


def test_records_of_less_than_a_year_contribute_nothing(model, tmp_path):
    short = town(4, weeks=51)
    with pytest.raises(NotRunError, match=r"^new has 51 known week\(s\), and a pooled model learns from 52 or more\."):
        model.training_sample(short, "new")
    assert len(clone(model).set_params(least_periods=51).training_sample(short, "new").target)
    pooled = train_pooled(
        {"old": town(1), "new": short}, clone(model).set_params(pool=tmp_path), compute=LocalProcesses(1)
    )
    assert [head.jurisdiction for head in pooled.jurisdictions] == ["old"]
    assert pooled.left_out["new"].startswith("new has 51 known week(s)")


def test_the_two_samples_of_empty_units_have_starts_of_their_own(monkeypatch):
    starts = []
    monkeypatch.setattr(PooledModel, "fit", lambda *_, start, **__: starts.append(start))
    for seed in range(40):
        model = PooledLightGBM(seed=seed)
        model.fit_pool([], pd.Timestamp("2020-01-06"))
        starts.append(model._start())
    pairs = np.reshape(starts, (40, 2))
    assert len(np.unique(pairs)) == 80
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 0.4


def test_the_content_of_the_pool_belongs_to_the_recipe(model):
    before = describe(model)
    assert before["content"]["pool"]
    train_pooled({"west": town(6)}, model, cutoff=pd.Timestamp("2030-01-07"), compute=LocalProcesses(1))
    after = describe(model)
    assert after["content"] != before["content"]
    assert {**after, "content": before["content"]} == before
