from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.history import History
from ilp_models.domain.panel import Panel
from ilp_models.grid.square import SquareGrid
from tests.builders import events_at

WEEKS = Calendar()
CUTOFF = pd.Timestamp("2021-01-25")
HOURS = st.integers(0, 27 * 24).map(lambda hour: pd.Timestamp("2021-01-04") + pd.Timedelta(hour, "h"))


def known(events, cutoff=CUTOFF):
    return History.from_events(cutoff, events, SquareGrid(500).build(events), WEEKS)


def test_a_history_holds_the_weeks_that_ended_by_the_cutoff():
    history = known(events_at([500_100] * 2, [4_800_100] * 2, ["2021-01-05", "2021-01-24 23:59:59"]))
    assert history.panel.periods.start_time.tolist() == [
        pd.Timestamp(d) for d in ("2021-01-04", "2021-01-11", "2021-01-18")
    ]
    assert history.panel.values.sum(axis=(0, 1)).tolist() == [1, 0, 1]


def test_a_cutoff_in_mid_week_drops_the_week_from_the_panel_only():
    events = events_at([500_100] * 2, [4_800_100] * 2, ["2021-01-05", "2021-01-20"])
    history = known(events, pd.Timestamp("2021-01-21"))
    assert len(history.panel.periods) == 2
    assert history.panel.values.sum() == 1
    assert len(history.events) == 2


def test_a_late_report_is_unknown_before_its_report_time():
    events = events_at([500_100], [4_800_100], ["2021-01-05"], reported_at=["2021-01-19 08:00"])
    assert known(events, pd.Timestamp("2021-01-18")).panel.values.sum() == 0
    late = known(events, CUTOFF)
    assert late.panel.values[0, 0].tolist() == [1, 0, 0]


@pytest.mark.parametrize(("delay", "weeks"), [("0D", 3), ("1s", 2), ("7D", 2), ("8D", 1), ("14D", 1)])
def test_weeks_count_only_once_they_have_settled(delay, weeks):
    events = events_at([500_100], [4_800_100], settles_after=delay)
    assert len(known(events).panel.periods) == weeks


@pytest.mark.parametrize(("unit", "cutoff"), [("day", "2021-03-01"), ("week", "2021-03-01"), ("month", "2021-05-01")])
@pytest.mark.parametrize("delay", ["0D", "1h", "7D", "8D", "31D", "59D"])
def test_the_calendar_counts_the_unsettled_periods_as_a_history_does(unit, cutoff, delay):
    calendar, cutoff = Calendar(period_unit=unit), pd.Timestamp(cutoff)
    events = events_at([630_100.0], [4_834_100.0], start="2020-11-01", end=cutoff, settles_after=delay)
    history = History.from_events(cutoff, events, SquareGrid(500.0).build(events), calendar)
    assert calendar.unsettled_periods(cutoff, pd.Timedelta(delay)) == history.first_step - 1


def test_records_that_end_before_the_cutoff_give_no_empty_weeks_after_it():
    history = known(events_at([500_100], [4_800_100], end="2021-01-13"))
    assert history.panel.periods.start_time.tolist() == [pd.Timestamp("2021-01-04")]


@settings(max_examples=40)
@given(st.lists(st.tuples(HOURS, st.integers(0, 21)), min_size=1, max_size=20), st.integers(0, 10**6))
def test_later_reports_change_nothing(rows, seed):
    when = pd.Series([time for time, _ in rows])
    reported = when + pd.to_timedelta([days for _, days in rows], unit="D")
    x = np.linspace(500_100, 502_000, len(rows))
    events = events_at(x, np.full(len(rows), 4_800_100), when, reported_at=reported)
    table = events.table
    later = (table["reported_at"] >= CUTOFF).to_numpy()
    rng = np.random.default_rng(seed)
    moved = replace(events, table=table.assign(x=np.where(later, 500_000 + rng.uniform(0, 2_000, len(x)), table["x"])))
    fewer = replace(events, table=table[~later])
    grid = SquareGrid(500).build(events)
    past = History.from_events(CUTOFF, events, grid, WEEKS)
    for other in (moved, fewer):
        same = History.from_events(CUTOFF, other, grid, WEEKS)
        assert same.panel.counts.identical(past.panel.counts)
        assert same.events.digest() == past.events.digest()
    assert (past.events.table["reported_at"] < CUTOFF).all()
    assert past.panel.periods[-1].end_time < CUTOFF


