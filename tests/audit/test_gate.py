from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.audit.audit import Audit
from ilp_models.audit.check_context import MinEvidence
from ilp_models.audit.gate import decide
from ilp_models.domain.audit import AuditReport
from ilp_models.domain.checks import DEFAULT_LIMITS
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.finding import State
from ilp_models.domain.timing import SIMULATED
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit import audit_inputs as inputs
from tests.builders import forecast_on, header_of

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
KNOWN, BASELINE = inputs.city()
REPORT = inputs.audit(inputs.group_table()).run(
    inputs.audit_input(KNOWN, BASELINE, inputs.grid(), inputs.explanation()), NOW
)
FORECAST = inputs.forecast()


def without(keep):
    findings = tuple(finding for finding in REPORT.findings if keep(finding))
    return AuditReport(findings, REPORT.forecaster, REPORT.recipe, REPORT.crime_types, REPORT.groups, REPORT.header)


def test_a_decision_binds_the_forecast_and_its_time():
    decision = decide(REPORT, FORECAST, NOW, valid_days=2)
    assert decision.forecast == FORECAST.digest()
    assert decision.valid_until == NOW + timedelta(days=2)
    decision.require_permission(FORECAST, NOW)
    with pytest.raises(WithheldError, match="valid from"):
        decision.require_permission(FORECAST, NOW + timedelta(days=2))


@given(st.sets(st.integers(0, len(REPORT.findings) - 1), min_size=1))
def test_removing_findings_never_admits_what_a_required_one_spoke_for(dropped):
    gone = [REPORT.findings[at] for at in dropped]
    decision = decide(without(lambda finding: finding not in gone), FORECAST, NOW)
    assert decision.admitted is not any(finding.required for finding in gone)


@settings(max_examples=15)
@given(st.integers(0, 99), st.integers(1, 51), st.sampled_from(["cells", "periods"]))
def test_removing_recorded_evidence_never_turns_withheld_into_admitted(cell, periods, which):
    observed, expected = KNOWN.observed, KNOWN.expected
    if which == "periods":
        observed, expected = observed[..., :periods], expected[..., :periods]
    else:
        observed = observed.copy(data=np.where(np.arange(100)[None, :, None] == cell, observed, 0))
    parts = [
        inputs.replay(np.asarray(e), np.asarray(observed), n, r)
        for e, n, r in (
            (expected, "lightgbm", inputs.RECIPE),
            (BASELINE.expected[..., : observed.shape[2]], "moving_average", "fedcba9876543210"),
        )
    ]
    report = inputs.audit(inputs.group_table(), bootstrap=Bootstrap(draws=20)).run(
        inputs.audit_input(*parts, inputs.grid(), inputs.explanation())
    )
    assert not decide(report, FORECAST, NOW).admitted


def test_a_forecast_of_another_model_or_with_more_types_is_withheld():
    assert not decide(REPORT, inputs.forecast(recipe="other"), NOW).admitted
    assert not decide(REPORT, inputs.forecast(forecaster="ewma"), NOW).admitted
    assert not decide(REPORT, inputs.forecast(types=(*inputs.TYPES, "Arson")), NOW).admitted


def test_a_forecast_of_more_periods_than_were_audited_is_withheld():
    longer = forecast_on(inputs.grid(), types=inputs.TYPES, periods=2).named(FORECAST.forecaster, FORECAST.recipe)
    report = replace(REPORT, header={**REPORT.header, **header_of(longer, simulated=True)})
    decision = decide(report, longer, NOW)
    assert not decision.admitted
    fault = "The audit covers one period ahead and the forecast 2. Set backtest.horizon=1."
    assert decision.reasons == (fault, SIMULATED)
    with pytest.raises(InputError, match="Audit this forecast"):
        decide(REPORT, longer, NOW)


def test_a_fault_of_the_decision_says_what_is_wrong_and_what_to_do_apart():
    against = decide(REPORT, inputs.forecast(types=(*inputs.TYPES, "Arson")), NOW).obstacles
    (obstacle,) = (one for one in against if one.fault)
    assert (obstacle.fault, obstacle.advice) == (
        "The crime types ['Arson'] were not audited.",
        "Audit every type that is forecast.",
    )
    assert obstacle.as_text() == f"{obstacle.fault} {obstacle.advice}"
    assert obstacle.conclusion_text() == obstacle.fault


def test_the_conclusion_of_a_reason_is_its_beginning_without_advice():
    (failed, *_) = decide(without(lambda finding: finding.check != "governance"), FORECAST, NOW).obstacles
    assert failed.conclusion_text() == "Governance did not run: 1 of 1 findings do not pass (1 missing)."
    assert failed.as_text().startswith(failed.conclusion_text())


def test_a_decision_shows_itself_in_one_line_and_its_reasons_in_notebooks():
    admitted = decide(REPORT, FORECAST, NOW, valid_days=2)
    assert repr(admitted) == "<Decision on lightgbm: admitted, reasons to withhold: 0, until 2026-01-07 08:00 UTC>"
    assert "<li>" not in admitted._repr_html_()
    withheld = decide(REPORT, inputs.forecast(types=(*inputs.TYPES, "<b>Arson")), NOW)
    count = len(withheld.obstacles)
    assert repr(withheld).startswith(f"<Decision on lightgbm: withheld, reasons to withhold: {count}, until ")
    assert withheld._repr_html_().count("<li>") == count
    assert "<li>The crime types [&#x27;&lt;b&gt;Arson&#x27;] were not audited.</li>" in withheld._repr_html_()


