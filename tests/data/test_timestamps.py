import datetime

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.data import timestamps
from ilp_models.data.schema import ColumnMapping
from ilp_models.data.timestamps import TimestampParser


def columns(**roles):
    return ColumnMapping(crime_type="t", lat="lat", lon="lon", **roles)


def read(values, formats=("ISO8601",), role="occurred_at", input_time_zone=None, **others):
    table = pd.DataFrame({"when": values, **others})
    clock = TimestampParser("America/Toronto", input_time_zone, tuple(formats))
    return [str(time) for time in clock.occurred(table, columns(**{role: "when"}, **{name: name for name in others}))]


def test_iso_times_with_and_without_offset_mix():
    values = [
        "2021-03-02T05:00:00Z",
        "2021-03-02 05:00",
        "2021-07-02T05:00:00-07:00",
        "2021-03-02 05:00:00+00",
        "x",
        None,
    ]
    times = ["2021-03-02 00:00:00", "2021-03-02 05:00:00", "2021-07-02 08:00:00", "2021-03-02 00:00:00", "NaT", "NaT"]
    assert read(values) == times


def test_a_year_after_a_hyphen_is_not_an_offset():
    assert read(["02-03-2021"], ["%d-%m-%Y"]) == ["2021-03-02 00:00:00"]
    assert read(["2021-03", "2021-03-02"]) == ["2021-03-01 00:00:00", "2021-03-02 00:00:00"]


def test_times_are_converted_and_nonexistent_hours_are_missing():
    values = ["2021-07-02 05:00", "2021-01-02 05:00"]
    assert read(values, input_time_zone="UTC") == ["2021-07-02 01:00:00", "2021-01-02 00:00:00"]
    assert read(["2021-03-28 01:30"], input_time_zone="Europe/London") == ["NaT"]


def test_formats_are_tried_in_order():
    values = ["01/31/2017 11:50:00 PM", "31.01.2017", "2017"]
    assert read(values, ["%m/%d/%Y %I:%M:%S %p", "%d.%m.%Y"]) == ["2017-01-31 23:50:00", "2017-01-31 00:00:00", "NaT"]


def test_an_offset_is_used_where_the_format_has_one():
    assert read(["02/03/2021 11:50 +0100"], ["%d/%m/%Y %H:%M %z"]) == ["2021-03-02 05:50:00"]


def test_dates_are_used_as_written():
    values = ["2021/03/02 05:00:00+00", "2021/07/02 04:00:00+00", "2021/03/02 00:00:00-0500"]
    for formats in (["%Y/%m/%d %H:%M:%S"], ["%Y/%m/%d %H:%M:%S%z"]):
        hours = read(values, formats, role="occurred_date", occurred_hour=["13", "0", "23"])
        assert hours == ["2021-03-02 13:00:00", "2021-07-02 00:00:00", "2021-03-02 23:00:00"]


def test_impossible_hours_and_times_are_missing():
    dates = ["2021-03-02"] * 5
    hours = read(dates, role="occurred_date", occurred_hour=["24", "-1", "1.5", "", "7.0"])
    assert hours == ["NaT"] * 4 + ["2021-03-02 07:00:00"]
    times = read(dates, role="occurred_date", occurred_time=["24:00", "23:59:59", "7", "2130", "noon"])
    assert times == ["NaT", "2021-03-02 23:59:59", "2021-03-02 00:07:00", "2021-03-02 21:30:00", "NaT"]


def test_months_are_dated_to_their_first_day():
    values = ["2021-03", "2021-04"]
    assert read(values, ["%Y-%m"], role="occurred_month") == ["2021-03-01 00:00:00", "2021-04-01 00:00:00"]


def test_typed_columns_need_no_format():
    moments = pd.to_datetime(["2021-07-02 05:00"])
    assert read(moments) == ["2021-07-02 05:00:00"]
    assert read(moments.tz_localize("UTC")) == ["2021-07-02 01:00:00"]
    assert read(moments.tz_localize("UTC"), role="occurred_date") == ["2021-07-02 00:00:00"]
    assert read([datetime.date(2021, 7, 2)], role="occurred_date") == ["2021-07-02 00:00:00"]


def test_a_report_date_is_known_at_the_end_of_its_day():
    table = pd.DataFrame({"when": ["2021-07-02"], "told": ["2021-07-05"]})
    clock = TimestampParser("America/Toronto", None, ("ISO8601",))
    dated = clock.reported(table, columns(occurred_at="when", reported_date="told"))
    timed = clock.reported(table, columns(occurred_at="when", reported_at="told"))
    assert (str(dated[0]), str(timed[0])) == ("2021-07-06 00:00:00", "2021-07-05 00:00:00")
    assert clock.reported(table, columns(occurred_at="when")) is None


@settings(max_examples=25)
@given(
    st.lists(st.datetimes(pd.Timestamp(1990, 1, 1), pd.Timestamp(2030, 1, 1)), min_size=1, max_size=5),
    st.sampled_from(["%Y-%m-%d %H:%M:%S.%f", "%d/%m/%Y %H:%M:%S.%f", "%m-%d-%Y %I:%M:%S.%f %p"]),
)
def test_formatted_times_are_parsed_back(moments, written):
    assert read([f"{moment:{written}}" for moment in moments], [written]) == [str(pd.Timestamp(m)) for m in moments]


@pytest.mark.parametrize("zone", ["America/Toronto", None])
def test_the_same_time_zone_changes_nothing(zone):
    assert read(["2021-03-14 02:30", "2021-11-07 01:30"], input_time_zone=zone)[0] == "2021-03-14 02:30:00"


@pytest.mark.parametrize("role", ["occurred_at", "occurred_date", "occurred_month"])
def test_pieces_of_a_column_are_parsed_as_the_whole(monkeypatch, role):
    values = ["2021-03-02T05:00:00Z", "03/02/2021", None, "2021-03-02 05:00:00.5", "x", "2021-11-07 01:30-05:00"]
    formats = ("ISO8601", "%d/%m/%Y")
    whole = read(values, formats, role, input_time_zone="UTC")
    monkeypatch.setattr(timestamps, "_PIECE", 2)
    assert read(values, formats, role, input_time_zone="UTC") == whole
    assert read([], formats, role) == []
