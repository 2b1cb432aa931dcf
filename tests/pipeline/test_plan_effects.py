from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ilp_models.allocation.top_areas import TopAreas
from ilp_models.audit.feedback.feedback import Feedback
from ilp_models.compute.local import LocalProcesses
from ilp_models.pipeline.plan_effects import with_feedback, with_plans
from tests.audit import audit_inputs as inputs

SUBJECT = inputs.audit_input(*inputs.city(), inputs.grid(), inputs.explanation())


def test_without_a_rule_there_are_no_plans():
    assert with_plans(SUBJECT, inputs.audit(rule=None), None) is SUBJECT


def test_a_rule_has_a_plan_in_every_period_for_forecaster_and_baseline():
    found = with_plans(SUBJECT, inputs.audit(rule=TopAreas(share=0.1)), LocalProcesses(jobs=1))
    for plan, replay in ((found.plan, SUBJECT.replay), (found.baseline_plan, SUBJECT.baseline)):
        assert plan.share.shape == replay.expected.shape[1:]
        assert plan.share.sum(axis=0) == pytest.approx(10.0)
        top = np.argsort(-replay.expected.values.sum(axis=0)[:, 0])[:10]
        assert set(np.flatnonzero(plan.share[:, 0])) == set(top)


def test_a_feedback_that_cannot_be_simulated_says_why():
    rule = TopAreas(share=0.1)
    settings = replace(inputs.audit(rule=rule), feedback=Feedback(exploration=0.1))
    forecast = SimpleNamespace(grid=inputs.grid(), forecaster=None)
    found = with_feedback(replace(SUBJECT, feedback=None), forecast, settings)
    assert found.feedback is None
    assert found.no_feedback.startswith("audit.feedback.exploration is of the top areas.")
