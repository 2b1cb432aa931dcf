from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.history import History
from ilp_models.domain.panel import Panel
from ilp_models.domain.past_counts import PastCounts
from ilp_models.features.calendar import SameSeason, SameWeekday
from ilp_models.features.means import CityLevel, ExponentialMeans, Lags, RollingMeans
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.empirical_bayes import EmpiricalBayes
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.level_share import LevelShare
from tests.builders import TYPES, events_at

START, END = pd.Timestamp("2021-01-04"), pd.Timestamp("2021-03-01")
MINUTE = pd.Timedelta(1, "min")
FAMILIES = (
    Lags((1, 2, 3)),
    RollingMeans((1, 3)),
    ExponentialMeans((0.5, 4)),
    ExponentialMeans((2,), reach_cells=1.0, all_types=True),
    CityLevel((1.0,), 4.0),
)
DAILY = (
    *FAMILIES,
    SameWeekday((1, 8)),
    SameWeekday((2,), reach_cells=1.0, all_types=True),
)
SPAN = st.tuples(
    st.integers(0, 55 * 1440), st.integers(0, 20 * 1440), st.booleans(), st.integers(0, 3), st.sampled_from(TYPES)
)


def spans_of(rows):
    """Return events of four cells with the given start and length in minutes; some have no end."""
    at = [START + first * MINUTE for first, *_ in rows]
    until = [
        pd.NaT if open_end else when + length * MINUTE for when, (_, length, open_end, *_) in zip(at, rows, strict=True)
    ]
    known = [when if end is pd.NaT else end for when, end in zip(at, until, strict=True)]
    x = [500_100.0 + 500 * cell for *_, cell, _ in rows]
    events = events_at(
        x, [4_800_100.0] * len(x), at, reported_at=known, crime_type=[kind for *_, kind in rows], end=END
    )
    return replace(events, table=events.table.assign(occurred_until=pd.to_datetime(until).astype("datetime64[ns]")))


def grid_of():
    return SquareGrid(500).build(events_at([500_100.0 + 500 * cell for cell in range(4)], [4_800_100.0] * 4))


def at_minutes(events, grid, calendar, periods, usable):
    """Return the counts (periods, types, cells) after some usable periods: each minute of a span that has ended."""
    counts = np.zeros((len(periods), len(events.crime_types), len(grid)))
    cells = grid.locate(events)
    for place, row in enumerate(events.table.itertuples()):
        length = 0 if row.occurred_until is pd.NaT else (row.occurred_until - row.occurred_at) // MINUTE
        minutes = pd.DatetimeIndex([row.occurred_at + k * MINUTE for k in range(max(length, 1))])
        period = calendar.ordinals(minutes) - periods.asi8[0]
        if period[-1] >= usable:
            continue
        kind = events.crime_types.index(row.crime_type)
        np.add.at(counts[:, kind, cells[place]], period[period >= 0], 1 / len(minutes))
    return counts


@settings(max_examples=25)
@given(st.lists(SPAN, min_size=1, max_size=8), st.sampled_from([Calendar(), Calendar("day")]), st.data())
def test_means_and_sums_equal_those_of_the_minutes_of_all_spans_that_have_ended(rows, calendar, data):
    events, grid = spans_of(rows), grid_of()
    past = Panel.count(events, grid, calendar).past
    periods = calendar.whole_periods(events.start, events.end)
    usable = data.draw(st.integers(1, len(periods)))
    counts = at_minutes(events, grid, calendar, periods, usable)[:usable]
    decay = 0.5 ** (np.arange(usable)[::-1] / 3)
    expected = np.tensordot(decay, counts, 1) / decay.sum()
    np.testing.assert_allclose(past.exponential_means(3.0, np.array([usable]))[0], expected, rtol=1e-5, atol=1e-6)
    (found,) = past.window_sums(np.array([usable]), [(2, 4)])
    np.testing.assert_allclose(found[0], counts[max(usable - 4, 0) : max(usable - 1, 0)].sum(axis=0), atol=1e-6)


def assert_known_then(families, events, calendar, step, targets):
    """Check that features of past targets are those of a history at a cutoff ``step - 1`` periods before each."""
    grid = grid_of()
    late = History.from_events(events.end, events, grid, calendar)
    early = [History.from_events((period - step + 1).start_time, events, grid, calendar) for period in targets]
    for family in families:
        shape = (len(events.crime_types), len(grid), len(family.columns(late)))
        out, then = (np.empty((size, *shape), dtype=np.float32) for size in (len(targets), 1))
        family.write(late, targets, step, out)
        for place, history in enumerate(early):
            family.write(history, targets[[place]], step, then)
            np.testing.assert_allclose(out[place], then[0], atol=2e-6)


@pytest.mark.slow
@settings(max_examples=25)
@given(st.lists(SPAN, min_size=1, max_size=12), st.integers(1, 3))
def test_features_of_past_weeks_are_what_was_known_then(rows, step):
    events = spans_of(rows)
    targets = Calendar().whole_periods(START, END)[3:]
    assert_known_then(FAMILIES, events, Calendar(), step, targets)


@settings(max_examples=10)
@given(st.lists(SPAN, min_size=1, max_size=12), st.integers(1, 10))
def test_features_of_past_days_are_what_was_known_then(rows, step):
    events = spans_of(rows)
    targets = Calendar("day").whole_periods(START, END)[28::8]
    for target in targets:
        assert_known_then(DAILY, events, Calendar("day"), step, pd.PeriodIndex([target]))


