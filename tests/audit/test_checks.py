from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from ilp_models.audit import accuracy
from ilp_models.audit.audit import Audit
from ilp_models.audit.defaults import ALLOWED_FAMILIES
from ilp_models.audit.gate import decide
from ilp_models.domain.checks import DEFAULT_LIMITS, REQUIRED
from ilp_models.domain.errors import InputError
from ilp_models.domain.features import Column
from ilp_models.domain.finding import State, sentence
from tests.audit import cases

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


def run(model=None, groups=None, explanation=None, features=None, **settings):
    """Return the audit of the city, with parts replaced."""
    known, baseline = cases.city()
    spec = cases.audit(cases.group_table() if groups is None else groups, **settings)
    return spec.run(cases.subject(model or known, baseline, cases.grid(), explanation or cases.explanation(), features))


def states(report, check):
    return {finding.crime_type + finding.group: finding.state for finding in report.findings if finding.check == check}


def one(report, check, crime_type=""):
    return next(f for f in report.findings if f.check == check and f.crime_type == crime_type)


def reasons(report):
    decision = decide(report, cases.forecast(), NOW)
    assert not decision.admitted
    return " ".join(decision.reasons)


def spoiled(change):
    known, _ = cases.city()
    return replace(known, expected=change(known.expected.copy(deep=True)))


def test_a_good_model_is_admitted():
    report = run()
    decision = decide(report, cases.forecast(), NOW)
    assert decision.admitted, decision.reasons
    assert {f.check for f in report.findings if f.required} == set(REQUIRED)
    decision.require_permission(cases.forecast(), NOW)


def test_the_report_says_how_it_measured():
    header = run().header
    assert header["rank_by"] == "count"
    assert header["land_share"] == 0.05
    assert (header["first_period"], header["last_period"], header["periods"]) == (
        "2021-01-04T00:00:00",
        "2021-12-27T00:00:00",
        52,
    )
    assert len(header["group_table"]) == 64
    assert header["grid"] == cases.grid().digest()


def test_numbers_are_those_worked_out_directly():
    known, baseline = cases.city()
    report = run()
    y, p, q = (np.asarray(c.values, dtype=float) for c in (known.observed, known.expected, baseline.expected))

    def deviance(mu):
        return 2 * (np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / mu), 0) - y + mu)

    assert one(report, "deviance_skill", "Robbery").value == pytest.approx(
        1 - deviance(p)[1].sum() / deviance(q)[1].sum()
    )
    assert one(report, "deviance_skill", "all").value == pytest.approx(1 - deviance(p).sum() / deviance(q).sum())
    assert one(report, "sum_ratio", "all").value == pytest.approx(p.sum() / y.sum())
    top = {name: np.argsort(-c[0, :, 0])[:5] for name, c in (("model", p), ("baseline", q))}
    hits = y[0].sum(axis=1)
    assert one(report, "pai_ratio", "Assault").value == pytest.approx(
        hits[top["model"]].sum() / hits[top["baseline"]].sum()
    )


def test_without_a_group_table_the_gate_withholds_and_says_what_to_provide():
    known, baseline = cases.city()
    report = cases.audit().run(cases.subject(known, baseline, cases.grid(), cases.explanation()))
    assert states(report, "group_table") == {"": State.INSUFFICIENT}
    text = reasons(report)
    assert "area, dimension, group, population" in text
    assert "audit.groups.path=FILE" in text


def test_a_broken_group_table_withholds_with_its_error():
    assert "repeats area 00 / origin / Upland" in reasons(run(groups=cases.group_table().iloc[[0, *range(50)]]))


def test_a_model_that_ties_with_or_loses_to_the_baseline_is_withheld():
    _, baseline = cases.city()
    tie = run(replace(baseline, forecaster="lightgbm", recipe=cases.RECIPE))
    assert set(states(tie, "deviance_skill").values()) == {State.REVIEW}
    assert set(states(run(spoiled(lambda p: p**0 * 1.5)), "deviance_skill").values()) == {State.FAIL}
    assert "must beat moving_average" in reasons(tie)


