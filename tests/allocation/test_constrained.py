"""Constrained allocations against every choice there is, on towns small enough to try them all."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist

from ilp_models.allocation.budget import Budget
from ilp_models.allocation.constrained import Constrained
from ilp_models.allocation.top_areas import TopAreas
from ilp_models.domain.errors import InputError
from tests.allocation.allocation_inputs import skewed_values, small_town

SEEDS = st.integers(0, 10_000)
EXACT = {"gap": 0.0}


def choices(cells, chosen):
    """Return every choice of so many cells as rows of 0 and 1."""
    picked = np.array(list(combinations(range(cells), chosen)))
    rows = np.zeros((len(picked), cells))
    np.put_along_axis(rows, picked, 1.0, axis=1)
    return rows


def exposure_ratios(rows, groups, reference=None):
    """Return the exposure of each group over that of the reference, a row a choice."""
    exposed = rows @ (groups.by_group / groups.by_group.sum(axis=0))
    others = groups.total[:, None] - groups.by_group
    rest = rows @ (others / others.sum(axis=0))
    return exposed / (rest if reference is None else exposed[:, [reference]])


def coverages(rows, worth, groups):
    """Return the share of each group's events that a choice covers."""
    burden = worth[:, None] * groups.shares
    return rows @ burden / burden.sum(axis=0)


def worth_of(effort, worth):
    return float((effort.amount * worth).sum())


def parts(territory, flags):
    """Return how many connected sets the flagged cells form."""
    return connected_components(territory.neighbours[flags][:, flags], directed=False)[0]


