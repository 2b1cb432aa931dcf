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
from ilp_models.domain.errors import InputError
from tests.allocation.allocation_inputs import (
    EXACT,
    SEEDS,
    coverages,
    exposure_ratios,
    refusal,
    skewed_values,
    small_town,
    worth_of,
)


def choices(cells, chosen):
    """Return every choice of so many cells as rows of 0 and 1."""
    picked = np.array(list(combinations(range(cells), chosen)))
    rows = np.zeros((len(picked), cells))
    np.put_along_axis(rows, picked, 1.0, axis=1)
    return rows


def parts(territory, flags):
    """Return how many connected sets the flagged cells form."""
    return connected_components(territory.neighbours[flags][:, flags], directed=False)[0]


@given(SEEDS, st.floats(1.0, 1.6), st.sampled_from([None, "shore"]))
@settings(max_examples=40)
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
@settings(max_examples=30)
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
@settings(max_examples=25)
def test_spacing_gives_the_best_feasible_choice(seed, metres):
    ground, worth = small_town(), skewed_values(small_town(), 1, seed)
    rows = choices(12, 2)
    apart = np.array([pdist(ground.centres[row > 0]).min() >= metres for row in rows])
    effort = Constrained(Budget(amount=2), spacing=metres, **EXACT).allocate(worth, ground)
    assert pdist(ground.centres[effort.amount[:, 0] > 0]).min() >= metres
    assert worth_of(effort, worth) == pytest.approx((rows[apart] @ worth).max())


@pytest.mark.slow
@given(SEEDS, st.integers(1, 3))
@settings(max_examples=15)
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
