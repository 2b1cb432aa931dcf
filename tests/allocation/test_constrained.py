"""Constrained allocations against every choice there is, on towns small enough to try them all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.allocation.budget import Budget
from ilp_models.allocation.constrained import Constrained
from ilp_models.allocation.top_areas import TopAreas
from ilp_models.domain.errors import InputError
from tests.allocation.allocation_inputs import EXACT, SEEDS, exposure_ratios, skewed_values, small_town, worth_of


@given(SEEDS, st.integers(1, 12))
@settings(max_examples=25)
def test_unconstrained_equals_top_areas(seed, cells):
    worth = skewed_values(small_town(), 1, seed)
    ours, top = (
        rule.allocate(worth, small_town())
        for rule in (Constrained(Budget(amount=cells), **EXACT), TopAreas(Budget(amount=cells)))
    )
    assert worth_of(ours, worth) == pytest.approx(worth_of(top, worth))
    assert ours.amount.sum() == cells


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
