"""Parts by family of methods without a regression: each family does what its name says."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.family_reasons import (
    CONTEXT,
    METHOD,
    NEIGHBOURS,
    OTHER_TYPES,
    RECENT,
    SEASON,
    TREND,
    USUAL,
)
from ilp_models.domain.history import History
from ilp_models.model.ensembles import BestPast, Stacked
from ilp_models.model.kernels.kernel_density import KDE
from ilp_models.model.kernels.prospective_hot_spot import ProspectiveHotSpot
from ilp_models.model.means.empirical_bayes import EmpiricalBayes
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.means.seasonal_mean import SeasonalMean
from ilp_models.model.point_processes.etas import ETAS
from ilp_models.model.point_processes.grid_hawkes import GridHawkes
from ilp_models.model.point_processes.self_exciting import SelfExciting
from ilp_models.model.reason_parts import split_level_and_shares
from ilp_models.model.risk_terrain import RiskTerrain
from ilp_models.model.wrappers.conformal import ConformalIntervals
from ilp_models.model.wrappers.recalibrated import Recalibrated
from ilp_models.model.wrappers.reconciled import Reconciled
from tests.builders import city, events_of, layers_on, poisson_counts

WEEKS, QUIET, BUSY = 120, 0, 13
GRID = city(4, 5)
KDE_SMALL = {"bandwidths": (300,), "half_lives": (52,)}


def counts_of(*, latest=(), rate=0.6, busy=6.0):
    """Return Poisson counts (2 types, 20 cells, weeks) with one busy cell, and the counts of its latest weeks."""
    rates = np.full((2, 20, WEEKS), rate)
    rates[:, BUSY] = busy
    counts = poisson_counts(rates.shape, rates, seed=3)
    if len(latest):
        counts[:, QUIET, -len(latest) :] = latest
    return counts


def known(counts):
    events = events_of(counts, GRID)
    cutoff = events.start + pd.Timedelta(weeks=WEEKS)
    return History.from_events(cutoff, events, GRID, Calendar(), layers_on(GRID))


HISTORY = known(counts_of())
LATELY = known(counts_of(latest=[7, 8, 9, 8]))  # the same, but four busy weeks in a quiet cell

METHODS = {
    "moving_average": (MovingAverage(), {USUAL, RECENT}),
    "last_weeks": (MovingAverage(4), {RECENT}),
    "seasonal_mean": (SeasonalMean(), {USUAL, SEASON}),
    "ewma": (EWMA(half_lives=(8, 26), smoothing=(0.2,)), {USUAL, RECENT, NEIGHBOURS}),
    "empirical_bayes": (EmpiricalBayes(half_lives=(26,), neighbours=(0.6,)), {USUAL, RECENT, NEIGHBOURS}),
    "level_share": (LevelShare(), {USUAL, NEIGHBOURS, OTHER_TYPES, SEASON, TREND}),
    "kde": (KDE(**KDE_SMALL), {USUAL, RECENT, NEIGHBOURS, TREND}),
    "prospective_hot_spot": (ProspectiveHotSpot(reach_m=600), {USUAL, RECENT, NEIGHBOURS, TREND}),
    "risk_terrain": (RiskTerrain(ranges_m=(300, 800), sign="both"), {USUAL, TREND, CONTEXT}),
    "grid_hawkes": (GridHawkes(steps=5), {USUAL, RECENT, NEIGHBOURS, TREND}),
    "self_exciting": (SelfExciting(steps=3), {USUAL, RECENT, NEIGHBOURS, TREND}),
    "etas": (ETAS(background_reaches_m=(400,), rounds=2), {USUAL, RECENT, NEIGHBOURS, TREND}),
}


def week_of(history):
    return history.calendar.next_periods(history.cutoff, 1)


def reasons_of(method, history=HISTORY):
    return method.fit(history).reasons(week_of(history))


@pytest.mark.parametrize("name", METHODS)
def test_a_method_returns_its_own_families(name):
    method, families = METHODS[name]
    reasons = reasons_of(method)
    assert set(reasons.families) == families
    assert reasons.additivity_error <= 1e-6
    # one declared reference for all methods without a regression: the mean cell of the latest year
    means = HISTORY.panel.values[..., -52:].mean(axis=(1, 2))
    np.testing.assert_allclose(reasons.reference.values[:, 0], means, rtol=1e-6)


# The window of a prospective hot spot is shorter than a quarter, and a risk terrain only knows the size of a cell.
_NO_USUAL = ("last_weeks", "prospective_hot_spot", "risk_terrain")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in METHODS if name not in _NO_USUAL])
def test_the_usual_level_of_a_busy_cell_is_high(name):
    method, _ = METHODS[name]
    usual = reasons_of(method).part(USUAL)[..., 0]
    assert (usual.argmax(axis=1) == BUSY).all()
    assert (usual[:, BUSY] > 0.3).all()


@pytest.mark.parametrize(
    "name", ["moving_average", "last_weeks", "ewma", "empirical_bayes", "kde", "prospective_hot_spot", "self_exciting"]
)
def test_four_busy_weeks_raise_the_last_weeks_here_and_not_the_usual_level(name):
    method, _ = METHODS[name]
    fitted = method.fit(HISTORY)
    before = fitted.reasons(week_of(HISTORY))
    after = fitted.update(LATELY).reasons(week_of(LATELY))
    change = {one: (after.part(one) - before.part(one))[:, QUIET, 0] for one in (RECENT, USUAL)}
    assert (change[RECENT] > 0.1).all()
    assert (np.abs(change[USUAL]) < 0.5 * change[RECENT]).all()


@pytest.mark.parametrize("name", ["ewma", "empirical_bayes", "level_share", "kde", "self_exciting"])
def test_a_busy_neighbour_raises_its_neighbours_and_lowers_the_busy_cell(name):
    parts = reasons_of(METHODS[name][0]).part(NEIGHBOURS)[..., 0]
    nearby = np.flatnonzero(GRID.neighbours[BUSY].toarray().ravel())
    assert (parts[:, nearby] > 0).all()
    assert (parts[:, BUSY] < 0).all()


def test_repeats_in_the_same_cell_have_no_part_of_neighbours():
    part = reasons_of(METHODS["grid_hawkes"][0]).part(NEIGHBOURS)
    assert np.abs(part).max() < 1e-12  # a difference of sums, equal up to rounding


def test_the_trend_follows_the_city():
    counts = counts_of()
    counts[..., -6:] *= 3
    more, before = (
        reasons_of(LevelShare(level_half_lives=(2,)), one).part(TREND)[..., 0] for one in (known(counts), HISTORY)
    )
    assert (more > before).all()
    assert (more > 0).all()


def test_a_short_history_has_no_last_weeks():
    soon = HISTORY.known_at(HISTORY.events.start + pd.Timedelta(weeks=12))
    assert not reasons_of(EWMA(half_lives=(8,)), soon).part(RECENT).any()
    assert reasons_of(MovingAverage(None), soon).additivity_error <= 1e-6


def test_levels_and_shares_against_all_orders():
    rng = np.random.default_rng(4)
    levels = {TREND: (rng.uniform(1, 9, 2), rng.uniform(1, 9, 2)), SEASON: (rng.uniform(1, 2, 2), np.ones(2))}
    shares = {family: rng.uniform(-0.1, 0.1, (2, 5)) for family in (USUAL, RECENT, TREND)}
    families = (TREND, SEASON, USUAL, RECENT)

    def value(inside):
        level = np.prod([levels[one][one not in inside] for one in levels], axis=0)
        return level[:, None] * (0.2 + sum((shares[one] for one in inside if one in shares), np.zeros((2, 5))))

    reference, parts = split_level_and_shares(levels, shares)
    np.testing.assert_allclose(reference, value(())[:, 0])
    for family in families:
        orders = [order[: order.index(family)] for order in permutations(families)]
        mean = np.mean([value((*before, family)) - value(before) for before in orders], axis=0)
        np.testing.assert_allclose(parts[family], mean, err_msg=family)


MEMBERS = {"mean": MovingAverage(), "ewma": METHODS["ewma"][0]}


def test_a_stacked_forecast_has_the_weighted_parts_of_its_members():
    stacked = Stacked(MEMBERS, past_periods=8).fit(HISTORY)
    parts = [stacked.members_[name].reasons(week_of(HISTORY)) for name in stacked.members_]
    made = stacked.reasons(week_of(HISTORY))
    assert set(made.families) <= {USUAL, RECENT, NEIGHBOURS}
    weights = stacked.weights_[:, stacked.weights_.max(axis=0) > 0]
    for family in made.families:
        sums = sum(weights[:, [at], None] * one.part(family) for at, one in enumerate(parts))
        np.testing.assert_allclose(made.part(family), sums, atol=1e-9)


def test_what_a_logarithmic_pool_changes_is_its_own_estimate():
    made = reasons_of(Stacked({"last": MovingAverage(2), **MEMBERS}, "log", past_periods=8, sum_to_one=False))
    assert METHOD in made.families
    assert np.abs(made.part(METHOD)).max() < np.abs(made.part(USUAL)).max()


def test_the_best_past_member_gives_its_parts():
    best = BestPast(MEMBERS, past_periods=8).fit(HISTORY)
    made = best.reasons(week_of(HISTORY))
    for kind, name in enumerate(best.chosen_):
        alone = best.members_[name].reasons(week_of(HISTORY))
        np.testing.assert_allclose(made.part(USUAL)[kind], alone.part(USUAL)[kind])


def test_wrappers_keep_or_scale_the_parts():
    inner = EWMA(half_lives=(8, 26), smoothing=(0.2,))
    alone = reasons_of(inner)
    wrapped = reasons_of(ConformalIntervals(inner, groups=2, past_periods=8))
    np.testing.assert_allclose(wrapped.parts.values, alone.parts.values)
    scaled = Recalibrated(inner, past_periods=8, shrinkage=5.0).fit(HISTORY)
    factors = scaled.factors_[:, None, None, None]
    made = scaled.reasons(week_of(HISTORY))
    np.testing.assert_allclose(made.parts.values, factors * alone.parts.values)
    np.testing.assert_allclose(made.reference.values, factors[..., 0, 0] * alone.reference.values)


def test_what_larger_areas_change_is_the_estimate_of_the_reconciled_forecast():
    inner = EWMA(half_lives=(8, 26), smoothing=(0.2,))
    fitted = Reconciled(inner, MovingAverage(4), past_periods=8).fit(HISTORY)
    made, alone = fitted.reasons(week_of(HISTORY)), reasons_of(inner)
    change = fitted.predict(week_of(HISTORY)).expected.values - alone.expected.values
    np.testing.assert_allclose(made.part(METHOD), change, atol=1e-9)
    np.testing.assert_allclose(made.part(USUAL), alone.part(USUAL))