@pytest.mark.parametrize("cutoff", ["2021-01-01", "2021-01-10 23:59:59"])
def test_a_cutoff_before_the_first_whole_week_is_refused(cutoff):
    events = events_at([500_100], [4_800_100])
    with pytest.raises(InputError, match=r"No whole week is known at .*; records start at 2021-01-04"):
        known(events, pd.Timestamp(cutoff))


def test_later_data_are_refused():
    events = events_at([500_100] * 2, [4_800_100] * 2, ["2021-01-05", "2021-01-20"])
    history = known(events)
    with pytest.raises(InputError, match="holds events reported later"):
        replace(history, cutoff=pd.Timestamp("2021-01-20"))
    early = known(events, pd.Timestamp("2021-01-18"))
    with pytest.raises(InputError, match="holds a period that ends later"):
        replace(early, panel=history.panel)
    assert early.layers.known == ()


def test_an_earlier_history_equals_the_history_at_that_cutoff():
    events = events_at(
        [500_100] * 3,
        [4_800_100] * 3,
        ["2021-01-05", "2021-01-06", "2021-01-12"],
        reported_at=["2021-01-05", "2021-01-14", "2021-01-13"],
    )
    grid = SquareGrid(500).build(events)
    earlier = History.from_events(CUTOFF, events, grid, WEEKS).known_at(pd.Timestamp("2021-01-11"))
    oracle = History.from_events(pd.Timestamp("2021-01-11"), events, grid, WEEKS)
    assert earlier.events.digest() == oracle.events.digest()
    assert earlier.panel.counts.equals(oracle.panel.counts)
    assert earlier.panel.values.sum() == 1  # the second of its week was reported later
    with pytest.raises(InputError, match="does not hold what was known at 2021-02-01"):
        earlier.known_at(pd.Timestamp("2021-02-01"))


def test_a_history_can_be_limited_to_crime_types():
    events = events_at([500_100] * 3, [4_800_100] * 3, crime_type=["Assault", "Break and Enter", "Assault"])
    history = known(events)
    some = history.select_types(["Break and Enter"])
    assert some.events.crime_types == ("Break and Enter",)
    assert some.cutoff == history.cutoff
    assert some.panel.counts.equals(history.panel.counts.sel(crime_type=["Break and Enter"]))
    turned = history.select_types(["Break and Enter", "Assault"])
    np.testing.assert_array_equal(turned.panel.values, history.panel.values[::-1])
    with pytest.raises(InputError, match=r"There is no crime type 'Arson'; the events hold Assault, Break and Enter\."):
        history.select_types(["Arson"])


def test_spans_are_counted_alike_in_histories_and_observed_counts_and_never_after_the_cutoff():
    rng = np.random.default_rng(6)
    size, start = 3000, pd.Timestamp("2020-01-06")
    table = events_at(rng.uniform(500_000, 502_000, size), rng.uniform(4_800_000, 4_802_000, size)).table
    occurred = start + pd.to_timedelta(rng.integers(0, 40 * 7 * 1440, size), unit="m")
    until = occurred + pd.to_timedelta(rng.integers(0, 4000, size), unit="m")
    times = {"occurred_at": occurred, "occurred_until": until, "reported_at": until}
    table = table.assign(**{name: one.astype("datetime64[us]") for name, one in times.items()})
    events = replace(
        events_at([500_000.0], [4_800_000.0]), table=table, start=start, end=start + pd.Timedelta(weeks=41)
    )
    grid, days = SquareGrid(1000).build(events), Calendar("day")
    cutoff = start + pd.Timedelta(weeks=30, hours=9)
    history = History.from_events(cutoff, events, grid, days)
    assert (history.events.table["occurred_at"] < cutoff).all()
    assert "occurred_until" not in history.events.table
    long_ago = history.panel.periods[:150]  # all of their spans were reported by the cutoff
    observed = Panel.count(events, grid, days, long_ago)
    assert (observed.values == history.panel.values[:, :, :150]).all()
    by_start = Panel.count(replace(events, table=table.drop(columns="occurred_until")), grid, days, long_ago)
    assert (observed.values != by_start.values).any()
    assert observed.values.sum() == pytest.approx(by_start.values.sum(), rel=0.02)
