from dataclasses import replace

import numpy as np
import pytest

from ilp_models.domain.finding import State, sentence
from tests.audit import audit_inputs as inputs
from tests.audit.audit_reports import audit_city, change_forecast, finding_of, reasons_of, states_of


def test_numbers_are_those_worked_out_directly():
    known, baseline = inputs.city()
    report = audit_city()
    y, p, q = (np.asarray(c.values, dtype=float) for c in (known.observed, known.expected, baseline.expected))

    def deviance(mu):
        return 2 * (np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / mu), 0) - y + mu)

    assert finding_of(report, "deviance_skill", "Robbery").value == pytest.approx(
        1 - deviance(p)[1].sum() / deviance(q)[1].sum()
    )
    assert finding_of(report, "deviance_skill", "all").value == pytest.approx(1 - deviance(p).sum() / deviance(q).sum())
    assert finding_of(report, "sum_ratio", "all").value == pytest.approx(p.sum() / y.sum())
    top = {name: np.argsort(-c[0, :, 0])[:5] for name, c in (("model", p), ("baseline", q))}
    hits = y[0].sum(axis=1)
    assert finding_of(report, "pai_ratio", "Assault").value == pytest.approx(
        hits[top["model"]].sum() / hits[top["baseline"]].sum()
    )


def test_a_model_that_ties_with_or_loses_to_the_baseline_is_withheld():
    _, baseline = inputs.city()
    tie = audit_city(replace(baseline, forecaster="lightgbm", recipe=inputs.RECIPE))
    assert set(states_of(tie, "deviance_skill").values()) == {State.REVIEW}
    assert set(states_of(audit_city(change_forecast(lambda p: p**0 * 1.5)), "deviance_skill").values()) == {State.FAIL}
    assert "must beat moving_average" in reasons_of(tie)


def test_a_wrong_level_or_slope_is_seen():
    assert set(states_of(audit_city(change_forecast(lambda p: p * 1.3)), "sum_ratio").values()) == {State.FAIL}
    assert set(states_of(audit_city(change_forecast(lambda p: p * 1.07)), "sum_ratio").values()) == {State.REVIEW}
    steep = audit_city(change_forecast(lambda p: p**2 * float(p.sum() / (p**2).sum())))
    assert set(states_of(steep, "calibration_slope").values()) == {State.FAIL}
    assert finding_of(steep, "calibration_slope", "all").value == pytest.approx(0.5, abs=0.05)


def test_a_forecast_with_a_hole_is_insufficient():
    def hole(cube):
        cube[0, 0, 0] = np.nan
        return cube

    report = audit_city(change_forecast(hole))
    assert finding_of(report, "sum_ratio", "Assault").state is State.INSUFFICIENT
    reasons_of(report)


def test_too_few_periods_for_an_interval_ask_for_more_periods():
    known, baseline = inputs.city(8)
    report = inputs.audit(inputs.group_table()).run(
        inputs.audit_input(known, baseline, inputs.grid(), inputs.explanation())
    )
    assert "Too few test periods for an interval. Test more periods." in sentence(
        finding_of(report, "sum_ratio", "all")
    )
    assert sentence(finding_of(report, "deviance_skill", "all")).endswith(
        "8 test periods, 52 needed. Test more periods."
    )