def test_a_wrong_level_or_slope_is_seen():
    assert set(states(run(spoiled(lambda p: p * 1.3)), "sum_ratio").values()) == {State.FAIL}
    assert set(states(run(spoiled(lambda p: p * 1.07)), "sum_ratio").values()) == {State.REVIEW}
    steep = run(spoiled(lambda p: p**2 * float(p.sum() / (p**2).sum())))
    assert set(states(steep, "calibration_slope").values()) == {State.FAIL}
    assert one(steep, "calibration_slope", "all").value == pytest.approx(0.5, abs=0.05)


def test_a_slanted_city_fails_need_and_coverage():
    known, _ = cases.city()
    slope = np.linspace(0.2, 3, 100)[None, :, None]
    slanted = cases.group_table(slant=0.8)
    report = run(replace(known, expected=known.expected * slope), groups=slanted, min_evidence={"areas": 5})
    need = states(report, "need_adjusted_ratio")
    assert need["AssaultUpland"] is State.FAIL
    assert set(states(report, "coverage_ratio").values()) == {State.FAIL}
    assert "Need-adjusted ratio fails" in reasons(report)


def test_too_few_periods_events_or_areas_are_insufficient():
    few = run(min_evidence={"periods": 53})
    assert set(states(few, "deviance_skill").values()) == {State.INSUFFICIENT}
    assert "52 test periods, 53 needed" in sentence(one(few, "pai_ratio", "all"))
    thin = run(min_evidence={"events": 1e6})
    assert set(states(thin, "need_adjusted_ratio").values()) == {State.INSUFFICIENT}
    assert set(states(thin, "coverage_ratio").values()) == {State.INSUFFICIENT}
    assert set(states(run(min_evidence={"areas": 20}), "need_adjusted_ratio").values()) == {State.INSUFFICIENT}
    for report in (few, thin):
        reasons(report)


def test_a_crime_type_without_events_is_insufficient_and_not_an_error():
    known, baseline = cases.city()
    none = known.observed.copy(deep=True)
    none[1] = 0
    spec = cases.audit(cases.group_table())
    pair = (replace(known, observed=none), replace(baseline, observed=none))
    report = spec.run(cases.subject(*pair, cases.grid(), cases.explanation()))
    for check in ("sum_ratio", "calibration_slope", "coverage_ratio", "pai_ratio"):
        assert one(report, check, "Robbery").state is State.INSUFFICIENT
    assert one(report, "sum_ratio", "Assault").state is State.PASS
    reasons(report)


def test_a_forecast_with_a_hole_is_insufficient():
    def hole(cube):
        cube[0, 0, 0] = np.nan
        return cube

    report = run(spoiled(hole))
    assert one(report, "sum_ratio", "Assault").state is State.INSUFFICIENT
    reasons(report)


def test_a_crashed_check_withholds_with_its_error(monkeypatch):
    def crash(*_):
        msg = "out of cheese"
        raise RuntimeError(msg)

    monkeypatch.setattr(accuracy, "_pooled", crash)
    text = reasons(run())
    assert "Expected to recorded ratio lacks evidence" in text
    assert "The check stopped with RuntimeError: out of cheese." in text


def test_attributions_that_do_not_add_up_fail_and_none_at_all_are_insufficient():
    assert states(run(explanation=cases.explanation(error=1e-5)), "shap_additivity") == {"": State.FAIL}
    assert states(run(explanation=cases.explanation(error=np.nan)), "shap_additivity") == {"": State.INSUFFICIENT}
    known, baseline = cases.city()
    report = cases.audit(cases.group_table()).run(cases.subject(known, baseline, cases.grid()))
    assert states(report, "shap_additivity") == states(report, "feature_allow_list") == {"": State.INSUFFICIENT}
    assert "explanation of 'ewma' only" in reasons(run(explanation=cases.explanation("ewma")))


