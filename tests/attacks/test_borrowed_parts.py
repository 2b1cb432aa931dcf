"""Attacks in Python: audit a forecast with parts that were made for another forecast or with other settings."""

from dataclasses import replace

import pandas as pd
import pytest

import ilp_models as ilp
from ilp_models.audit.feedback.feedback import Feedback
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.sensitivity.reporting_rates import ReportingRates
from ilp_models.explain.explain import Explain
from tests.builders import harm_sets
from tests.pipeline.small_city import GROUPS, build_task

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn")]

LENIENT = Feedback(periods=8, refit_every=8, replicates=2, training_periods=60, unpatrolled_reporting_rate=1.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the parts of a small city, a backtest of two models of one class, and the forecast of the first."""
    folder = tmp_path_factory.mktemp("borrowed")
    _, parts = build_task("audit", "model=[moving_average,ewma]", "forecaster=ewma", GROUPS, f"output={folder}")
    models = parts["model"] | {"other": ilp.EWMA(half_lives=(2,))}
    options = {"scoring": parts["scoring"], "compute": parts["compute"], "store": folder / "forecasts"}
    tested = ilp.run_backtest(models, parts["data"].read(), parts["grid"], **options, **vars(parts["backtest"]))
    forecast = ilp.make_forecast(models["ewma"], tested.events, parts["grid"])
    spec = replace(parts["audit"], feedback=LENIENT)
    return tested, forecast, spec, folder / "register.jsonl"


def audited(made, explanation=None, **more):
    tested, forecast, spec, register = made
    return ilp.audit_plan(tested, forecast, explanation, audit=spec, register=register, **more)


@pytest.fixture(scope="module")
def audit(made):
    return audited(made, ilp.explain_forecast(made[1], explain=Explain(refits=2, sample=50)))


@pytest.mark.parametrize("stated", [None, Explain()])
def test_how_an_explanation_was_made_is_named_whatever_the_audit_is_told(made, audit, stated):
    again = audit if stated is None else audited(made, audit.audit_input.explanation, explain=stated)
    assert {"explain.refits=2 (default 5)", "explain.sample=50 (default 500)"} <= set(again.report.changed)


def test_an_explanation_of_another_model_with_the_same_name_is_refused(made):
    tested, forecast = made[:2]
    other = ilp.make_forecast(tested.models["other"], tested.events, forecast.study.grid)
    assert other.name == forecast.name
    with pytest.raises(ilp.InputError, match="of another forecast by EWMA"):
        audited(made, ilp.explain_forecast(other))


def test_an_explanation_of_an_earlier_week_is_refused(made):
    tested, forecast = made[:2]
    known = tested.events.known_at(forecast.study.cutoff - pd.Timedelta(weeks=1))
    earlier = ilp.make_forecast(tested.models["ewma"], known, forecast.study.grid)
    with pytest.raises(ilp.InputError, match="of another forecast by EWMA"):
        audited(made, ilp.explain_forecast(earlier))


@pytest.mark.parametrize(
    "changed",
    [
        {"feedback": Feedback()},
        {"land_share": 0.05},
        {"rank_by": "per_km2"},
        {"share_of": "cells"},
        {"harm_sets": harm_sets({"assault": 2.0, "burglary": 1.0}, {"assault": 1.0, "burglary": 1.0})},
        {"groups": GroupTable()},
        {"reporting_rates": ReportingRates(everywhere=0.5)},
        {"baseline": "ewma"},
    ],
    ids=lambda one: next(iter(one)),
)
def test_settings_of_the_inputs_cannot_be_changed_afterwards(audit, changed):
    (name,) = changed
    with pytest.raises(ilp.InputError, match=rf"audit\.{name} was used to make this audit"):
        audit.with_settings(**changed)


def test_a_setting_that_only_judges_can_be_changed_and_is_named(audit):
    again = audit.with_settings(valid_days=3, land_share=audit.settings.land_share)
    assert "audit.valid_days=3 (default 15)" in again.report.changed
    assert any(one.startswith("audit.feedback.unpatrolled_reporting_rate=1") for one in again.report.changed)


def lenient_limits(audit):
    return {**audit.settings.limits, "sum_ratio": {"fail_below": 0.01, "fail_above": 100.0}}


@pytest.mark.parametrize("name", ["limits", "min_evidence", "valid_days", "floor"])
def test_changed_settings_are_never_another_method_under_the_same_digest(made, audit, name):
    changed = {"limits": lenient_limits(audit), "min_evidence": {"events": 1}, "valid_days": 3, "floor": 0.01}[name]
    digests = ("settings_digest", "method_digest")
    again = audit.with_settings(**{name: changed})
    tested, forecast, spec, register = made
    spec = replace(spec, **{name: changed})
    second = ilp.audit_plan(tested, forecast, audit.audit_input.explanation, audit=spec, register=register)
    for digest in digests:
        assert again.report.header[digest] != audit.report.header[digest] != ""
        assert again.report.header[digest] == second.report.header[digest]
        # the archive of the decision, from which it is repeated, has the same
        assert getattr(again.audit_input, digest) == again.report.header[digest]
    back = again.with_settings(**{name: getattr(audit.settings, name)})
    assert [back.report.header[digest] for digest in digests] == [audit.report.header[digest] for digest in digests]


def test_governance_alone_is_the_same_audit_in_the_register(made, audit, tmp_path):
    register = tmp_path / "register.jsonl"
    tested, forecast, spec, _ = made
    first = ilp.audit_plan(tested, forecast, audit.audit_input.explanation, audit=spec, register=register)
    decision = ilp.decide(first)
    forecast.to_file(tmp_path / "grid.csv", decision=decision, register=register)
    again = first.with_settings(governance=replace(spec.governance, owner="another owner"))
    earlier = again.report.header["register"]["earlier"]
    assert [one["repeated"] for one in earlier] == ["the same audit"]
    other = first.with_settings(limits=lenient_limits(first))
    assert [one["repeated"] for one in other.report.header["register"]["earlier"]] == [""]