@pytest.mark.parametrize("step", [1, 7, 9])
def test_means_of_a_weekday_share_spans(step):
    """A span of Friday and Saturday gives each half an event, once a target may use the Saturday."""
    friday = START + pd.Timedelta(11, "D")
    events = spans_of([(11 * 1440, 2 * 1440, False, 0, TYPES[0])])
    history = History.from_events(END, events, grid_of(), Calendar("day"))
    targets = pd.period_range(friday + pd.Timedelta(1, "D"), friday + pd.Timedelta(22, "D"), freq="D")
    out = np.empty((len(targets), len(TYPES), 4, 1), dtype=np.float32)
    SameWeekday((1e9,)).write(history, targets, step, out)
    expected = []
    for target in targets:
        usable = target - step
        days = pd.period_range(history.panel.periods[0], usable, freq="D")
        same = days[days.day_of_week == target.day_of_week]
        known = usable.start_time >= friday + pd.Timedelta(1, "D")
        half = [day.start_time - friday in (pd.Timedelta(0), pd.Timedelta(1, "D")) for day in same]
        expected.append(known * sum(half) / 2 / max(len(same), 1))
    np.testing.assert_allclose(out[:, 0, 0, 0], expected, atol=1e-6)
    assert max(expected) > 0


def test_means_of_a_season_share_spans():
    rows = [(31 * 1440 - 720, 1440, False, 0, TYPES[0])]  # half a day in each of two weeks
    events = replace(spans_of(rows), end=START + pd.Timedelta(60, "W"))
    history = History.from_events(events.end, events, grid_of(), Calendar("week", "thursday"))
    targets = pd.period_range(history.panel.periods[52], periods=6, freq=history.panel.periods.freq)
    out = np.empty((len(targets), len(TYPES), 4, 1), dtype=np.float32)
    SameSeason(width=0).write(history, targets, 1, out)
    assert out[:, 0, 0, 0].tolist() == [0, 0, 0, 0.5, 0.5, 0]


def test_a_span_that_ends_seconds_after_a_bound_is_known_in_the_next_period():
    rows = [(3 * 1440, 4 * 1440, False, 0, TYPES[0])]  # to Monday, 00:00
    for seconds, known in ((0, 1), (30, 0)):
        events = spans_of(rows)
        table = events.table.assign(occurred_until=events.table["occurred_until"] + pd.Timedelta(seconds, "s"))
        events = replace(events, table=table.assign(reported_at=table["occurred_until"]))
        (found,) = Panel.count(events, grid_of(), Calendar()).past.window_sums(np.array([1, 2]), [(1, 2)])
        assert found[:, 0, 0].tolist() == [known, 1]


def test_no_event_is_at_once_in_the_past_and_in_the_week_to_forecast():
    """Counts of random weeks do not correlate with the past; parts that count before the span has ended would."""
    rng = np.random.default_rng(4)
    size, weeks = 8000, 60
    first = rng.integers(0, (weeks * 7 - 5) * 1440, size)
    x = 500_100.0 + 500 * rng.integers(0, 200, size)
    at = START + pd.to_timedelta(first, "min")
    until = at + pd.Timedelta(4, "D")
    end = START + pd.Timedelta(7 * weeks, "D")
    events = events_at(x, [4_800_100.0] * size, list(at), reported_at=list(until), end=end, types=("Burglary",))
    events = replace(events, table=events.table.assign(occurred_until=until))
    panel = Panel.count(events, SquareGrid(500).build(events), Calendar())
    shared = panel.shared
    early = PastCounts(panel.by_period, replace(shared, end=shared.period))
    correlation = {}
    for name, past in {"ended": panel.past, "not ended": early}.items():
        (last,) = past.window_sums(np.arange(1, weeks), [(1, 1)])
        correlation[name] = np.corrcoef(last.ravel(), panel.by_period[1:].ravel())[0, 1]
    chance = 1 / np.sqrt(panel.by_period[1:].size)
    assert abs(correlation["ended"]) < 4 * chance
    assert correlation["not ended"] > 10 * chance


@pytest.mark.parametrize(
    "method", [EWMA((4, 8)), LevelShare(half_life=4), EmpiricalBayes((4, 8))], ids=lambda one: type(one).__name__
)
def test_methods_read_the_shared_counts(method):
    rng = np.random.default_rng(1)
    rows = [
        (int(first), 4 * 1440, False, int(cell), TYPES[0])
        for first, cell in zip(rng.integers(0, 50 * 1440, 300), rng.integers(0, 4, 300), strict=True)
    ]
    history = History.from_events(END, spans_of(rows), grid_of(), Calendar())
    target = history.panel.periods[-1:] + 1
    whole = replace(history, panel=replace(history.panel, shared=None))
    shared, drawn = (method.fit(one).predict(target).expected.to_numpy() for one in (history, whole))
    assert not np.allclose(shared, drawn, rtol=1e-3)


def test_records_without_spans_over_periods_have_whole_counts():
    history = History.from_events(END, spans_of([(100, 60, False, 0, TYPES[0])]), grid_of(), Calendar())
    assert history.panel.shared is None
    assert history.panel.past.counts is history.panel.by_period


def test_an_end_in_a_far_year_has_no_parts():
    """Some records systems write 9999-12-31 for an end that is not known."""
    events = spans_of([(100, 60, False, 0, TYPES[0]), (9 * 1440, 7 * 1440, False, 1, TYPES[0])])
    never = pd.Series(["9999-12-31", events.table["occurred_until"][1]], dtype="datetime64[us]")
    events = replace(events, table=events.table.assign(occurred_until=never, reported_at=never))
    shared = Panel.count(events, grid_of(), Calendar()).shared
    assert sorted(shared.cell[shared.weight > 0].tolist()) == [1, 1]
