import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.errors import InputError
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.model.regressions.pooled import PooledLightGBM
from ilp_models.model.regressions.zero_sampling import sample_zeros, zero_chances
from tests.builders import city, history_of, poisson_counts
from tests.model.test_lightgbm import FAMILIES, SMALL

UNITS = st.lists(st.tuples(st.integers(0, 2), st.floats(-6, 1)), min_size=2, max_size=25)


@pytest.fixture(scope="module")
def history():
    rates = np.random.default_rng(6).gamma(0.4, 0.4, (2, 60, 1))
    return history_of(poisson_counts((2, 60, 120), rates), city(6, 10))


@settings(max_examples=40)
@given(UNITS, st.floats(0.05, 0.9))
def test_weights_and_weighted_loss_have_the_full_sums_as_expectation_over_all_starts(units, share):
    """The starts fall into intervals between which the sample changes, so that the expectation is a finite sum."""
    observed, risk = np.array([count for count, _ in units]), np.round([risk for _, risk in units], 6)
    score = np.sin(np.arange(len(units)))  # any forecast
    loss = np.exp(risk + score) - observed * (risk + score)
    ends = np.cumsum(zero_chances(np.sort(risk[observed == 0]), share)) % 1
    totals = np.zeros(2)
    for low, high in pairwise(np.unique(np.append(ends, [0.0, 1.0]))):
        rows, weights = sample_zeros(observed, risk, share, (low + high) / 2)
        assert set(np.flatnonzero(observed)) <= set(rows)
        assert (weights[observed[rows] > 0] == 1).all()
        totals += (high - low) * np.array([weights.sum(), (weights * loss[rows]).sum()])
    np.testing.assert_allclose(totals, [len(units), loss.sum()], rtol=1e-8, atol=1e-8)


def test_the_sample_has_the_wanted_size_and_more_of_the_units_at_risk():
    rng = np.random.default_rng(1)
    risk = rng.uniform(-6, 0, 20_000)
    rows, weights = sample_zeros(np.zeros(20_000, dtype=int), risk, 0.1, 0.3)
    assert abs(len(rows) - 2000) <= 1
    assert (np.diff(rows) > 0).all()
    for low in range(-6, 0):  # each stratum is represented with its own number of units
        inside = (risk[rows] >= low) & (risk[rows] < low + 1)
        assert weights[inside].sum() == pytest.approx(((risk >= low) & (risk < low + 1)).sum(), rel=0.02)
    assert (risk[rows] > -1).sum() > 3 * (risk[rows] < -5).sum()


def test_equal_risks_are_drawn_in_the_order_of_the_rows_whatever_the_rounding():
    risk = np.full(400, np.log(0.1))
    noisy = risk + np.random.default_rng(0).normal(0, 1e-12, 400)
    np.testing.assert_array_equal(*(sample_zeros(np.zeros(400), one, 0.1, 0.5)[0] for one in (risk, noisy)))


@pytest.mark.parametrize("limit", [None, 250_000])
def test_few_units_without_events_are_all_used(limit, history, monkeypatch):
    monkeypatch.setattr("ilp_models.model.regressions.lightgbm.sample_zeros", None)
    LightGBM(FAMILIES, LevelShare(), max_zeros=limit, **SMALL).fit(history)


@pytest.mark.parametrize("offset", [LevelShare(), None])
def test_rows_are_sampled_alike_from_columns_and_from_the_whole_matrix(offset, history):
    """The first learner reads the columns one by one, the second the design matrix."""
    settings = SMALL | {"bagging_fraction": 0.7, "feature_fraction": 0.7, "max_zeros": 900}

    class ReadsRows(LightGBM):
        _reads_columns = False

    one, other = (kind(FAMILIES, offset, **settings).fit(history) for kind in (LightGBM, ReadsRows))
    assert one.estimator_.booster_.model_to_string() == other.estimator_.booster_.model_to_string()
    np.testing.assert_array_equal(one.dispersion_, other.dispersion_)