def test_a_decision_without_an_end_is_refused():
    for days in (0, -1, float("inf"), float("nan")):
        with pytest.raises(InputError, match="valid_days"):
            decide(REPORT, FORECAST, NOW, days)
    with pytest.raises(InputError, match="zone"):
        decide(REPORT, FORECAST, datetime(2026, 1, 5))  # noqa: DTZ001 - what is refused


def test_an_audit_that_was_changed_says_so_beside_its_verdict():
    softer = inputs.audit(inputs.group_table(), land_share=0.06, forbidden_terms=["age"], min_evidence={"events": 0})
    softer = replace(softer, groups=replace(softer.groups, outside="spread"))
    report = softer.run(inputs.audit_input(KNOWN, BASELINE, inputs.grid(), inputs.explanation()), NOW)
    decision = decide(report, FORECAST, NOW)
    assert decision.reviews == ("changed_settings",)
    told = decision.reasons[-1]
    assert told.startswith("Audit settings differ from the defaults: ")
    for change in (
        "land_share=0.06 (default 0.05)",
        "min_evidence.events=0 (default 200)",
        "forbidden_terms without",
        "groups.outside=",
    ):
        assert f"audit.{change}" in told
    assert decision.to_dict()["audit"]["changed"] == list(report.changed)
    assert REPORT.changed == ()
    assert len(decide(REPORT, FORECAST, NOW).reasons) == 1


def test_the_settings_on_file_are_the_usual_audit():
    names = ("limits", "baseline", "land_share", "rank_by", "bootstrap", "floor", "valid_days")
    stored, usually = inputs.audit(), Audit()
    assert [getattr(stored, name) for name in names] == [getattr(usually, name) for name in names]
    assert (tuple(stored.allowed_families), tuple(stored.forbidden_terms)) == (
        usually.allowed_families,
        usually.forbidden_terms,
    )
    assert MinEvidence(**stored.min_evidence) == MinEvidence()


def test_a_demanded_check_cannot_be_left_without_a_bound():
    nothing = {"coverage_ratio": {"fail_below": None, "warn_below": None}}
    with pytest.raises(InputError, match="coverage_ratio has no bound"):
        Audit(limits=DEFAULT_LIMITS | nothing)
    with pytest.raises(InputError, match="be finite"):
        Audit(limits=DEFAULT_LIMITS | {"coverage_ratio": {"fail_below": float("-inf")}})
    Audit(limits=DEFAULT_LIMITS | {"exposure_ratio": {}})


@pytest.mark.parametrize("minimum", [{"periods": float("nan")}, {"events": -1}])
def test_a_minimum_that_nothing_falls_short_of_is_refused(minimum):
    with pytest.raises(InputError, match="min_evidence needs numbers"):
        Audit(min_evidence=minimum)


@settings(max_examples=300)
@given(data=st.data())
def test_taking_any_part_of_a_withheld_audit_away_never_admits(data):
    """Findings, groups, types, header and settings of a failed audit, taken away in any combination."""
    required = [at for at, finding in enumerate(REPORT.findings) if finding.required]
    bad = data.draw(st.sampled_from(required))
    worse = replace(REPORT.findings[bad], state=State.FAIL)
    whole = [*REPORT.findings[:bad], worse, *REPORT.findings[bad + 1 :]]
    kept = data.draw(
        st.sets(st.integers(0, len(whole) - 1)).map(lambda gone: [x for i, x in enumerate(whole) if i not in gone])
    )
    groups = tuple(pair for pair in REPORT.groups if data.draw(st.booleans()))
    if data.draw(st.booleans()):  # hide all findings of some groups
        kept = [one for one in whole if not one.group or (one.dimension, one.group) in groups]
    if data.draw(st.booleans()):
        hidden = {dimension for dimension, _ in REPORT.groups} - {dimension for dimension, _ in groups}
        kept = [one for one in kept if one.dimension not in hidden]
    types = tuple(kind for kind in REPORT.crime_types if data.draw(st.booleans()))
    header = {name: value for name, value in REPORT.header.items() if data.draw(st.booleans())}
    report = AuditReport(tuple(kept), REPORT.forecaster, REPORT.recipe, types, groups, header)
    assert not decide(report, FORECAST, NOW).admitted


def test_a_finding_that_speaks_against_a_forecast_counts_even_where_nothing_asks_for_it():
    stray = replace(REPORT.findings[0], crime_type="Arson", state=State.FAIL)
    decision = decide(replace(REPORT, findings=(*REPORT.findings, stray)), FORECAST, NOW)
    assert not decision.admitted
    assert decision.reviews == ()


def test_a_group_that_was_left_out_of_the_list_is_missed():
    fewer = replace(
        REPORT,
        groups=REPORT.groups[:-1],
        findings=without(lambda f: (f.dimension, f.group) != REPORT.groups[-1]).findings,
    )
    (reason,) = decide(fewer, FORECAST, NOW).reasons
    assert "group table" in reason


@pytest.mark.parametrize(
    "wrong",
    [
        {"underreporting_group": ["income"]},
        {"underreporting_group": "income"},
        {"governance": None},
        {"feedback": None},
        {"valid_days": float("inf")},
        {"valid_days": 1e9},
        {"floor": float("inf")},
    ],
)
def test_settings_that_would_stop_an_audit_after_its_replays_are_refused_before(wrong):
    with pytest.raises(InputError, match=f"{next(iter(wrong))}"):
        Audit(**wrong)
