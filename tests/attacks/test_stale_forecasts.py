"""Attacks: act on a forecast of a period that is over, or on records that ended long ago."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ilp_models as ilp
from ilp_models.audit.gate import decide
from ilp_models.audit.register.approvals import approve, record_decision, registered_decision
from ilp_models.audit.register.register import Register
from ilp_models.cli.app import App, find_configs
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.finding import State
from ilp_models.domain.history import History
from ilp_models.domain.timing import SIMULATED, TIMING, Timing
from ilp_models.pipeline import study as studies
from ilp_models.pipeline.study import lag_at, open_study
from tests.attacks.test_decision_shopping import FILES, signature
from tests.audit import audit_inputs as inputs
from tests.builders import city, events_of, poisson_counts
from tests.pipeline.small_city import run_task

MONDAY = datetime(2026, 1, 5, 8, tzinfo=UTC)
WEEKS = 120


def decided(now, **changes):
    """Return the decision of an audit at a time; by default all is well on the morning of MONDAY."""
    timing = replace(inputs.TIMING, **changes)
    subject = inputs.audit_input(*inputs.city(), inputs.grid(), inputs.explanation(), timing=timing)
    return decide(inputs.audit(inputs.group_table()).run(subject, now), inputs.forecast(), now)


def records(end="2026-01-05", zone="UTC", weeks=WEEKS, **changes):
    """Return hand-made weekly records that end before a Monday."""
    grid = city(3, 4)
    rates = np.random.default_rng(5).gamma(2.0, 1.0, (2, 12, 1))
    made = events_of(poisson_counts((2, 12, weeks), rates), grid)
    shift = pd.Timestamp(end) - made.end
    table = made.table.assign(
        occurred_at=made.table["occurred_at"] + shift, reported_at=made.table["reported_at"] + shift
    )
    return replace(made, table=table, start=made.start + shift, end=made.end + shift, time_zone=zone, **changes)


# the gate


def test_a_current_forecast_is_admitted():
    assert decided(MONDAY).admitted


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1), timedelta(days=1), timedelta(days=1500)])
def test_a_period_that_is_over_is_neither_admitted_nor_approved(late, tmp_path):
    now = datetime(2026, 1, 12, tzinfo=UTC) + late
    decision = decided(now, records_end=pd.Timestamp(now.replace(tzinfo=None)).floor("D"))
    assert not decision.admitted
    assert "ended on 2026-01-11, before this decision" in decision.reasons[0]
    register = Register(tmp_path / "register.jsonl")
    record_decision(register, decision, "t.rainer")
    with pytest.raises(WithheldError, match="cannot be approved: The period that is forecast ended"):
        approve(register, decision, signature(tmp_path, now=now), FILES)


def test_a_run_on_a_monday_covers_the_whole_next_week():
    decision = decided(MONDAY - timedelta(days=7), records_end=pd.Timestamp("2025-12-29"))
    assert decision.valid_until == datetime(2026, 1, 12, tzinfo=UTC)


def test_a_decision_ends_with_its_period(tmp_path):
    register = Register(tmp_path / "register.jsonl")
    saturday = MONDAY + timedelta(days=5)
    decision = decided(saturday)
    end = datetime(2026, 1, 12, tzinfo=UTC)
    assert decision.valid_until == end
    record_decision(register, decision, "t.rainer")
    registered_decision(register, decision, saturday).require_permission(inputs.forecast(), end - timedelta(seconds=1))
    with pytest.raises(WithheldError, match="is valid from"):
        registered_decision(register, decision, end).require_permission(inputs.forecast(), end)


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland", "UTC", "America/Sao_Paulo"])
def test_the_period_ends_at_midnight_where_the_records_are_from(zone):
    late = datetime(2026, 1, 11, 23, 30, tzinfo=ZoneInfo(zone))
    decision = decided(late, time_zone=zone, records_end=pd.Timestamp("2026-01-11"))
    assert decision.admitted
    assert decision.valid_until - late == timedelta(minutes=30)
    assert not decided(late + timedelta(minutes=30), time_zone=zone, records_end=pd.Timestamp("2026-01-11")).admitted


@pytest.mark.parametrize(
    ("ends", "zone", "moment"),
    [
        ("2018-11-04", "America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),  # this midnight did not exist
        ("2020-11-01", "America/Havana", datetime(2020, 11, 1, 4, tzinfo=UTC)),  # midnight came twice
    ],
)
def test_clock_changes_at_midnight_never_lengthen_a_period(ends, zone, moment):
    wall = pd.Timestamp(ends)
    timing = Timing(zone, wall - pd.Timedelta(days=7), wall - pd.Timedelta(days=7), wall)
    assert timing.ends_at() == moment


@pytest.mark.parametrize(
    ("days", "state"),
    [
        (0, "pass"),
        (13.9, "pass"),
        (14.9, "pass"),
        (15, "review"),
        (35.9, "review"),
        (36, "fail"),
        (1800, "fail"),
        (-1.5, "insufficient"),
    ],
)
def test_old_records_withhold(days, state):
    wall = pd.Timestamp(MONDAY).tz_localize(None)
    decision = decided(MONDAY, records_end=wall - pd.Timedelta(days=days))
    (finding,) = [one for one in decision.findings if one.check == "data_age"]
    assert finding.state == state
    # a week that has begun is such a period too, so they are not called whole
    assert "whole periods" not in finding.detail
    assert decision.admitted is (state == "pass")
    assert decision.reviews == (("data_age",) if state == "review" else ())


def test_an_old_day_is_older_in_the_west():
    """The same moment is another wall clock in another zone."""
    zones = ("Pacific/Auckland", "America/Los_Angeles")
    evening = MONDAY + timedelta(hours=6)  # 3 o'clock of the next morning in Auckland
    assert [replace(inputs.TIMING, time_zone=zone).age_days(evening) for zone in zones] == [1, 0]


@pytest.mark.parametrize("day", ["2026-01-05", "2026-01-04", "2021-12-27"])
def test_what_was_made_as_of_a_day_is_research_for_ever(day):
    decision = decided(MONDAY, as_of=day, records_end=pd.Timestamp(day))
    assert not decision.admitted
    assert decision.reviews == ()
    assert decision.reasons[0].startswith(f"The forecast was made as of {day}, for research.")
    assert all(one.state is State.PASS for one in decision.findings if one.check == "data_age")


def test_an_audit_without_a_period_is_withheld():
    subject = inputs.audit_input(*inputs.city(), inputs.grid(), inputs.explanation(), timing=None)
    decision = decide(inputs.audit(inputs.group_table()).run(subject, MONDAY), inputs.forecast(), MONDAY)
    assert not decision.admitted
    assert decision.reviews == ()


def test_simulated_records_have_no_calendar_and_say_so():
    decision = decided(MONDAY + timedelta(days=3000), simulated=True)
    assert decision.admitted
    assert decision.valid_until == decision.issued + timedelta(days=15)
    assert decision.reasons[-1] == SIMULATED


def later(plain):
    plain["audit"]["header"][TIMING] |= {"starts": "2026-01-19T00:00:00", "ends": "2026-01-26T00:00:00"}


def longer(plain):
    plain["audit"]["header"][TIMING]["ends"] = "2026-02-12T00:00:00"


def beyond(plain):
    plain["valid_until"] = "2026-01-13T08:00:00+00:00"


def elsewhere(plain):
    plain["audit"]["header"][TIMING]["time_zone"] = "Pacific/Kiritimati"


def pretended(plain):
    plain["audit"]["header"][TIMING]["simulated"] = True


def without(plain):
    plain["audit"]["header"][TIMING] = None


@pytest.mark.parametrize("edit", [later, longer, beyond, elsewhere, pretended, without])
@pytest.mark.parametrize("sealed", [False, True])
def test_an_edited_period_is_refused(edit, sealed, tmp_path):
    """With a new seal the file is consistent, but the register does not know it."""
    register = Register(tmp_path / "register.jsonl")
    decision = decided(MONDAY)
    record_decision(register, decision, "t.rainer")
    plain = json.loads(json.dumps(decision.to_dict()))
    edit(plain)
    if sealed:
        report = decision.report.from_dict({**plain["audit"], "findings": plain["findings"]})
        try:
            changed = replace(decision, report=report, valid_until=datetime.fromisoformat(plain["valid_until"]))
        except InputError:
            return  # a decision cannot be valid beyond its period
        plain = json.loads(json.dumps(changed.to_dict()))
    with pytest.raises(WithheldError):
        registered_decision(register, Decision.from_dict(plain), MONDAY)


def test_the_permission_is_for_the_period_of_the_forecast():
    other = inputs.forecast()
    moved = replace(other, expected=other.expected.assign_coords(period=other.periods + 1))
    decision = replace(decided(MONDAY), forecast=moved.digest())
    with pytest.raises(WithheldError, match="The decision is for 2026-01-05"):
        decision.require_permission(moved, MONDAY)


# the period that a run forecasts


@pytest.mark.parametrize(
    ("now", "lead"),
    [
        ("2026-01-04T23:30", 1),  # the next week begins in half an hour
        ("2026-01-05T00:00", 1),
        ("2026-01-05T00:01", 2),  # it has begun
        ("2026-01-11T23:59", 2),
        ("2026-03-22T12:00", 12),
        ("2026-03-23T00:00", 12),
    ],
)
@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland", "UTC"])
def test_the_next_period_that_has_not_begun_is_forecast(now, lead, zone):
    moment = datetime.fromisoformat(now).replace(tzinfo=ZoneInfo(zone))
    events = records(zone=zone)
    assert lag_at(events, Calendar(), moment.astimezone(UTC)) == lead - 1
    study = open_study(events, ilp.SquareGrid(500), record_lag=moment)
    assert study.cutoff == pd.Timestamp("2026-01-05") + pd.Timedelta(weeks=lead - 1)
    assert study.cutoff >= pd.Timestamp(datetime.fromisoformat(now))


@pytest.mark.parametrize("now", ["2026-03-23T00:01", "2031-01-01T00:00"])
def test_more_than_twelve_periods_are_not_forecast(now):
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    with pytest.raises(InputError, match=r"last recorded day is 2026-01-04 and today is .*data\.as_of=DATE"):
        lag_at(records(), Calendar(), moment)


@pytest.mark.parametrize(("unit", "lead"), [("day", 9), ("month", 2)])
def test_days_and_months_follow_the_same_rule(unit, lead):
    events = records(end="2026-02-02")
    moment = datetime(2026, 2, 9, 12, tzinfo=UTC)
    assert lag_at(events, Calendar(period_unit=unit), moment) == lead - 1


@given(st.datetimes(datetime(2025, 12, 20), datetime(2026, 3, 20)))  # noqa: DTZ001 - a wall clock
def test_no_moment_gives_a_period_that_has_begun_or_skips_one(now):
    events = _RECORDS
    cutoff = open_study(events, ilp.SquareGrid(500), record_lag=now.replace(tzinfo=UTC)).cutoff
    assert cutoff >= pd.Timestamp(now) or cutoff == pd.Timestamp("2026-01-05")
    assert cutoff == pd.Timestamp("2026-01-05") or cutoff - pd.Timestamp(now) < pd.Timedelta(days=7)


_RECORDS = records()


def test_as_of_hides_the_later_records_and_simulated_ones_are_current():
    events = records()
    past = replace(events, as_of="2025-10-01")
    study = open_study(past, ilp.SquareGrid(500), record_lag=MONDAY)
    assert study.cutoff == pd.Timestamp("2025-10-06")
    assert study.record_lag == 1
    assert study.events.table["reported_at"].max() < pd.Timestamp("2025-10-01")
    years_later = datetime(2031, 1, 1, tzinfo=UTC)
    assert lag_at(replace(events, as_of="end"), Calendar(), years_later) == 0
    assert lag_at(replace(events, simulated=True), Calendar(), years_later) == 0


@pytest.mark.parametrize("word", ["yesterday", "", "2026-13-01", "End"])
def test_what_is_no_day_is_refused(word):
    with pytest.raises(InputError, match="is not a date"):
        records(as_of=word)


@pytest.mark.parametrize("lag", [1, 3, np.int64(3)])
def test_a_backtest_at_a_lead_knows_no_later_record(lag, tmp_path):
    """Later records that change beyond recognition change no forecast of the weeks before them."""
    events, models = records(), {"mean": ilp.MovingAverage(window=8), "ewma": ilp.EWMA()}
    tested = ilp.run_backtest(
        models, events, ilp.SquareGrid(500), test_periods=6, baseline="mean", record_lag=lag, store=tmp_path / "one"
    )
    first = tested.replay_of("ewma").periods[0].start_time
    known = events.table["occurred_at"] < first - pd.Timedelta(weeks=lag)
    assert tested.replay_of("ewma").delay == lag
    study = open_study(events, ilp.SquareGrid(500), record_lag=lag)
    past = History.from_events(first, events, study.grid_at(first), Calendar(), record_lag=lag)
    assert len(past.events) == known.sum()
    assert past.first_step == 1 + lag
    forecast = ilp.make_forecast(ilp.EWMA(), events, ilp.SquareGrid(500), record_lag=lag, name="ewma")
    assert forecast.timing.record_lag == lag
    assert forecast.forecast.recipe == tested.recipes["ewma"]
    assert forecast.periods[0].start_time == study.cutoff == forecast.study.cutoff


@pytest.mark.parametrize("lag", [1.5, np.float64(1), "1", -1, 12])
def test_a_lag_that_is_no_whole_number_is_refused(lag):
    with pytest.raises(InputError, match=f"record_lag={lag} must be a whole number from 0 to 11"):
        open_study(records(), ilp.SquareGrid(500), record_lag=lag)


@pytest.mark.parametrize(("backtest_lag", "lag"), [(0, 1), (1, 0), (1, 2)])
def test_an_audit_of_another_lead_is_refused(backtest_lag, lag, tmp_path):
    events, grid = records(), ilp.SquareGrid(500)
    models = {"mean": ilp.MovingAverage(window=8), "ewma": ilp.EWMA()}
    tested = ilp.run_backtest(
        models, events, grid, test_periods=6, baseline="mean", record_lag=backtest_lag, store=tmp_path / "store"
    )
    forecast = ilp.make_forecast(ilp.EWMA(), events, grid, record_lag=lag, name="ewma")
    with pytest.raises(InputError, match="was made from other events"):
        ilp.audit_plan(tested, forecast, baseline="mean", register=tmp_path / "register.jsonl")


def test_a_declared_gap_does_not_make_old_records_new():
    """Records that stop are no records of empty weeks, also where the settings claim that they cover them."""
    events = replace(records(end="2025-06-02"), end=pd.Timestamp("2026-01-05"))
    forecast = ilp.make_forecast(ilp.MovingAverage(), events, ilp.SquareGrid(500))
    assert forecast.timing.records_end <= pd.Timestamp("2025-06-03")
    assert forecast.timing.age_days(MONDAY) > 200


# settings


@pytest.mark.parametrize("word", ["data.simulated=true", "+data.simulated=true", "simulated=true", "+simulated=true"])
def test_no_setting_makes_records_simulated(word, tmp_path, capsys):
    assert App(find_configs()).run(["forecast", "tracking=memory", f"output='{tmp_path}'", word]) != 0
    assert "simulated" in capsys.readouterr().err


def test_records_written_by_a_simulation_and_read_again_are_real_ones(tmp_path):
    table = ilp.SimulatedCity(weeks=30).read().table
    table.drop(columns="reported_at").to_csv(tmp_path / "crimes.csv", index=False)
    columns = {"occurred_at": "occurred_at", "crime_type": "crime_type", "x": "x", "y": "y"}
    events = ilp.read_events(tmp_path / "crimes.csv", columns=columns, time_zone="Etc/GMT+5", crs="EPSG:32617")
    assert not events.simulated
    with pytest.raises(InputError, match="last recorded day is"):
        lag_at(events, Calendar(), MONDAY)


def test_the_bundled_records_are_for_research():
    events = ilp.load_toronto("2021-06-01", "2022-01-01")
    assert (events.as_of, events.simulated) == ("end", False)
    assert studies.lag_at(events, Calendar(), MONDAY) == 0
    forecast = ilp.make_forecast(ilp.MovingAverage(window=8), events, ilp.SquareGrid(2000))
    assert forecast.timing.as_of == "2021-12-27"
    reason, _ = forecast.timing.fault(MONDAY)
    assert reason.endswith("for research.")


@pytest.mark.parametrize("task", ["weekly", "forecast"])
@pytest.mark.usefixtures("undrawn")
def test_terminal_pages_and_files_say_that_records_are_simulated(task, tmp_path):
    done = run_task(task, tmp_path)
    assert SIMULATED in done.text
    marked = {
        "weekly": ("report.html", "decision.json", "grid.geojson", "grid.csv.json", "areas.csv.json", "intake.json")
    }
    for name in marked.get(task, ("grid.geojson", "grid.csv.json", "areas.csv.json", "intake.json")):
        assert "Simulated records" in (done.folder / name).read_text(), name
