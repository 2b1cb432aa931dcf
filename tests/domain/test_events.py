import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events, shift_times
from tests.builders import events_at

ROOT = Path(__file__).parents[2]
EVENTS = events_at(
    [500_100.0, 500_200.0, 500_300.0],
    [4_800_100.0, 4_800_200.0, 4_800_300.0],
    ["2021-01-05 10:00", "2021-01-06 23:59", "2021-01-07"],
    reported_at=["2021-01-05 10:00", "2021-01-09", "2021-01-08"],
    area=["Annex", None, "Malvern"],
)


def changed(**columns):
    return replace(EVENTS, table=EVENTS.table.assign(**columns))


def test_known_events_are_those_reported_strictly_before_the_cutoff():
    known = EVENTS.known_at(pd.Timestamp("2021-01-08"))
    assert known.table["x"].tolist() == [500_100.0]
    assert known.end == pd.Timestamp("2021-01-08")
    assert EVENTS.known_at(pd.Timestamp("2021-01-08 00:00:01")).table["x"].tolist() == [500_100.0, 500_300.0]


def test_a_cutoff_after_the_records_does_not_change_their_end():
    assert EVENTS.known_at(pd.Timestamp("2030-01-01")).end == EVENTS.end


def test_a_type_without_events_keeps_its_name():
    assert EVENTS.crime_types == ("Assault", "Break and Enter")
    assert EVENTS.known_at(pd.Timestamp("2021-01-01")).crime_types == EVENTS.crime_types


def test_unknown_and_missing_columns_are_refused():
    with pytest.raises(InputError, match=r"not allowed \['suspect_name'\]"):
        changed(suspect_name="x")
    with pytest.raises(InputError, match=r"missing columns \['crime_type'\]"):
        replace(EVENTS, table=EVENTS.table.drop(columns="crime_type"))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"x": np.nan}, "missing values in x; drop incomplete records"),
        ({"x": np.inf}, "x as finite float64 metres"),
        ({"y": 4_800_100}, "y as finite float64 metres"),
        ({"crime_type": "Assault"}, "crime_type as a categorical column"),
        ({"area": "Annex"}, "area as a categorical column"),
        ({"occurred_at": pd.Timestamp("2021-01-05", tz="UTC")}, "occurred_at as wall-clock times without a zone"),
        ({"reported_at": "2021-01-10"}, "reported_at as wall-clock times without a zone"),
        ({"reported_at": pd.Timestamp("2021-01-06")}, "reported before they occurred"),
    ],
)
def test_values_of_the_wrong_kind_are_refused(columns, words):
    with pytest.raises(InputError, match=words):
        changed(**columns)


@pytest.mark.parametrize(
    ("crs", "words"),
    [
        ("EPSG:4326", "the unit of EPSG:4326 is degree. Use a UTM zone"),
        ("EPSG:2272", "the unit of EPSG:2272 is US survey foot"),
        ("EPSG:4978", "need a projected CRS"),
        ("Toronto", "Toronto is not a coordinate reference system"),
    ],
)
def test_a_crs_not_projected_in_metres_is_refused(crs, words):
    with pytest.raises(InputError, match=words):
        replace(EVENTS, crs=crs)


@pytest.mark.parametrize(
    "other",
    [
        changed(x=EVENTS.table["x"] + 1e-6),
        changed(occurred_at=EVENTS.table["occurred_at"] - pd.Timedelta("1s")),
        changed(area=EVENTS.table["area"].cat.rename_categories({"Annex": "The Annex"})),
        changed(crime_type=EVENTS.table["crime_type"].cat.rename_categories({"Break and Enter": "Burglary"})),
        replace(EVENTS, table=EVENTS.table.iloc[::-1]),
        replace(EVENTS, end=pd.Timestamp("2021-02-02")),
        replace(EVENTS, crs="EPSG:32618"),
        replace(EVENTS, settles_after=pd.Timedelta("7D")),
    ],
)
def test_every_change_changes_the_digest(other):
    assert other.digest() != EVENTS.digest()


def test_the_digest_does_not_depend_on_the_resolution_of_times_or_the_order_of_columns():
    times = {name: EVENTS.table[name].astype("datetime64[ns]") for name in ("occurred_at", "reported_at")}
    assert changed(**times).digest() == EVENTS.digest()
    assert replace(EVENTS, table=EVENTS.table[EVENTS.table.columns[::-1]]).digest() == EVENTS.digest()


