"""Incidents in a span of time: ends that are missing, reversed or too far away, by row."""

import pandas as pd
import pytest

from ilp_models.data.delimited import DelimitedFiles
from ilp_models.domain.errors import InputError

HEADER = "from,to,to_day,to_clock,what,lat,lon\n"
SPANS = [
    ("2021-01-04 10:00", "2021-01-04 18:00", "2021-01-04", "1800"),
    ("2021-01-05 10:00", "", "", ""),
    ("2021-01-06 10:00", "2021-01-06 09:00", "2021-01-06", "0900"),
    ("2021-01-07 10:00", "2021-01-20 10:00", "2021-01-20", "1000"),
    ("2021-01-08 10:00", "2021-01-08 10:00", "2021-01-08", "1000"),
]
COLUMNS = {"occurred_at": "from", "crime_type": "what", "lat": "lat", "lon": "lon"}


@pytest.fixture
def path(tmp_path):
    lines = [f"{','.join(span)},Burglary,{43.65 + 0.001 * i},-79.4" for i, span in enumerate(SPANS)]
    (tmp_path / "spans.csv").write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return str(tmp_path / "spans.csv")


def read(path, columns, **settings):
    return DelimitedFiles(path, {**COLUMNS, **columns}, "America/Toronto", **settings).read()


def ends(events):
    return [None if pd.isna(one) else str(one)[:16] for one in events.table["occurred_until"]]


def found(events):
    return {finding.rule: (finding.action, finding.count) for finding in events.intake.findings}


def test_missing_and_reversed_ends_leave_the_start_and_are_counted(path):
    events = read(path, {"occurred_until": "to"})
    assert ends(events) == ["2021-01-04 18:00", None, None, "2021-01-20 10:00", "2021-01-08 10:00"]
    assert found(events)["end of the span missing or unreadable"] == ("flagged", 1)
    assert found(events)["end of the span before its start"] == ("flagged", 1)


def test_a_date_and_a_time_of_day_make_the_same_end(path):
    split = read(path, {"occurred_until_date": "to_day", "occurred_until_time": "to_clock"})
    assert ends(split) == ends(read(path, {"occurred_until": "to"}))


def test_a_date_alone_ends_with_its_day(path):
    assert ends(read(path, {"occurred_until_date": "to_day"}))[0] == "2021-01-05 00:00"


def test_a_span_over_the_limit_is_set_aside(path):
    events = read(path, {"occurred_until": "to"}, max_span="7 days", max_rejected_share=0.5)
    assert len(events) == 4
    assert found(events)["span longer than data.max_span=7 days"] == ("set aside", 1)


def test_an_incident_is_known_from_the_end_of_its_span(path):
    events = read(path, {"occurred_until": "to"}, reporting_delay="1 day")
    known = [str(one)[:16] for one in events.table["reported_at"]]
    assert known == ["2021-01-05 17:59", "2021-01-06 10:00", "2021-01-07 10:00", "2021-01-21 09:59", "2021-01-09 10:00"]
    assert "1 days after the end of its span" in " ".join(events.intake.notes)
    assert len(read(path, {"occurred_until": "to"}).known_at(pd.Timestamp("2021-01-04 12:00"))) == 0
    day = read(path, {"occurred_until_date": "to_day"}).known_at(pd.Timestamp("2021-01-05"))
    assert len(day) == 1  # the span of a whole day is over at midnight


def test_the_digest_knows_the_ends_and_files_without_them_keep_theirs(path):
    spans, starts = read(path, {"occurred_until": "to"}), read(path, {})
    assert spans.digest() != starts.digest()
    assert "occurred_until" not in starts.table
    assert read(path, {"occurred_until": None}).intake.reading == starts.intake.reading
    assert spans.intake.reading != starts.intake.reading


def test_ends_move_with_the_clock_of_another_zone(path):
    moved = read(path, {"occurred_until": "to"}).converted(crs="EPSG:32617", time_zone="UTC")
    assert ends(moved)[:2] == ["2021-01-04 23:00", None]


@pytest.mark.parametrize(
    ("columns", "settings", "message"),
    [
        (
            {"occurred_until": "to", "occurred_until_date": "to_day"},
            {},
            "one of occurred_until and occurred_until_date",
        ),
        ({"occurred_until_time": "to_clock"}, {}, "occurred_until_time only with occurred_until_date"),
        ({"occurred_at": None, "occurred_month": "from", "occurred_until": "to"}, {}, "occurred_month has no span"),
        ({"occurred_until": "to"}, {"max_span": "soon"}, "data.max_span='soon'"),
        ({"occurred_until": "until"}, {}, "'until'"),
        ({}, {"max_span": "7 days"}, "Set data.columns.occurred_until as well"),
    ],
)
def test_settings_that_do_not_fit_are_refused(path, columns, settings, message):
    with pytest.raises(InputError, match=message):
        read(path, columns, **settings)


def test_without_report_times_an_incident_is_known_at_the_end_of_its_span(path):
    table = read(path, {"occurred_until": "to"}, reporting_delay="1 days").table
    assert str(table["reported_at"].iloc[0]) == "2021-01-05 17:59:59.999999"  # a day after the last moment
    assert str(table["reported_at"].iloc[1]) == "2021-01-06 10:00:00"  # a day after the only time


def test_a_report_within_the_span_counts_as_known_at_its_end(tmp_path):
    rows = "2021-01-04 10:00,2021-01-04 18:00,2021-01-04 12:00,Burglary,43.65,-79.4\n"
    (tmp_path / "a.csv").write_text(f"from,to,told,what,lat,lon\n{rows}", encoding="utf-8")
    events = read(str(tmp_path / "a.csv"), {"occurred_until": "to", "reported_at": "told"})
    assert str(events.table["reported_at"].iloc[0]) == "2021-01-04 17:59:59.999999"
    assert found(events)["reported before the end of the span"] == ("flagged", 1)
