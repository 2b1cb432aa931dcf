"""The day-by-hour table, on simulated spans with known times."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.description.hours import HourProfile
from ilp_models.domain.description import DescriptionData
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from tests.builders import square_grid

START = pd.Timestamp("2023-01-02")  # a Monday
WEEKS = 52


def events_at(times, until=None, kinds=None):
    times = pd.Series(pd.DatetimeIndex(times).astype("datetime64[us]"))
    table = pd.DataFrame(
        {
            "occurred_at": times,
            "reported_at": times,
            "crime_type": pd.Categorical(kinds or ["Burglary"] * len(times)),
            "x": 630_100.0,
            "y": 4_834_100.0,
        }
    )
    if until is not None:
        table["occurred_until"] = pd.Series(pd.DatetimeIndex(until).astype("datetime64[us]"))
        table["reported_at"] = table["occurred_until"].fillna(table["occurred_at"])
    return Events(table, "EPSG:32617", "America/Toronto", START, START + pd.Timedelta(weeks=WEEKS))


def describe(events, **settings):
    return HourProfile(**settings).describe(DescriptionData(events, square_grid()))


def series(part):
    return part.tables["hours"].query("area == '' and crime_type == crime_type.iloc[0]")


def test_single_times_count_in_their_hour():
    part = describe(events_at(["2023-01-02 05:10", "2023-01-02 05:59", "2023-01-03 23:00"]))
    table = series(part).set_index(["weekday", "hour"])["events"]
    assert table[(0, 5)] == 2
    assert table[(1, 23)] == 1
    assert table.sum() == 3
    assert len(table) == 168


def test_spans_recover_the_profile_and_start_end_and_middle_do_not():
    rng = np.random.default_rng(0)
    size = 40_000
    first = np.array([8 * 60, 22 * 60, 19 * 60])  # at work, asleep, out for the evening: minutes of the day
    length = np.array([9 * 60, 8 * 60, 3 * 60])
    kind = rng.choice(3, size, p=[0.5, 0.3, 0.2])
    minute = first[kind] + rng.uniform(-30, 30, size)
    span = length[kind] + rng.uniform(-30, 30, size)
    start = START + pd.to_timedelta(rng.integers(0, 7 * WEEKS - 2, size) * 1440 + minute, unit="m")
    until = start + pd.to_timedelta(span, unit="m")
    true = start + pd.to_timedelta(rng.random(size) * span, unit="m")

    def profile(*times):
        hours = series(describe(events_at(*times))).groupby("hour")["events"].sum()
        return (hours / hours.sum()).to_numpy()

    truth = profile(true)
    middle = start + pd.to_timedelta(span / 2, unit="m")
    shortcuts = [np.abs(profile(one) - truth).sum() / 2 for one in (start, until, middle)]
    assert np.abs(profile(start, until) - truth).sum() / 2 < 0.02
    assert min(shortcuts) > 0.5


def test_only_whole_weeks_at_the_end_are_counted():
    times = ["2023-01-02 10:00", "2023-12-26 10:00"]
    part = describe(events_at(times), weeks=2)
    assert series(part)["events"].sum() == 1
    assert part.facts["weeks"] == 2


def test_intervals_contain_the_count_and_widen_where_it_is_small():
    part = describe(events_at(["2023-01-02 05:10"] * 9))
    table = series(part).set_index(["weekday", "hour"])
    assert table.loc[(0, 5), "low"] < 9 < table.loc[(0, 5), "high"]
    assert table.loc[(3, 5), "low"] == 0
    assert table.loc[(3, 5), "high"] == pytest.approx(3.689, abs=0.001)  # exact limit of no event


def test_records_without_times_of_day_have_no_table():
    part = describe(events_at(["2023-01-02", "2023-01-03"]))
    assert len(part.tables["hours"]) == 0
    assert "no times of day" in part.notes[0]


def test_a_heap_at_midnight_is_named():
    times = [*["2023-02-01 00:00"] * 20, *(f"2023-02-02 {hour:02d}:17" for hour in range(24))]
    part = describe(events_at(times))
    assert part.facts["doubtful_hours"] == "0"
    assert "exactly midnight" in part.notes[0]


def test_noon_of_a_busy_day_is_no_heap():
    part = describe(events_at([f"2023-02-{day:02d} {hour:02d}:00" for day in range(1, 29) for hour in range(9, 18)]))
    assert part.facts["doubtful_hours"] == ""


def test_a_heap_alone_makes_no_hour_busy():
    even = [f"2023-02-{day:02d} {hour:02d}:17" for day in range(1, 15) for hour in range(24)]
    part = describe(events_at([*["2023-02-01 00:00"] * 60, *even]))
    assert part.facts["doubtful_hours"] == "0"
    assert part.facts["p_even_hours"] == pytest.approx(1)


def test_areas_and_types_hold_their_own_events_and_no_others():
    rng = np.random.default_rng(3)
    events = events_at(START + pd.to_timedelta(rng.integers(0, 364 * 24, 400), unit="h"), kinds=["a", "b"] * 200)
    names = np.array(["East", "West", None], dtype=object)[rng.integers(0, 3, 400)]
    events = replace(events, table=events.table.assign(area=pd.Categorical(names)))
    part = HourProfile().describe(DescriptionData(events, square_grid(), "area"))
    found = part.tables["hours"].groupby(["area", "crime_type"])["events"].sum()
    found = found[found > 0]
    assert found.to_dict() == {
        **{("", "all"): 400, ("", "a"): 200, ("", "b"): 200},
        **{(name, "all"): int((names == name).sum()) for name in ("East", "West")},
        **{
            (name, kind): int(((names == name) & (events.table["crime_type"] == kind).to_numpy()).sum())
            for name in ("East", "West")
            for kind in ("a", "b")
        },
    }


def test_spans_are_counted_and_long_ones_named():
    part = describe(
        events_at(
            ["2023-01-02 05:10", "2023-01-02 05:10", "2023-01-02 05:10"],
            ["2023-01-02 06:10", "NaT", "2023-01-20 05:10"],
        )
    )
    assert any("Records with a span of time: 2. Records with one time: 1." in note for note in part.notes)
    assert any(note == "Spans of a week or more, which add the same weight to each hour: 1." for note in part.notes)
    assert series(part)["events"].sum() == pytest.approx(3)


def test_each_crime_type_has_its_own_rows_and_the_sum_comes_first():
    part = describe(events_at(["2023-01-02 05:10", "2023-01-02 06:10"], kinds=["Burglary", "Theft"]))
    totals = part.tables["hours"].query("area == ''").groupby("crime_type", sort=False)["events"].sum()
    assert totals.to_dict() == {"all": 2, "Burglary": 1, "Theft": 1}
    assert next(iter(totals.index)) == "all"


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"weeks": 0}, "weeks=0"), ({"weeks": 1.5}, "whole"), ({"confidence": "1"}, "confidence='1'")],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        HourProfile(**settings)


@pytest.mark.parametrize(("areas", "full"), [(3, True), (300, False)])
def test_each_area_has_its_crime_types_unless_there_are_too_many(areas, full):
    times = [f"2023-01-02 {hour % 24:02d}:10" for hour in range(2 * areas)]
    events = events_at(times, kinds=["Burglary", "Theft"] * areas)
    labels = pd.Categorical([f"Beat {number // 2:03d}" for number in range(2 * areas)])
    grid = replace(square_grid(), parents=pd.DataFrame())
    data = DescriptionData(replace(events, table=events.table.assign(area=labels)), grid)
    totals = HourProfile().describe(data).tables["hours"].groupby(["area", "crime_type"])["events"].sum()
    assert totals[""].to_dict() == {"all": 2 * areas, "Burglary": areas, "Theft": areas}
    assert totals["Beat 002"].to_dict() == ({"all": 2, "Burglary": 1, "Theft": 1} if full else {"all": 2})
    assert len(totals) == 3 + areas * (3 if full else 1)
