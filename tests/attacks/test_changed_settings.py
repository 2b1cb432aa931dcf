"""Attacks: admit a forecast by settings that differ from the defaults, or by a declaration that does not apply."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from ilp_models.audit.feedback.feedback import Feedback
from ilp_models.audit.gate import decide
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.register.approvals import approve, record_decision, registered_decision
from ilp_models.audit.register.declarations import begin_of, deadline, declare, periods_between
from ilp_models.audit.register.earlier import RegisterSnapshot, data_terms
from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.audit.register.signatures import ReviewerSignature
from ilp_models.audit.sensitivity.reporting_rates import ReportingRates
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import WithheldError
from ilp_models.domain.finding import State
from ilp_models.explain.explain import Explain
from ilp_models.grid.hexagon import HexGrid
from ilp_models.grid.rectangle import RectangleGrid
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.wrappers.across_borders import AcrossBorders
from ilp_models.pipeline.changed_settings import all_changes, outside_changes
from ilp_models.pipeline.registration import RegisterPath, register_snapshot
from ilp_models.pipeline.study import open_study
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit import audit_inputs as inputs
from tests.builders import harm_sets

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
BEGINS = begin_of(inputs.forecast().periods[0], "UTC")  # 2022-01-03
BEFORE = datetime(2021, 10, 20, tzinfo=UTC)
LIMITS = {name: dict(bounds) for name, bounds in inputs.audit().limits.items()}


@pytest.fixture
def register(tmp_path):
    return Register(tmp_path / "register.jsonl")


def settings(**changed):
    return inputs.audit(inputs.group_table(), **changed)


def content_of(spec, **changed):
    """Return what a declaration of these settings says."""
    terms = data_terms(inputs.city()[0], inputs.grid())
    known = {"extent": terms["extent"], "changed": list(all_changes(spec, [])), "group_table": spec.groups.digest()}
    return known | changed


def declared(register, spec, moment=BEFORE, **changed):
    return declare(register, content_of(spec, **changed), "t.rainer", moment)[0]


def audited(register, spec, outside=()):
    """Audit and decide as the package does: the register is read before."""
    replays, grid = inputs.city(), inputs.grid()
    known = register_snapshot(register, data_terms(replays[0], grid), BEGINS)
    if known.declarations:
        latest = datetime.fromisoformat(known.declarations[-1].moment)
        known = replace(known, periods_after=periods_between(replays[0].periods, latest, NOW, "UTC"))
    subject = inputs.audit_input(*replays, grid, inputs.explanation(), register=known, settings_changed=tuple(outside))
    return decide(spec.run(subject, NOW), inputs.forecast(), NOW)


def finding(decision):
    return next(one for one in decision.findings if one.check == "changed_settings")


def rates_in(tmp_path):
    areas = sorted(set(inputs.grid().parents["district"]))
    pd.DataFrame({"area": areas, "rate": 1.0}).to_csv(tmp_path / "rates.csv", index=False)
    return ReportingRates(path=str(tmp_path / "rates.csv"))


CHANGES = {
    "land_share=0.06": {"land_share": 0.06},
    "rank_by=per_km2": {"rank_by": "per_km2"},
    "share_of=cells": {"share_of": "cells"},
    "valid_days=30": {"valid_days": 30},
    "floor=0.1": {"floor": 0.1},
    "harm=first": {"harm": "first", "harm_sets": harm_sets({"Assault": 3, "Robbery": 1}, {"Assault": 1, "Robbery": 1})},
    "limits.coverage_ratio.fail_below=0.1": {"limits": LIMITS | {"coverage_ratio": {"fail_below": 0.1}}},
    "limits.missing_population.fail_above=0.9": {
        "limits": LIMITS | {"missing_population": {"warn_above": 0.8, "fail_above": 0.9, "neutral": 0}}
    },
    "min_evidence.areas=1": {"min_evidence": {"areas": 1}},
    "feedback.unpatrolled_reporting_rate=0.9": {"feedback": Feedback(unpatrolled_reporting_rate=0.9)},
    "feedback.unpatrolled_reporting_rate={Robbery: 1}": {
        "feedback": Feedback(unpatrolled_reporting_rate={"Robbery": 1})
    },
    "feedback.exploration=0.2": {"feedback": Feedback(exploration=0.2)},
    "feedback.replicates=1": {"feedback": Feedback(replicates=1)},
    "reporting_rates.everywhere=1": {"reporting_rates": ReportingRates(everywhere=1.0)},
    "forbidden_terms without": {"forbidden_terms": ["age"]},
    "enforcement_types without": {"enforcement_types": ["drug"]},
}


def test_all_defaults_are_admitted(register):
    decision = audited(register, settings())
    assert decision.admitted, decision.reasons
    assert finding(decision).detail == "All settings have their defaults."


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_setting_is_named_and_admits_only_if_declared(register, name):
    spec = settings(**CHANGES[name])
    alone = audited(register, spec)
    assert not alone.admitted
    assert finding(alone).state is State.REVIEW
    assert f"audit.{name}" in finding(alone).detail
    declared(register, spec)
    assert finding(audited(register, spec)).state is State.PASS


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"overlapping": ["origin"], "residents": "residents"}, "overlapping with origin"),
        ({"rounding": 5}, "rounding=5 (default 0)"),
        ({"tolerance": 0.5}, "tolerance=0.5 (default 0.01)"),
        ({"outside": "spread"}, "outside=spread (default missing)"),
        ({"unmatched": "refuse"}, "unmatched=refuse (default count)"),
        ({"area_level": "district"}, "area_level=district (default null)"),
    ],
)
def test_how_the_group_table_is_read_is_named(register, changed, said):
    table = inputs.group_table().assign(residents=1000)
    spec = replace(settings(), groups=GroupTable(source=inputs.KnownGroups(table), **changed))
    decision = audited(register, spec)
    assert decision.reviews == ("changed_settings",)
    assert f"audit.groups.{said}" in finding(decision).detail


def test_what_a_census_source_sets_itself_is_a_default(register):
    class Office(inputs.KnownGroups):
        table_settings = {"rounding": 5}  # noqa: RUF012

    source = Office(inputs.group_table())
    assert audited(register, replace(settings(), groups=GroupTable.from_source(source))).admitted
    assert not audited(register, replace(settings(), groups=GroupTable.from_source(source, rounding=50))).admitted


def test_reporting_rates_are_bound_by_their_content(register, tmp_path):
    spec = settings(reporting_rates=rates_in(tmp_path))
    declared(register, spec)
    assert finding(audited(register, spec)).state is State.PASS
    path = tmp_path / "rates.csv"
    path.write_text(path.read_text().replace("1.0", "0.9", 1))
    decision = audited(register, spec)
    assert decision.reviews == ("changed_settings",)
    assert "reporting_rates.digest" in finding(decision).detail


def test_the_intervals_are_settings_too(register):
    decision = audited(register, settings(bootstrap=Bootstrap(confidence=0.5)))
    assert "bootstrap.confidence=0.5 (default 0.95)" in finding(decision).detail
    assert not decision.admitted


# --- Declarations that do not apply


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=2), NOW - BEGINS])
def test_a_declaration_after_the_forecast_period_began_does_not_apply(register, late):
    spec = settings(land_share=0.06)
    declared(register, spec, BEGINS + late)
    decision = audited(register, spec)
    assert decision.reviews == ("changed_settings",)
    assert "No declaration applies" in finding(decision).detail
    assert "Declarations before" not in " ".join(decision.reasons)


def test_the_last_moment_before_the_period_counts(register):
    spec = settings(land_share=0.06)
    declared(register, spec, BEGINS - timedelta(seconds=1))
    assert audited(register, spec).admitted


def part_of(extent, share):
    west, south, east, north = extent
    return [west, south, west + (east - west) * share, north]


@pytest.mark.parametrize("change", ["elsewhere", "a district", "the country", "none"])
def test_a_declaration_of_another_area_does_not_apply(register, change):
    spec = settings(land_share=0.06)
    extent = content_of(spec)["extent"]
    extents = {
        "elsewhere": [10.0, 50.0, 10.1, 50.1],
        "a district": part_of(extent, 0.3),
        "the country": [extent[0] - 1, extent[1] - 1, extent[2] + 1, extent[3] + 1],
        "none": None,
    }
    declared(register, spec, extent=extents[change])
    assert audited(register, spec).reviews == ("changed_settings",)


def test_rows_that_are_added_later_do_not_matter(register):
    spec = settings(land_share=0.06)
    declared(register, spec, extent=part_of(content_of(spec)["extent"], 0.95))
    assert audited(register, spec).admitted


def test_an_edited_declaration_withholds(register):
    spec = settings(land_share=0.06)
    declared(register, settings())
    text = register.path.read_text()
    register.path.write_text(text.replace('"changed": []', '"changed": ["audit.land_share=0.06 (default 0.05)"]'))
    assert register.path.read_text() != text
    decision = audited(register, spec)
    assert not decision.admitted
    assert not decision.reviews  # no approval can be written to a damaged register
    assert "edited" in " ".join(decision.reasons)


def test_the_latest_of_two_declarations_applies_and_both_are_counted(register):
    soft, usual = settings(land_share=0.06), settings()
    declared(register, soft)
    declared(register, usual, BEFORE + timedelta(days=1))
    decision = audited(register, soft)
    assert decision.reviews == ("changed_settings",)
    assert "Declarations before the forecast period: 2, the latest on 2021-10-21" in " ".join(decision.reasons)
    declared(register, soft, BEFORE + timedelta(days=2))
    decision = audited(register, soft)
    assert decision.admitted
    assert "Declarations before the forecast period: 3" in " ".join(decision.reasons)


@pytest.mark.parametrize(
    ("moment", "count"),
    [
        (datetime(2020, 12, 1, tzinfo=UTC), 52),
        (datetime(2021, 10, 20, tzinfo=UTC), 10),
        (BEGINS - timedelta(hours=1), 0),
    ],
)
def test_the_page_says_how_many_audited_periods_lie_after_the_declaration(register, moment, count):
    declared(register, settings(), moment)
    decision = audited(register, settings())
    assert f"Audited periods after it: {count} of 52." in decision.reasons[-1]
    plain = json.loads(json.dumps(decision.to_dict()))
    assert plain["audit"]["header"]["register"]["periods_after"] == count
    assert Decision.from_dict(plain) == decision


def test_periods_that_are_not_over_are_not_counted():
    periods = pd.period_range("2047-01-07", periods=52, freq="W-SUN")
    assert periods_between(periods, BEFORE, NOW, "UTC") == 0
    assert periods_between(periods, BEFORE, datetime(2047, 2, 4, tzinfo=UTC), "UTC") == 4


def test_a_declared_setting_that_is_not_used_asks_for_a_review(register):
    declared(register, settings(land_share=0.06, rank_by="per_km2"))
    decision = audited(register, settings(land_share=0.06))
    assert decision.reviews == ("changed_settings",)
    assert "declared and not used: audit.rank_by=per_km2" in finding(decision).detail
    assert audited(register, settings()).reviews == ("changed_settings",)


@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_another_group_table_than_declared_asks_for_a_review(register, digest):
    declared(register, settings(), group_table=digest)
    decision = audited(register, settings())
    assert decision.reviews == ("changed_settings",)
    assert "the group table is not the declared one" in finding(decision).detail


def test_a_slightly_different_value_than_declared_asks_for_a_review(register):
    declared(register, settings(land_share=0.06))
    assert audited(register, settings(land_share=0.0600001)).reviews == ("changed_settings",)


def test_exclusions_of_records_are_compared_without_their_growing_counts(register):
    first = "1,060 records excluded within 15 m of lon -79.39, lat 43.65 (2.31%): default of the desk"
    declared(register, settings(), changed=[first])
    grown = first.replace("1,060", "1,075").replace("2.31", "2.4")
    assert audited(register, settings(), outside=[grown]).admitted
    for other in (grown.replace("15 m", "500 m"), grown.replace("default of the desk", "too many")):
        assert audited(register, settings(), outside=[other]).reviews == ("changed_settings",)


# --- Register and approval


def test_a_declaration_between_audit_and_record_stops_the_record(register):
    decision = audited(register, settings(land_share=0.06))
    declared(register, settings(land_share=0.06))
    with pytest.raises(WithheldError, match="one was written after it"):
        record_decision(register, decision, "t.rainer")


def test_a_decision_with_declarations_that_its_register_lacks_permits_nothing(register, tmp_path):
    other = Register(tmp_path / "other.jsonl")
    spec = settings(land_share=0.06)
    declared(other, spec)
    decision = audited(other, spec)
    assert decision.admitted
    with pytest.raises(WithheldError, match="belongs to another register"):
        record_decision(register, decision, "t.rainer")
    line = {"admitted": True, "forecast": decision.forecast}
    register.append(RegisterEntry("decided", "x", decision.seal, NOW, line))
    with pytest.raises(WithheldError, match="belongs to another register"):
        registered_decision(register, decision, NOW)


def test_a_declaration_of_another_register_does_not_apply(register, tmp_path):
    spec = settings(land_share=0.06)
    declared(Register(tmp_path / "other.jsonl"), spec)
    assert audited(register, spec).reviews == ("changed_settings",)


def test_a_later_declaration_does_not_end_a_decision(register):
    spec = settings(land_share=0.06)
    declared(register, spec, BEGINS - timedelta(days=2))
    decision = audited(register, spec)
    record_decision(register, decision, "t.rainer")
    declared(register, settings(), NOW + timedelta(minutes=1))
    registered_decision(register, decision, NOW + timedelta(minutes=2)).require_permission(inputs.forecast(), NOW)


def reviewer():
    return ReviewerSignature("R. Viewer", "a share that the panel asked for", "rv", NOW)


def test_an_approval_repeats_the_list(register):
    spec = settings(land_share=0.06)
    decision = audited(register, spec)
    record_decision(register, decision, "t.rainer")
    approval = approve(register, decision, reviewer(), {})
    assert approval.changed == ("audit.land_share=0.06 (default 0.05)",)
    registered_decision(register, decision, NOW).require_permission(inputs.forecast(), NOW)


@pytest.mark.parametrize("listed", [[], ["audit.land_share=0.07 (default 0.05)"], None, "twice"])
def test_an_approval_with_another_list_is_not_valid(register, listed):
    spec = settings(land_share=0.06)
    decision = audited(register, spec)
    record_decision(register, decision, "t.rainer")
    content = {"reviewer": "R. Viewer", "reason": "discussed", "reviews": list(decision.reviews), "answers": []}
    content |= {"files": {}, "changed": list(decision.report.changed) * 2 if listed == "twice" else listed}
    if listed is None:
        del content["changed"]
    register.append(RegisterEntry("approved", "x", decision.seal, NOW, content))
    with pytest.raises(WithheldError, match=r"does not repeat the settings|is incomplete"):
        registered_decision(register, decision, NOW)


def test_a_withheld_setting_alone_does_not_count_as_an_earlier_decision(register):
    record_decision(register, audited(register, settings(land_share=0.06)), "t.rainer")
    assert audited(register, settings()).admitted


def test_a_failed_check_counts_even_if_its_limit_is_declared_afterwards(register):
    strict = LIMITS | {"sum_ratio": {"fail_below": 1.5, "fail_above": 2.0}}
    record_decision(register, audited(register, settings(limits=strict)), "t.rainer")
    assert "earlier_decisions" in audited(register, settings()).reviews


# --- Settings outside the audit


@pytest.fixture(scope="module")
def city():
    return SimulatedCity(weeks=90, size_km=3, districts=3).read()


USUAL = {
    "plan": RollingOrigin(),
    "grid": SquareGrid(),
    "calendar": Calendar(),
    "explain": Explain(),
    "baseline": MovingAverage(),
}


def outside(city, **changed):
    part = USUAL | changed
    study = open_study(city, part["grid"], calendar=part["calendar"])
    place = part.get("register") or RegisterPath(Register(RegisterPath.default))
    return outside_changes(study, part["plan"], part["explain"], place, {"moving_average": part["baseline"]})


def test_the_usual_settings_are_no_change(city):
    assert outside(city) == []


def test_the_records_of_neighbours_hide_no_change_of_the_forecaster_to_beat(city):
    assert outside(city, baseline=AcrossBorders(MovingAverage(), [city])) == []
    (change,) = outside(city, baseline=AcrossBorders(MovingAverage(2), [city]))
    assert change == "model.moving_average.window=2 (default 52)"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"plan": RollingOrigin(26)}, "backtest.test_periods=26 (default 52)"),
        ({"plan": RollingOrigin(refit_every=52)}, "backtest.refit_every=52 (default 13)"),
        ({"plan": RollingOrigin(horizon=2)}, "backtest.horizon=2 (default 1)"),
        ({"plan": RollingOrigin(end="2020-09-06")}, "backtest.end=2020-09-06 (default null), 3 week(s) between"),
        ({"plan": RollingOrigin(20, end="2020-01-05")}, "backtest.end=2020-01-05 (default null), 38 week(s) between"),
        ({"grid": SquareGrid(250)}, "grid.size=250 (default 500)"),
        ({"grid": SquareGrid(origin=(0, 100))}, "grid.origin=[0, 100] (default [0, 0])"),
        ({"grid": SquareGrid(active="all")}, "grid.active=all (default events)"),
        ({"grid": SquareGrid(parents=None)}, "grid.parents=null"),
        ({"grid": HexGrid(500)}, "grid.class=ilp_models.grid.hexagon.HexGrid (default "),
        ({"grid": RectangleGrid(500, 500)}, "grid.class=ilp_models.grid.rectangle.RectangleGrid (default "),
        ({"grid": RectangleGrid(500, 900)}, "grid.height=900 (default null)"),
        ({"calendar": Calendar("month"), "plan": RollingOrigin(10)}, "calendar.period_unit=month (default week)"),
        ({"calendar": Calendar(week_start="sunday")}, "calendar.week_start=sunday (default monday)"),
        ({"explain": Explain(refits=2)}, "explain.refits=2 (default 5)"),
        ({"baseline": MovingAverage(2)}, "model.moving_average.window=2 (default 52)"),
        ({"baseline": EWMA()}, "model.moving_average.class=ilp_models.model.means.ewma.EWMA (default "),
    ],
)
def test_every_setting_outside_the_audit_is_named(city, changed, said):
    assert any(one.startswith(said) for one in outside(city, **changed)), outside(city, **changed)


def test_an_end_that_leaves_out_nothing_is_not_named(city):
    assert outside(city, plan=RollingOrigin(end=str(city.end.date()))) == []


@pytest.mark.parametrize("place", ["elsewhere.jsonl", "outputs/other.jsonl", "outputs/weekly/register.jsonl"])
def test_another_register_is_named(city, tmp_path, place):
    folder = tmp_path / "outputs" / "weekly" / "2026-01-05-run"
    own = RegisterPath.of_task(Register(tmp_path / "outputs" / "register.jsonl"), folder)
    assert outside(city, register=own) == []
    other = RegisterPath.of_task(Register(tmp_path / place), folder)
    assert outside(city, register=other) == [
        f"register={tmp_path / place} (default register.jsonl in the output folder)"
    ]
    link = tmp_path / "link.jsonl"
    link.symlink_to(tmp_path / "outputs" / "register.jsonl")
    assert RegisterPath.of_task(Register(link), folder).change() == []


def test_what_lies_outside_the_audit_withholds_too(register):
    assert audited(register, settings(), outside=["backtest.test_periods=26 (default 52)"]).reviews == (
        "changed_settings",
    )


def test_an_old_snapshot_cannot_be_read_as_one_without_declarations():
    plain = RegisterSnapshot("r", "0" * 64, 0).to_dict()
    del plain["declarations"]
    with pytest.raises(KeyError):
        RegisterSnapshot.from_dict(plain)


def test_a_declaration_of_simulated_records_must_precede_the_audit():
    period, moment = pd.Period("2023-01-02", "W-SUN"), datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert deadline(period, "UTC", moment, simulated=False) == datetime(2023, 1, 2, tzinfo=UTC)
    until = deadline(period, "UTC", moment, simulated=True)
    assert moment < until <= moment + timedelta(seconds=1)