@given(SEEDS, st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_unconstrained_equals_top_areas(seed, cells):
    worth = skewed_values(small_town(), 1, seed)
    ours, top = (
        rule.allocate(worth, small_town())
        for rule in (Constrained(Budget(amount=cells), **EXACT), TopAreas(Budget(amount=cells)))
    )
    assert worth_of(ours, worth) == pytest.approx(worth_of(top, worth))
    assert ours.amount.sum() == cells


@given(SEEDS, st.floats(1.0, 1.6), st.sampled_from([None, "shore"]))
@settings(max_examples=40, deadline=None)
def test_exposure_cap_gives_the_best_feasible_choice(seed, cap, reference):
    ground, worth = small_town(seed=seed, groups=("hill", "shore", "field")), skewed_values(small_town(), 1, seed)
    groups, rows = ground.residents[0], choices(12, 4)
    ratios = exposure_ratios(rows, groups, None if reference is None else 1)
    allowed = (ratios <= cap * (1 + 1e-9)).all(axis=1)
    rule = Constrained(Budget(amount=4), exposure={"origin": {"cap": cap, "reference": reference}}, **EXACT)
    if not allowed.any():
        with pytest.raises(InputError, match="no allocation meets all constraints"):
            rule.allocate(worth, ground)
        return
    effort = rule.allocate(worth, ground)
    assert worth_of(effort, worth) == pytest.approx((rows[allowed] @ worth).max(), rel=1e-6)
    ours = exposure_ratios(effort.amount.T, groups, None if reference is None else 1)
    assert (ours <= cap * (1 + 1e-5)).all()


@given(SEEDS, st.floats(0.2, 0.6))
@settings(max_examples=30, deadline=None)
def test_coverage_minimum_gives_the_best_feasible_choice(seed, floor):
    ground, worth = small_town(seed=seed), skewed_values(small_town(), 1, seed)
    rows = choices(12, 5)
    allowed = (coverages(rows, worth[:, 0], ground.residents[0]) >= floor - 1e-9).all(axis=1)
    rule = Constrained(Budget(amount=5), coverage={"origin": floor}, **EXACT)
    if not allowed.any():
        with pytest.raises(InputError, match="coverage of origin"):
            rule.allocate(worth, ground)
        return
    effort = rule.allocate(worth, ground)
    assert worth_of(effort, worth) == pytest.approx((rows[allowed] @ worth).max(), rel=1e-6)


def test_coverage_minimum_uses_counts_with_a_harm_objective():
    ground, worth = small_town(), skewed_values(small_town())
    counts = skewed_values(small_town(), 1, 9)
    effort = Constrained(Budget(amount=5), coverage={"origin": 0.5}, **EXACT).allocate(
        worth, replace(ground, expected=counts)
    )
    assert (coverages(effort.amount.T, counts[:, 0], ground.residents[0]) >= 0.5 - 1e-6).all()


@given(SEEDS, st.sampled_from([600.0, 1001.0, 1200.0]))
@settings(max_examples=25, deadline=None)
def test_spacing_gives_the_best_feasible_choice(seed, metres):
    ground, worth = small_town(), skewed_values(small_town(), 1, seed)
    rows = choices(12, 2)
    apart = np.array([pdist(ground.centres[row > 0]).min() >= metres for row in rows])
    effort = Constrained(Budget(amount=2), spacing=metres, **EXACT).allocate(worth, ground)
    assert pdist(ground.centres[effort.amount[:, 0] > 0]).min() >= metres
    assert worth_of(effort, worth) == pytest.approx((rows[apart] @ worth).max())


@given(SEEDS, st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_patrol_areas_give_the_best_connected_choice(seed, areas):
    ground, worth = small_town(), skewed_values(small_town(), 1, seed)
    rows = choices(12, 5)
    joined = np.array([parts(ground, row > 0) <= areas for row in rows])
    effort = Constrained(Budget(amount=5), patrol_areas=areas, **EXACT).allocate(worth, ground)
    assert parts(ground, effort.amount[:, 0] > 0) <= areas
    assert worth_of(effort, worth) == pytest.approx((rows[joined] @ worth).max())


def test_every_district_gets_its_minimum():
    ground, worth = small_town(6, 4), skewed_values(small_town(6, 4), 3)
    effort = Constrained(Budget(amount=8), districts=2).allocate(worth, ground)
    for district in np.unique(ground.districts):
        assert (effort.amount[ground.districts == district].sum(axis=0) >= 2).all()
    named = Constrained(Budget(amount=8), districts={"district 2": 7}).allocate(worth, ground)
    assert (named.amount[ground.districts == "district 2"].sum(axis=0) >= 7).all()


def test_hours_may_be_split_and_keep_the_caps():
    ground, worth = small_town(), skewed_values(small_town())
    budget = Budget(amount=7, budget_unit="hours", per_cell=2)
    cap = {"origin": {"cap": 1.0}}
    split = Constrained(budget, exposure=cap, whole=False).allocate(worth, ground)
    whole = Constrained(budget, exposure={"origin": {"cap": 1.2}}, **EXACT).allocate(worth, ground)
    assert split.amount.sum() == pytest.approx(7)
    assert (split.amount <= 2 + 1e-9).all()
    assert (exposure_ratios(split.amount.T, ground.residents[0]) <= 1 + 1e-5).all()
    assert whole.amount.sum() == 6


def test_caps_hold_in_expectation_over_the_draw():
    ground, worth = small_town(10, 10), skewed_values(small_town(10, 10))
    rule = Constrained(Budget(amount=10), exposure={"origin": {"cap": 1.1}}, exploration=0.3)
    effort = rule.allocate(worth, ground)
    assert effort.amount.sum() == 10
    assert sorted(np.unique(effort.inclusion)) == pytest.approx([3 / 93, 1.0])
    assert (exposure_ratios(effort.inclusion.T, ground.residents[0]) <= 1.1 + 1e-5).all()
    # the chosen cells alone may exceed the cap only as far as the draw makes up for it
    assert exposure_ratios(effort.inclusion.T, ground.residents[0]).max() > 1.0


def test_large_town_is_solved_near_the_bound_of_its_relaxation():
    ground, worth = small_town(20, 20), skewed_values(small_town(20, 20))
    settings = {"exposure": {"origin": {"cap": 1.02}}, "coverage": {"origin": 0.3}}
    quick = Constrained(Budget(amount=40), gap=0.01, **settings).allocate(worth, ground)
    exact = Constrained(Budget(amount=40), gap=0.0, time_limit_s=30, **settings).allocate(worth, ground)
    assert quick.gap[0] <= 0.01
    assert worth_of(quick, worth) <= worth_of(exact, worth) * (1 + 1e-9)
    assert worth_of(exact, worth) <= worth_of(quick, worth) * (1 + quick.gap[0] + 1e-9)
    assert (exposure_ratios(quick.amount.T, ground.residents[0]) <= 1.02 + 1e-5).all()
    assert (coverages(quick.amount.T, worth[:, 0], ground.residents[0]) >= 0.3 - 1e-6).all()


def refusal(**settings):
    with pytest.raises(InputError) as raised:
        Constrained(Budget(amount=4), **settings).allocate(skewed_values(small_town()), small_town())
    return str(raised.value)


def test_infeasible_constraint_is_named_with_its_remedy():
    line = refusal(exposure={"origin": {"cap": 0.2}}, districts=1)
    assert line.startswith("Period 1: no allocation meets all constraints.")
    assert "raise allocation.exposure.origin.cap" in line
    assert "allocation.districts" not in line
    assert "'at least 3 for each of 2 districts' (lower allocation.districts)" in refusal(districts=3)
    assert "lower allocation.spacing" in refusal(spacing=5000)
    assert "without 'spending all 4 cells' (set allocation.spend_all=false)" in refusal(spacing=5000)
    assert "'a budget of 4 cells' (raise the budget)" in refusal(districts=3)


def test_jointly_infeasible_constraints_are_all_named():
    line = refusal(districts={"district 0": 4, "district 1": 1})
    assert "at least 4 for district district 0" in line
    assert "at least 1 for district district 1" in line
    two_ways = refusal(districts=3, exposure={"origin": {"cap": 0.2}})
    assert "Change at least two of" in two_ways or "It is feasible without" in two_ways


def test_unspent_budget_can_restore_feasibility():
    effort = Constrained(Budget(amount=4), spacing=5000, spend_all=False).allocate(
        skewed_values(small_town()), small_town()
    )
    assert effort.amount.sum() == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"exposure": {"income": {"cap": 1}}}, "No residents by income"),
        ({"exposure": {"origin": {"cap": 1, "reference": "unknown"}}}, "no group 'unknown'"),
        ({"exposure": {"origin": {"cap": {"unknown": 1}}}}, "no group 'unknown'"),
        ({"coverage": {"origin": {"unknown": 0.1}}}, "no group 'unknown'"),
        ({"coverage": {"origin": 1.1}}, "from 0 to 1"),
        ({"districts": {"nowhere": 1}}, "not a district of this grid"),
        ({"districts": -1}, "allocation.districts"),
    ],
)
def test_constraints_on_unknown_groups_are_refused(wrong, words):
    assert words in refusal(**wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"exposure": {"origin": {}}}, "needs cap"),
        ({"exposure": {"origin": {"cap": -1}}}, "from 0 to inf"),
        ({"exposure": {"origin": {"cap": float("nan")}}}, "from 0 to inf"),
        ({"exploration": -0.1}, "exploration"),
        ({"spacing": float("nan")}, "spacing >= 0"),
        ({"gap": 1}, "gap"),
        ({"patrol_areas": 0}, "at least 1"),
        ({"patrol_areas": 1, "spacing": 10}, "Set only one of them"),
        ({"whole": False}, "needs hours, and no exploration"),
    ],
)
def test_invalid_settings_are_refused(wrong, words):
    with pytest.raises(InputError, match=words):
        Constrained(**wrong)
