from dataclasses import replace

import numpy as np
import pytest

from ilp_models.audit import accuracy
from ilp_models.audit.audit import Audit
from ilp_models.audit.gate import decide
from ilp_models.domain.checks import DEFAULT_LIMITS, REQUIRED
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import State, sentence
from tests.audit import audit_inputs as inputs
from tests.audit.audit_reports import NOW, audit_city, finding_of, reasons_of, states_of


def test_a_good_model_is_admitted():
    report = audit_city()
    decision = decide(report, inputs.forecast(), NOW)
    assert decision.admitted, decision.reasons
    assert {f.check for f in report.findings if f.required} == set(REQUIRED)
    decision.require_permission(inputs.forecast(), NOW)


def test_the_report_says_how_it_measured():
    header = audit_city().header
    assert header["rank_by"] == "count"
    assert header["land_share"] == 0.05
    assert (header["first_period"], header["last_period"], header["periods"]) == (
        "2021-01-04T00:00:00",
        "2021-12-27T00:00:00",
        52,
    )
    assert len(header["group_table"]) == 64
    assert header["grid"] == inputs.grid().digest()


def test_a_slanted_city_fails_need_and_coverage():
    known, _ = inputs.city()
    slope = np.linspace(0.2, 3, 100)[None, :, None]
    slanted = inputs.group_table(slant=0.8)
    report = audit_city(replace(known, expected=known.expected * slope), groups=slanted, min_evidence={"areas": 5})
    need = states_of(report, "need_adjusted_ratio")
    assert need["AssaultUpland"] is State.FAIL
    assert set(states_of(report, "coverage_ratio").values()) == {State.FAIL}
    assert "Need-adjusted ratio fails" in reasons_of(report)


def test_too_few_periods_events_or_areas_are_insufficient():
    few = audit_city(min_evidence={"periods": 53})
    assert set(states_of(few, "deviance_skill").values()) == {State.INSUFFICIENT}
    assert "52 test periods, 53 needed" in sentence(finding_of(few, "pai_ratio", "all"))
    thin = audit_city(min_evidence={"events": 1e6})
    assert set(states_of(thin, "need_adjusted_ratio").values()) == {State.INSUFFICIENT}
    assert set(states_of(thin, "coverage_ratio").values()) == {State.INSUFFICIENT}
    assert set(states_of(audit_city(min_evidence={"areas": 20}), "need_adjusted_ratio").values()) == {
        State.INSUFFICIENT
    }
    for report in (few, thin):
        reasons_of(report)


def test_a_crime_type_without_events_is_insufficient_and_not_an_error():
    known, baseline = inputs.city()
    none = known.observed.copy(deep=True)
    none[1] = 0
    spec = inputs.audit(inputs.group_table())
    pair = (replace(known, observed=none), replace(baseline, observed=none))
    report = spec.run(inputs.audit_input(*pair, inputs.grid(), inputs.explanation()))
    for check in ("sum_ratio", "calibration_slope", "coverage_ratio", "pai_ratio"):
        assert finding_of(report, check, "Robbery").state is State.INSUFFICIENT
    assert finding_of(report, "sum_ratio", "Assault").state is State.PASS
    reasons_of(report)


def test_a_crashed_check_withholds_with_its_error(monkeypatch):
    def crash(*_):
        msg = "out of cheese"
        raise RuntimeError(msg)

    monkeypatch.setattr(accuracy, "_pooled", crash)
    text = reasons_of(audit_city())
    assert "Expected to recorded ratio lacks evidence" in text
    assert "The check stopped with RuntimeError: out of cheese." in text


def test_unlike_replays_are_refused():
    known, baseline = inputs.city()
    spec = inputs.audit(inputs.group_table())
    with pytest.raises(InputError, match="compares with 'moving_average'"):
        spec.run(inputs.audit_input(known, known, inputs.grid()))
    with pytest.raises(InputError, match="differ in"):
        spec.run(inputs.audit_input(known, inputs.city(periods=40)[1], inputs.grid()))
    with pytest.raises(InputError, match="lead"):
        spec.run(inputs.audit_input(known, replace(baseline, lead=2), inputs.grid()))
    with pytest.raises(InputError, match="other cells"):
        spec.run(inputs.audit_input(known, baseline, inputs.grid().subset(np.arange(100) < 50)))


def test_settings_that_would_weaken_the_audit_are_refused():
    limits = dict(inputs.audit().limits)
    with pytest.raises(InputError, match="sum_ratio"):
        inputs.audit(limits={name: value for name, value in limits.items() if name != "sum_ratio"})
    with pytest.raises(InputError, match="sun_ratio"):
        inputs.audit(limits=limits | {"sun_ratio": {}})
    with pytest.raises(InputError, match="unknown setting"):
        inputs.audit(limits=limits | {"sum_ratio": {"fail_over": 1}})
    wrong = {"land_share": 0, "rank_by": "harm", "harm": "own", "floor": 0, "valid_days": 0, "min_evidence": {"x": 1}}
    for name, setting in wrong.items():
        with pytest.raises(InputError):
            inputs.audit(**{name: setting})


def test_the_ranking_unit_is_used():
    by_residents = audit_city(rank_by="per_resident")
    assert by_residents.header["rank_by"] == "per_resident"
    known, baseline = inputs.city()
    report = inputs.audit(rank_by="per_resident").run(
        inputs.audit_input(known, baseline, inputs.grid(), inputs.explanation())
    )
    assert "needs a group table" in sentence(finding_of(report, "pai_ratio"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"limits": None}, "must name"),
        ({"limits": DEFAULT_LIMITS | {"coverage_ratio": None}}, "coverage_ratio has no bound"),
    ],
)
def test_limits_that_are_nothing_are_refused_in_one_line(settings, words):
    with pytest.raises(InputError, match=words):
        Audit(**settings)