@pytest.mark.slow
def test_the_digest_is_the_same_in_another_process():
    code = "from tests.domain.test_events import EVENTS; import sys; sys.stdout.write(EVENTS.digest())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert other.stdout == EVENTS.digest()


def test_city_and_country_do_not_change_the_digest():
    assert replace(EVENTS, city="Toronto", country="CA", subdivision="ON").digest() == EVENTS.digest()
    assert replace(EVENTS, city="Toronto").known_at(EVENTS.end).city == "Toronto"


def test_events_print_their_number_span_and_place():
    named = replace(EVENTS, city="<b>Toronto</b>")
    assert repr(named) == ("<Events: 3 events, 2 crime types, 2021-01-04 to 2021-02-01, <b>Toronto</b>, EPSG:32617>")
    html = named._repr_html_()
    assert "&lt;b&gt;Toronto" in html
    assert "<b>" not in html
    assert '<th scope="row">events of Assault</th><td>3</td>' in html


def test_the_frame_of_events_is_a_copy_of_their_table():
    frame = EVENTS.to_frame()
    pd.testing.assert_frame_equal(frame, EVENTS.table)
    frame["x"] = 0.0
    assert EVENTS.table["x"].min() > 0


def spans(until, reported):
    """Return two events: one with a span that ends at ``until``, one with one time."""
    table = pd.DataFrame(
        {
            "occurred_at": pd.to_datetime(["2021-01-08 17:00", "2021-01-09 10:00"]).astype("datetime64[us]"),
            "reported_at": pd.to_datetime([reported, "2021-01-09 10:00"]).astype("datetime64[us]"),
            "crime_type": pd.Categorical(["Burglary", "Burglary"]),
            "x": 630_100.0,
            "y": 4_834_100.0,
            "occurred_until": pd.to_datetime([until, None]).astype("datetime64[us]"),
        }
    )
    return Events(table, "EPSG:32617", "America/Toronto", pd.Timestamp("2021-01-04"), pd.Timestamp("2021-02-01"))


def test_an_event_in_a_span_counts_once_at_a_time_in_it():
    events = spans("2021-01-11 08:00", "2021-01-11 09:00")
    counted = events.counted()
    drawn = counted.table["occurred_at"].iloc[0]
    assert pd.Timestamp("2021-01-08 17:00") <= drawn < pd.Timestamp("2021-01-11 08:00")
    assert counted.table["occurred_at"].iloc[1] == pd.Timestamp("2021-01-09 10:00")
    assert "occurred_until" not in counted.table
    assert counted.counted() is counted
    assert events.digest() != counted.digest()


@pytest.mark.parametrize(
    ("until", "reported", "message"),
    [
        ("2021-01-08 16:00", "2021-01-11 09:00", "end before they occurred"),
        ("2021-01-11 08:00", "2021-01-10 09:00", "reported before occurred_until"),
    ],
)
def test_spans_that_cannot_be_are_refused(until, reported, message):
    with pytest.raises(InputError, match=message):
        spans(until, reported)


def test_a_night_counts_on_the_day_on_which_its_shift_began():
    times = pd.Series(pd.to_datetime(["2021-01-10 17:59", "2021-01-10 18:00", "2021-01-11 01:59", "2021-01-11 02:00"]))
    expected = [pd.NaT, pd.Timestamp("2021-01-10 18:00"), pd.Timestamp("2021-01-10 23:59"), pd.NaT]
    assert shift_times(times, 18, 2).to_list() == expected
    inside = shift_times(times, 2, 18).notna().to_list()
    assert inside == [True, False, False, True]  # the other hours of the day
    assert shift_times(times, 2, 18).dropna().equals(times[inside])


def test_records_without_times_have_no_shifts():
    events = spans("2021-01-11 08:00", "2021-01-11 09:00")
    assert len(events.within_hours(9, 11)) >= 1  # the second event is at 10:00
    with pytest.raises(InputError, match="no times of day: they are exact to the day only"):
        replace(events, intake=SimpleNamespace(resolution="day")).within_hours(9, 11)
