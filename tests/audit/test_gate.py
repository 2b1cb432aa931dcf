from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.audit.gate import decide
from ilp_models.domain.audit import AuditReport
from ilp_models.domain.errors import InputError, WithheldError
from tests.audit import cases

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
KNOWN, BASELINE = cases.city()
REPORT = cases.audit(cases.group_table()).run(KNOWN, BASELINE, cases.grid(), cases.explanation())
FORECAST = cases.forecast()


def without(keep):
    findings = tuple(finding for finding in REPORT.findings if keep(finding))
    return AuditReport(findings, REPORT.forecaster, REPORT.recipe, REPORT.crime_types, REPORT.groups, REPORT.header)


def test_a_decision_binds_the_forecast_and_its_time():
    decision = decide(REPORT, FORECAST, NOW, valid_days=2)
    assert decision.forecast == FORECAST.digest()
    assert decision.valid_until == NOW + timedelta(days=2)
    decision.permits(FORECAST, NOW)
    with pytest.raises(WithheldError, match="valid from"):
        decision.permits(FORECAST, NOW + timedelta(days=2))


@given(st.sets(st.integers(0, len(REPORT.findings) - 1), min_size=1))
def test_removing_findings_never_admits_what_a_required_one_spoke_for(dropped):
    gone = [REPORT.findings[at] for at in dropped]
    decision = decide(without(lambda finding: finding not in gone), FORECAST, NOW)
    assert decision.admitted is not any(finding.required for finding in gone)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 99), st.integers(1, 51), st.sampled_from(["cells", "periods"]))
def test_removing_recorded_evidence_never_turns_withheld_into_admitted(cell, periods, which):
    observed, expected = KNOWN.observed, KNOWN.expected
    if which == "periods":
        observed, expected = observed[..., :periods], expected[..., :periods]
    else:
        observed = observed.copy(data=np.where(np.arange(100)[None, :, None] == cell, observed, 0))
    parts = [
        cases.replay(np.asarray(e), np.asarray(observed), n, r)
        for e, n, r in (
            (expected, "lightgbm", cases.RECIPE),
            (BASELINE.expected[..., : observed.shape[2]], "moving_average", "fedcba9876543210"),
        )
    ]
    report = cases.audit(cases.group_table(), draws=20).run(*parts, cases.grid(), cases.explanation())
    assert not decide(report, FORECAST, NOW).admitted


def test_a_forecast_of_another_model_or_with_more_types_is_withheld():
    assert not decide(REPORT, cases.forecast(recipe="other"), NOW).admitted
    assert not decide(REPORT, cases.forecast(forecaster="ewma"), NOW).admitted
    assert not decide(REPORT, cases.forecast(types=(*cases.TYPES, "Arson")), NOW).admitted


def test_a_decision_without_an_end_is_refused():
    for days in (0, -1, float("inf"), float("nan")):
        with pytest.raises(InputError, match="valid_days"):
            decide(REPORT, FORECAST, NOW, days)
    with pytest.raises(InputError, match="zone"):
        decide(REPORT, FORECAST, datetime(2026, 1, 5))  # noqa: DTZ001 - what is refused