@pytest.mark.parametrize("offset", [MovingAverage(26), None])
def test_trees_grow_on_the_sample_and_repeat_for_a_seed(offset, history):
    settings = SMALL | {"bagging_fraction": 1, "feature_fraction": 1}  # then only the sample depends on the seed

    def trees(**changed):
        return LightGBM(FAMILIES, offset, **(settings | changed)).fit(history).estimator_

    one, again, other = trees(max_zeros=2000), trees(max_zeros=2000), trees(max_zeros=2000, seed=1)
    assert one.booster_.model_to_string() == again.booster_.model_to_string()
    assert one.booster_.trees_to_dataframe().equals(again.booster_.trees_to_dataframe())
    assert not one.booster_.trees_to_dataframe().equals(other.booster_.trees_to_dataframe())
    counts = history.panel.by_period[-60:]
    assert (counts == 0).sum() > 3000
    rows = (counts > 0).sum() + 2000
    for fitted, expected in ((one, rows), (trees(), counts.size)):
        root = fitted.booster_.trees_to_dataframe().query("tree_index == 0 and node_depth == 1")["count"].item()
        assert root == pytest.approx(expected, abs=1)


def test_a_limit_below_1_is_refused(history):
    with pytest.raises(InputError, match=r"^max_zeros=0 must be at least 1\. Set it to null to train on all units\.$"):
        LightGBM(FAMILIES, None, max_zeros=0, **SMALL).fit(history)


@pytest.mark.parametrize("share", [0, -0.1, 1.5, float("nan")])
def test_shares_outside_0_and_1_are_refused(share, history):
    with pytest.raises(InputError, match=r"^zero_share=.* must be above 0 and at most 1\. Set 1 to train on all"):
        PooledLightGBM(None, FAMILIES, zero_share=share).training_sample(history, "here")


def test_refits_on_two_halves_of_the_periods_share_half_of_the_sampled_zeros(history):
    model = LightGBM(FAMILIES, LevelShare(), **SMALL | {"max_zeros": 2000, "bagging_fraction": 1}).fit(history)
    design, counts = model.training_data()
    even = np.arange(len(counts)) % 2 == 0
    refits = model.refits(design, counts, np.stack([even, ~even, np.ones_like(even)]))
    first, second, whole = (one.booster_.trees_to_dataframe()["count"].iloc[0] for one in refits)
    assert first + second == whole == pytest.approx((counts > 0).sum() + 1000, abs=1)
    share = 1000 / (counts == 0).sum()
    for found, kept in ((first, counts[even]), (second, counts[~even])):
        drawn = share * (kept == 0).sum()
        assert found - (kept > 0).sum() == pytest.approx(drawn, abs=3 * np.sqrt(drawn / 2))


@pytest.mark.parametrize(("limit", "zeros"), [(2000, 1000), (None, None)])
def test_the_smallest_leaf_of_a_refit_shrinks_with_its_rows(limit, zeros, history):
    model = LightGBM(FAMILIES, LevelShare(), **SMALL | {"max_zeros": limit, "bagging_fraction": 1}).fit(history)
    design, counts = model.training_data()
    positive = (counts > 0).sum()
    part = 1.0 if zeros is None else (positive + zeros) / (positive + limit)
    third = np.arange(len(counts)) % 3 == 0
    refits = list(model.refits(design, counts, np.stack([third, np.ones_like(third)])))
    want = [part * model.min_child_samples * share for share in (third.mean(), 1)]
    trees = [one.booster_.model_to_string() for one in refits]
    used = [int(re.search(r"\[min_data_in_leaf: (\d+)\]", text).group(1)) for text in trees]
    assert used == pytest.approx(want, abs=0.51)
    assert used[0] < model.min_child_samples


def test_a_refit_learns_from_the_counts_of_its_periods_alone(history):
    model = LightGBM(FAMILIES, LevelShare(), **SMALL | {"max_zeros": None}).fit(history)
    design, counts = model.training_data()
    early = np.arange(len(counts)) < len(counts) // 2
    changed = np.where(early[:, None, None], counts, counts + 5)
    refits = [next(iter(model.refits(design, one, early[None]))) for one in (counts, changed)]
    assert refits[0].booster_.model_to_string() == refits[1].booster_.model_to_string()
    assert refits[0].booster_.model_to_string() != model.estimator_.booster_.model_to_string()
