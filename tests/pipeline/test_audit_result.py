from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pandas as pd
import pytest

from ilp_models.allocation.top_areas import TopAreas
from ilp_models.audit.measures.metric_frame import metric_frame
from ilp_models.audit.register.register import Register
from ilp_models.domain.errors import InputError
from ilp_models.explain.explain import Explain
from ilp_models.pipeline.audit_result import AuditResult, decide, snapshot_for
from ilp_models.pipeline.settings_digests import AuditedMethod
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit import audit_inputs as inputs
from tests.builders import events_at

EVENTS = events_at([0.0], [0.0], time_zone="UTC")
FORECAST = inputs.forecast()


@pytest.fixture(scope="module")
def register(tmp_path_factory):
    return Register(tmp_path_factory.mktemp("register") / "register.jsonl")


@pytest.fixture(scope="module")
def audited(register):
    settings = inputs.audit(inputs.group_table(), bootstrap=Bootstrap(draws=100))
    subject = settings.with_residents(inputs.audit_input(*inputs.city(), inputs.grid(), inputs.explanation()))
    forecast = SimpleNamespace(
        forecast=FORECAST, grid=inputs.grid(), periods=FORECAST.periods, study=SimpleNamespace(events=EVENTS)
    )
    report = settings.run(subject, inputs.NOW)
    method = AuditedMethod(EVENTS, {}, {})
    return AuditResult(report, subject, settings, forecast, inputs.NOW, Explain(), method, register)


def test_findings_are_a_table_and_counted_by_state(audited):
    table = audited.to_frame()
    assert len(table) == len(audited.report.findings)
    assert {"check", "state", "value"} <= set(table)
    assert "limit" not in table
    for state, count in table["state"].value_counts().items():
        assert f"{count} {state}" in repr(audited)


def test_the_decision_is_on_the_forecast_and_ends_after_the_days_that_are_given(audited):
    decision = decide(audited)
    assert decision.forecast == FORECAST.digest()
    assert decision.issued == inputs.NOW
    short = decide(audited, valid_days=1)
    assert short.valid_until == inputs.NOW + timedelta(days=1)
    assert decide(audited, governance={"owner": "City"}).report.header["governance"]["owner"] == "City"


def test_only_what_did_not_shape_the_inputs_can_be_changed_afterwards(audited):
    assert audited.with_settings(valid_days=3.0).settings.valid_days == 3.0
    for changed in ({"rule": TopAreas(share=0.2)}, {"land_share": 0.2}, {"baseline": "ewma"}):
        with pytest.raises(InputError, match=f"audit.{next(iter(changed))} was used to make this audit"):
            audited.with_settings(**changed)


def test_the_register_is_read_as_it_is_when_the_audit_is_made(audited, register):
    found = snapshot_for(audited.audit_input, audited.forecast, register, inputs.NOW)
    assert (found.declarations, found.periods_after) == ((), 0)


def test_measures_of_groups_are_those_of_the_audit_by_default_of_the_first_dimension(audited):
    context = audited.settings.context(audited.audit_input)
    crime_type = inputs.TYPES[0]
    expected = metric_frame(context, context.residents[0].dimension, crime_type).by_group
    pd.testing.assert_frame_equal(audited.metric_frame(crime_type).by_group, expected)
    with pytest.raises(InputError, match="shoes"):
        audited.metric_frame(crime_type, "shoes")


def test_reasons_are_those_of_the_audited_explanation(audited):
    found = audited.reasons()
    assert len(found)
    assert set(found["crime_type"]) <= set(inputs.TYPES)
    without = replace(audited, audit_input=replace(audited.audit_input, explanation=None))
    assert without.reasons() is None