@pytest.mark.parametrize(
    "column",
    [
        Column("share_x", "census", ""),
        Column("mean_ethnic_share", "own_past", ""),
        Column("population share", "lags", ""),
        Column("Suspect-Age", "lags", ""),
        Column("upland_8", "own_past", ""),
        Column("origin", "own_past", ""),
    ],
    ids=lambda column: column.name,
)
def test_columns_of_persons_groups_or_unknown_families_fail(column):
    report = run(features=(*cases.COLUMNS, column))
    assert states(report, "feature_allow_list") == {"": State.FAIL}
    assert column.name in one(report, "feature_allow_list").detail


def test_ordinary_columns_are_allowed():
    fine = [
        Column("average_lag_1", "lags", ""),
        Column("city_level_13", "city_level", ""),
        Column("weekday_mean_8", "same_weekday", ""),
        Column("lead", "lead", ""),
        Column("type_Identity theft - name", "crime_type", ""),
    ]
    assert states(run(features=fine), "feature_allow_list") == {"": State.PASS}
    named = cases.group_table().replace({"Upland": "1", "Lowland": "rest"})
    assert states(run(groups=named, features=fine), "feature_allow_list") == {"": State.PASS}


def test_columns_of_places_need_a_reviewer_whose_choice_is_named():
    columns = (*cases.COLUMNS, Column("bars_distance", "context", ""))
    assert states(run(features=columns), "feature_allow_list") == {"": State.FAIL}
    admitted = run(features=columns, allowed_families=[*ALLOWED_FAMILIES, "context"])
    assert states(admitted, "feature_allow_list") == {"": State.PASS}
    assert admitted.changed == ("audit.allowed_families with context",)


def test_unlike_replays_are_refused():
    known, baseline = cases.city()
    spec = cases.audit(cases.group_table())
    with pytest.raises(InputError, match="compares with 'moving_average'"):
        spec.run(cases.subject(known, known, cases.grid()))
    with pytest.raises(InputError, match="differ in"):
        spec.run(cases.subject(known, cases.city(periods=40)[1], cases.grid()))
    with pytest.raises(InputError, match="lead"):
        spec.run(cases.subject(known, replace(baseline, lead=2), cases.grid()))
    with pytest.raises(InputError, match="other cells"):
        spec.run(cases.subject(known, baseline, cases.grid().subset(np.arange(100) < 50)))


def test_settings_that_would_weaken_the_audit_are_refused():
    limits = dict(cases.audit().limits)
    with pytest.raises(InputError, match="sum_ratio"):
        cases.audit(limits={name: value for name, value in limits.items() if name != "sum_ratio"})
    with pytest.raises(InputError, match="sun_ratio"):
        cases.audit(limits=limits | {"sun_ratio": {}})
    with pytest.raises(InputError, match="unknown setting"):
        cases.audit(limits=limits | {"sum_ratio": {"fail_over": 1}})
    for wrong in ({"land_share": 0}, {"rank_by": "harm"}, {"floor": 0}, {"valid_days": 0}, {"min_evidence": {"x": 1}}):
        with pytest.raises(InputError):
            cases.audit(**wrong)


def test_the_ranking_unit_is_used():
    by_residents = run(rank_by="per_resident")
    assert by_residents.header["rank_by"] == "per_resident"
    known, baseline = cases.city()
    report = cases.audit(rank_by="per_resident").run(cases.subject(known, baseline, cases.grid(), cases.explanation()))
    assert "needs a group table" in sentence(one(report, "pai_ratio"))


def test_too_few_periods_for_an_interval_ask_for_more_periods():
    known, baseline = cases.city(8)
    report = cases.audit(cases.group_table()).run(cases.subject(known, baseline, cases.grid(), cases.explanation()))
    assert "Too few test periods for an interval. Test more periods." in sentence(one(report, "sum_ratio", "all"))
    assert sentence(one(report, "deviance_skill", "all")).endswith("8 test periods, 52 needed. Test more periods.")


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


def test_a_list_that_is_nothing_withholds_or_is_named():
    assert run(forbidden_terms=()).changed[0].startswith("audit.forbidden_terms without race")
    report = run(allowed_families=None)
    assert one(report, "feature_allow_list").state is State.INSUFFICIENT
    assert report.changed[0].startswith("audit.allowed_families without lags")
