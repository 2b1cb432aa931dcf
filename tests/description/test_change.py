"""The change table: counts by hand, late reports, and words only where there is evidence."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.description.change import ChangeTable
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.description import DescriptionData
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.report.change_view import change_sentences, change_view
from tests.builders import SquareLocator, square_grid

START = pd.Timestamp("2020-12-28")  # a Monday
END = pd.Timestamp("2022-12-26")  # 104 weeks later
CITY = ""


def events_at(times, *, delay_days=0.0, kinds=None, areas=None, **changes):
    times = pd.Series(pd.DatetimeIndex(times).astype("datetime64[us]"))
    delay = pd.Series(pd.to_timedelta(np.broadcast_to(delay_days, len(times)), unit="D").astype("timedelta64[us]"))
    table = pd.DataFrame(
        {
            "occurred_at": times,
            "reported_at": times + delay,
            "crime_type": pd.Categorical(["Theft"] * len(times) if kinds is None else kinds),
            "x": 630_100.0,
            "y": 4_834_100.0,
        }
    )
    if areas is not None:
        table["area"] = pd.Categorical(areas)
    settings = {"crs": "EPSG:32617", "time_zone": "America/Toronto", "start": START, "end": END, **changes}
    return Events(table[table["reported_at"] < settings["end"]], **settings)


def steady(rng, weekly, weeks=104):
    count = rng.poisson(weekly * weeks)
    return END - pd.to_timedelta(rng.uniform(1e-6, 7 * weeks, count), unit="D")


def describe(events, parents=None, **settings):
    grid = replace(square_grid(), parents=pd.DataFrame() if parents is None else parents)
    return ChangeTable(**settings).describe(DescriptionData(events, grid))


def one(part, comparison, crime_type="Theft", area=CITY):
    table = part.tables["change"]
    rows = table[(table["comparison"] == comparison) & (table["crime_type"] == crime_type) & (table["area"] == area)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_one_crime_a_day_is_counted_in_every_comparison():
    table = describe(events_at(pd.date_range(START, END, freq="D", inclusive="left"))).tables["change"]
    found = {row["comparison"]: (row["count"], row["earlier"]) for row in table.to_dict("records")}
    assert found == {
        "previous period": (7, 7),
        "same period last year": (7, 7),
        "four periods before": (28, 28),
        "same four periods last year": (28, 28),
        "year to date": (359, 359),  # 1 January to 25 December
    }
    assert set(table["verdict"]) == {"no clear change"}


def test_days_of_the_spans_are_given():
    row = one(describe(events_at([START])), "same period last year")
    days = [str(row[name]) for name in ("first", "last", "earlier_first", "earlier_last")]
    assert days == ["2022-12-19", "2022-12-25", "2021-12-20", "2021-12-26"]  # Monday to Sunday, both


def test_a_year_of_another_length_counts_by_the_day():
    daily = pd.date_range("2022-12-27", "2024-12-22", freq="D")
    events = events_at(daily, start=pd.Timestamp("2022-12-26"), end=pd.Timestamp("2024-12-23"))
    row = one(describe(events), "year to date")
    assert (row["count"], row["earlier"]) == (357, 356)  # 2024 has a 29 February
    assert row["change"] == pytest.approx(0)
    assert row["p"] > 0.9


def test_months_are_compared_with_the_same_months():
    events = events_at(pd.date_range(START, END, freq="D", inclusive="left"))
    row = one(describe(events, calendar=Calendar("month")), "same four periods last year")
    assert (str(row["first"]), str(row["earlier_first"]), str(row["earlier_last"])) == (
        "2022-08-01",
        "2021-08-01",
        "2021-11-30",
    )


def test_a_real_rise_is_named_and_a_steady_city_is_not():
    rng = np.random.default_rng(1)
    times = list(steady(rng, 40.0))
    assert set(describe(events_at(times)).tables["change"]["verdict"]) == {"no clear change"}
    times += list(END - pd.to_timedelta(rng.uniform(0.001, 7, 60), unit="D"))
    part = describe(events_at(times))
    assert one(part, "previous period")["verdict"] == "more"
    assert one(part, "same period last year")["verdict"] == "more"
    assert one(part, "previous period")["low"] > 0


def test_among_many_steady_areas_words_are_rare():
    rng = np.random.default_rng(7)
    areas, times = [], []
    for area in range(60):
        own = steady(rng, 3.0)
        times += list(own)
        areas += [f"Beat {area}"] * len(own)
    table = describe(events_at(times, areas=areas)).tables["change"]
    assert (table["area"] != CITY).sum() == 300
    assert table["verdict"].isin(["more", "fewer"]).sum() <= 2
    assert (table["p"] < 0.05).sum() > 5  # single tests would have named these


def test_late_reports_do_not_look_like_a_fall():
    rng = np.random.default_rng(3)
    times = steady(rng, 80.0)
    events = events_at(times, delay_days=rng.exponential(10, len(times)))
    row = one(describe(events), "previous period")
    known = events.table["occurred_at"]
    week = pd.Timedelta(weeks=1)
    raw = [int(known.between(END - (k + 1) * week, END - k * week, inclusive="left").sum()) for k in (0, 1)]
    assert raw[0] < 0.7 * raw[1]  # what a plain count would show
    assert row["count"] == raw[0]
    assert row["low"] < 0 < row["high"]
    assert row["verdict"] == "no clear change"


def test_reports_after_the_end_of_the_records_are_named():
    events = events_at([*pd.date_range(START, END, freq="D", inclusive="left")])
    late = events.table["occurred_at"] >= END - pd.Timedelta(days=3)
    after = events.table["reported_at"].mask(late, END + pd.Timedelta(days=30))
    part = describe(replace(events, table=events.table.assign(reported_at=after)))
    assert one(part, "previous period")["count"] == 4
    assert part.tables["periods"].query("area == ''")["count"].iloc[-1] == 7
    assert any(
        note.startswith(f"Records that were reported from {END.date()} on, after the end of the records: 3.")
        for note in part.notes
    )
    assert not any("were reported from" in note for note in describe(events).notes)


def test_periods_that_are_not_complete_are_left_out_and_named():
    events = events_at(pd.date_range(START, END, freq="D", inclusive="left"), settles_after=pd.Timedelta(days=9))
    part = describe(events)
    assert part.facts["period"] == "2022-12-05 to 2022-12-11"
    assert any(note.startswith("Records from 2022-12-12 on") and note.endswith(": 14.") for note in part.notes)


def test_short_records_name_the_comparisons_that_they_cannot_make():
    events = events_at(pd.date_range("2022-12-01", END, freq="D", inclusive="left"), start=pd.Timestamp("2022-12-01"))
    part = describe(events)
    assert set(part.tables["change"]["comparison"]) == {"previous period"}
    assert "same period last year" in part.notes[0]
    week = events_at([END - pd.Timedelta(days=1)], start=END - pd.Timedelta(days=7))
    assert len(describe(week).tables["change"]) == 0


def test_records_without_a_whole_period_are_refused():
    events = events_at([END - pd.Timedelta(days=1)], start=END - pd.Timedelta(days=3))
    with pytest.raises(InputError, match="no whole week that is completely reported"):
        describe(events)


def test_types_and_areas_add_up_and_an_area_without_an_event_has_rows():
    rng = np.random.default_rng(5)
    times = steady(rng, 20.0)
    kinds = rng.choice(["Theft", "Robbery"], len(times))
    areas = pd.Categorical(rng.choice(["North", "South", None], len(times)), categories=["North", "South"])
    beats = pd.DataFrame({"area": ["North"] * 6 + ["West"] * 6})
    part = describe(events_at(times, kinds=kinds, areas=areas), beats)
    recent = part.tables["periods"].groupby(["area", "crime_type"])["count"].sum()
    assert recent[CITY, "all"] == recent[CITY, "Theft"] + recent[CITY, "Robbery"]
    assert recent["North", "all"] + recent["South", "all"] < recent[CITY, "all"]
    assert any("Records without an area, which count in the whole study area only" in note for note in part.notes)
    assert one(part, "previous period", "all", "West")["verdict"] == "none recorded"


def test_counts_that_vary_more_than_chance_need_a_larger_change():
    rng = np.random.default_rng(11)
    weekly = np.repeat([20, 60], 52)
    rng.shuffle(weekly)
    times = [
        START + pd.Timedelta(weeks=int(week)) + pd.Timedelta(days=float(day))
        for week, count in enumerate(weekly)
        for day in rng.uniform(0, 7, count)
    ]
    row = one(describe(events_at(times)), "previous period")
    assert row["dispersion"] > 5
    assert row["verdict"] == "no clear change"


@pytest.mark.parametrize(
    "settings",
    [
        *({"confidence": value} for value in (0.0, "0.9", None, [0.9])),
        {"false_discovery_rate": 1.0},
        *({"series_periods": value} for value in (1, 2.5, "52")),
        {"calendar": "week"},
    ],
    ids=str,
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        ChangeTable(**settings)


def test_each_level_of_areas_has_its_own_rows_and_sums_to_the_city():
    rng = np.random.default_rng(3)
    times = steady(rng, 40)
    x = 630_100.0 + 500 * rng.integers(0, 4, len(times))
    events = events_at(times, areas=np.where(x < 631_000, "West", "1"))
    events = replace(events, table=events.table.assign(x=x))
    grid = square_grid(2, 4)
    columns = np.arange(len(grid)) % 4
    parents = pd.DataFrame({"beat": (columns + 1).astype(str)}, index=grid.cells)
    grid = replace(grid, parents=parents, locator=SquareLocator(2, 4))
    part = ChangeTable().describe(DescriptionData(events, grid, "area", ("beat",)))
    table = part.tables["change"]
    assert (part.facts["levels"], part.facts["areas"]) == (2, 6)
    assert set(table["level"]) == {"", "area", "beat"}
    for comparison, rows in table.groupby("comparison"):
        city = rows.loc[rows["level"] == "", "count"].item()
        for level in ("area", "beat"):
            assert rows.loc[rows["level"] == level, "count"].sum() == city, comparison
    last = table["comparison"] == "previous period"
    inside = (events.table["occurred_at"] >= END - pd.Timedelta(7, "D")).to_numpy()
    for level, own in (
        ("area", np.where(x < 631_000, "West", "1")),
        ("beat", ((x - 630_100) // 500 + 1).astype(int).astype(str)),
    ):
        named = table[last & (table["level"] == level)].set_index("area")["count"]
        assert named.to_dict() == pd.Series(own[inside]).value_counts().reindex(named.index, fill_value=0).to_dict()
    periods = part.tables["periods"]
    assert not periods.duplicated(["level", "area", "crime_type", "period"]).any()


def test_an_area_has_its_level_on_the_page_where_there_are_several():
    jump = pd.date_range(END - pd.Timedelta(7, "D"), END, periods=60, inclusive="left")
    events = events_at(steady(np.random.default_rng(0), 3).append(jump), areas=None)
    events = replace(events, table=events.table.assign(area=pd.Categorical(["1"] * len(events))))
    parents = pd.DataFrame({"beat": ["1"] * 12}, index=square_grid().cells)
    grid = replace(square_grid(), parents=parents, locator=SquareLocator(3, 4))
    part = ChangeTable().describe(DescriptionData(events, grid, "beat", ("area",)))
    assert "Areas with a clear change: 1 (area), 1 (beat)." in list(change_sentences(part))
    assert {row["area"] for row in change_view(part)["clear_areas"]} == {"1 (area)", "1 (beat)"}
    assert change_view(part)["areas"] == 2


@pytest.mark.parametrize(
    ("levels", "message"), [(("area", ("area",)), "has a level twice"), (("area", ("beat",)), "'beat' is no level")]
)
def test_unknown_and_repeated_levels_are_refused(levels, message):
    events = events_at(steady(np.random.default_rng(0), 3))
    events = replace(events, table=events.table.assign(area=pd.Categorical(["1"] * len(events))))
    with pytest.raises(InputError, match=message):
        DescriptionData(events, square_grid(), *levels)
