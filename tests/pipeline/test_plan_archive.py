import json
from dataclasses import replace

import numpy as np

from ilp_models.domain.allocation import PlannedPeriods
from ilp_models.pipeline.plan_archive import plan_facts, plan_rows, plans_of, read_plan
from tests.audit import audit_inputs as inputs
from tests.builders import replay_of

REPLAY = replay_of(np.ones((1, 3, 2)), np.ones((1, 3, 2)))
PLAN = PlannedPeriods(
    {"class": "a.B", "most": 2}, "top areas", np.arange(6.0).reshape(3, 2) / 6, 0.2, np.zeros(2), ("x",)
)


def test_a_plan_comes_back_from_its_rows_and_facts():
    rows = plan_rows(PLAN, REPLAY)
    assert rows["cell"].tolist() == ["c0", "c0", "c1", "c1", "c2", "c2"]
    again = read_plan(rows, json.loads(json.dumps(plan_facts(PLAN))), REPLAY)
    np.testing.assert_array_equal(again.share, PLAN.share)
    np.testing.assert_array_equal(again.gap, PLAN.gap)
    assert (again.rule, again.name, again.budget_share, again.group_dimensions) == (PLAN.rule, "top areas", 0.2, ("x",))


def test_only_plans_that_were_made_are_archived():
    subject = inputs.audit_input(*inputs.city(), inputs.grid())
    assert plans_of(subject) == {}
    assert plans_of(replace(subject, plan=PLAN)) == {"plan": PLAN}
