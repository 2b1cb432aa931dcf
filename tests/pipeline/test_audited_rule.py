"""The allocation rule that is audited: planned from forecasts alone, stored, rebuilt, and the only one applied."""

import dataclasses

import numpy as np
import pytest

from ilp_models.allocation.budget import Budget
from ilp_models.allocation.constrained import Constrained
from ilp_models.allocation.proportional import Proportional
from ilp_models.allocation.top_areas import Capped, TopAreas
from ilp_models.audit.flagging import FlaggingRule, with_total
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.recipe import describe
from ilp_models.pipeline.audited_rule import (
    CellPlanner,
    audited_rule,
    is_top_areas,
    plan_replay,
    require_audited_rule,
    territory_of,
)
from tests.allocation.allocation_inputs import RULES
from tests.audit import audit_inputs as inputs

GRID = inputs.grid()
RANKING = ("count", {})
PEOPLE = inputs.audit(inputs.group_table()).groups.to_cells(GRID)
DEFAULT = {"rule_settings": None, "land_share": 0.1, "share_of": "land"}


def planned(rule, replay=None, ranking=RANKING):
    return plan_replay(rule, replay or inputs.city()[0], GRID, PEOPLE, ranking)


def test_the_top_areas_of_all_types_are_the_default_map():
    replay = inputs.city()[0]
    expected = np.asarray(replay.expected.values)
    flags = FlaggingRule(GRID.area_m2).flagged(with_total(expected), 0.1)[0][-1]
    assert planned(TopAreas(share=0.1)).share == pytest.approx(flags)


@pytest.mark.slow
@pytest.mark.parametrize("rule", [TopAreas(share=0.1), RULES[4]], ids=["top", "constrained"])
def test_a_plan_is_made_from_the_forecast_alone(rule):
    replay = inputs.city()[0]
    other = dataclasses.replace(replay, observed=replay.observed.copy(data=replay.observed.values[:, ::-1] * 3))
    assert (planned(rule, replay).share == planned(rule, other).share).all()
    later = replay.expected.values.copy()
    later[..., -1] = later[:, ::-1, -1]  # the forecast of the last period changes no earlier plan
    changed = dataclasses.replace(replay, expected=replay.expected.copy(data=later))
    assert (planned(rule, replay).share[:, :-1] == planned(rule, changed).share[:, :-1]).all()


def test_harm_decides_where_harm_was_audited():
    replay = inputs.city()[0]
    only = planned(TopAreas(share=0.05), replay, ("harm", {"Assault": 0.0, "Robbery": 2.0}))
    robbery = np.asarray(replay.expected.values)[1]
    top = np.argsort(-robbery, axis=0, kind="stable")[:5]
    assert all(set(np.flatnonzero(only.share[:, t])) == set(top[:, t]) for t in range(robbery.shape[1]))


def test_a_rule_that_cannot_be_met_names_the_rule_and_the_remedy():
    with pytest.raises(InputError, match=r"cannot plan every test period of .*raise allocation\.exposure"):
        planned(Constrained(share=0.05, exposure={"origin": {"cap": 0.01}}))


def test_the_share_of_the_budget_is_that_of_all_cells():
    assert planned(TopAreas(Budget(amount=7))).budget_share == pytest.approx(0.07)
    hours = planned(Proportional(Budget(amount=30, budget_unit="hours", per_cell=2)))
    assert hours.budget_share == pytest.approx(30 / 200)
    assert hours.share.sum(axis=0) == pytest.approx(15)


def test_the_planner_of_the_feedback_gives_the_plan_of_one_period():
    expected = np.asarray(inputs.city()[0].expected.values)
    planner = CellPlanner.from_grid(RULES[4], GRID, PEOPLE, RANKING, inputs.TYPES)
    assert (planner.covered(expected[:, :, 3], 0) == planned(RULES[4]).share[:, 3]).all()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (TopAreas(share=0.2), r"used 0\.1 of the land, and this allocation 0\.2"),
        (TopAreas(Budget(amount=2)), r"used 0\.1 of the land"),
        (TopAreas(share=0.1, exploration=0.2), "not of the rule"),
        (TopAreas(Budget(amount=20, budget_unit="hours", per_cell=2)), "not of the rule"),
        (Capped(share=0.1), "not of the rule"),
        (RULES[4], "not of the rule"),
    ],
)
def test_another_rule_than_the_top_areas_is_refused(rule, words):
    with pytest.raises(WithheldError, match=words):
        require_audited_rule(rule, DEFAULT, territory_of(GRID, np.full(100, ""), ()))


def test_the_top_areas_audited_are_allowed_on_cells_of_one_size():
    ground = territory_of(GRID, np.full(100, ""), ())
    for rule in (TopAreas(share=0.1), TopAreas(Budget(amount=10))):
        require_audited_rule(rule, DEFAULT, ground)
    uneven = dataclasses.replace(ground, area_m2=np.linspace(1e5, 2e5, 100))
    with pytest.raises(WithheldError, match=r"audit\.share_of=cells"):
        require_audited_rule(TopAreas(share=0.1), DEFAULT, uneven)
    require_audited_rule(TopAreas(share=0.1), DEFAULT | {"share_of": "cells"}, uneven)


@pytest.mark.parametrize("rule", RULES[2:], ids=lambda rule: rule.name[:30])
def test_only_the_audited_rule_passes_under_a_decision_on_it(rule):
    header, ground = DEFAULT | {"rule_settings": describe(rule)}, territory_of(GRID, np.full(100, ""), PEOPLE)
    assert audited_rule(header) == rule
    require_audited_rule(rule, header, ground)
    for other in RULES:
        if other != rule:
            with pytest.raises(WithheldError, match="The audit was of the rule"):
                require_audited_rule(other, header, ground)


def test_a_decision_without_a_rule_permits_none():
    with pytest.raises(WithheldError, match="names no allocation rule"):
        audited_rule({"land_share": 0.1})


def test_plain_top_areas_are_the_default_rule_under_another_name():
    assert is_top_areas(TopAreas(share=0.3))
    assert not any(is_top_areas(rule) for rule in RULES[1:])
