import json

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.intake import IntakeError
from tests.data.csv_records import COLUMNS, HEADER, rows, text

OUTSIDE_LIMIT = {"max_rejected_share": 1.0}


def actions(report):
    return {finding.rule: (finding.action, finding.count) for finding in report.findings if finding.unit == "rows"}


def test_each_rejected_row_is_counted_under_one_rule(source):
    bad = [
        ",Theft,43.65,-79.40,B0",
        "31/02/2021,Theft,43.65,-79.40,B0",
        "2999-01-01,Theft,43.65,-79.40,B0",
        "2021-01-05,,43.65,-79.40,B0",
        "2021-01-05,Theft,,-79.40,B0",
        "2021-01-05,Theft,0,0,B0",
        "2021-01-05,Theft,-79.40,43.65,B0",
        "2021-01-05,Theft,48.85,2.35,B0",
        "2021-01-05,Theft,43.65",
        ",,,,",
    ]
    events = source(text([*rows(40), *bad]), **OUTSIDE_LIMIT).read()
    report = events.intake
    assert actions(report) == {
        "number of fields differs from the header": ("set aside", 1),
        "crime type missing": ("set aside", 2),
        "time missing or unreadable": ("set aside", 2),
        "time in the future": ("set aside", 1),
        "coordinates missing or not numeric": ("set aside", 1),
        "coordinates are zero": ("set aside", 1),
        "coordinates look swapped": ("set aside", 1),
        "coordinates outside the study area": ("set aside", 1),
    }
    assert (report.rows_read, len(events)) == (50, 40)
    by_rule = {finding.rule: finding for finding in report.findings}
    assert by_rule["time missing or unreadable"].examples == (
        "records.csv record 41, when=(empty)",
        "records.csv record 42, when=99/99/9999",
    )
    assert by_rule["coordinates look swapped"].examples == ("records.csv record 47, lon=99.99, lat=-99.99",)
    assert report.rejected_share == pytest.approx(0.2)
    assert json.loads(json.dumps(report.to_dict()))["rows_kept"] == 40


def test_excluded_rows_are_not_rejects(source):
    lines = [*rows(10), *rows(10, "2020-06-01"), *rows(10, "2021-03-01"), *rows(10, what="Drugs"), *rows(10)]
    lines = [f"{line},{'Yes' if index < 40 else 'No'}" for index, line in enumerate(lines)]
    events = source(
        text(lines, f"{HEADER},city"),
        filters={"city": ["yes"]},
        crime_types={"Theft": "Theft", "Drugs": None},
        start="2021-01-01",
        end="2021-02-01",
    ).read()
    report = events.intake
    assert actions(report) == {
        "does not match data.filters": ("left out", 10),
        "crime type excluded by data.crime_types": ("left out", 10),
        "before the start 2021-01-01": ("left out", 10),
        "at or after the end 2021-02-01": ("left out", 10),
    }
    assert (report.rejected_share, len(events)) == (0.0, 10)
    assert (events.start, events.end) == (pd.Timestamp("2021-01-01"), pd.Timestamp("2021-02-01"))


@pytest.mark.parametrize(
    ("changes", "kept", "told"),
    [
        ({}, 12, {"exact duplicates": ("flagged", 2)}),
        ({"duplicates": "drop"}, 10, {"exact duplicates": ("left out", 2)}),
        ({"record_columns": ["case"]}, 12, {"exact duplicates": ("flagged", 1)}),
    ],
)
def test_exact_duplicates_are_flagged_or_dropped(source, changes, kept, told):
    lines = [f"{line},{number}" for number, line in enumerate(rows(10))]
    lines += [lines[0], lines[3].rsplit(",", 1)[0] + ",99"]
    events = source(text(lines, f"{HEADER},case"), **changes).read()
    report = events.intake
    assert len(events) == kept
    assert actions(report) == told
    assert list(events.table.columns) == ["occurred_at", "reported_at", "crime_type", "x", "y", "area"]


def test_unmapped_labels_follow_the_setting(source):
    content = text([*rows(30), *rows(5, what="Arson")])
    named = {"crime_types": {"theft": "Stealing", "murder": "Murder"}, **OUTSIDE_LIMIT}
    with pytest.raises(InputError, match=r"does not map the labels 'Arson' \(5\)"):
        source(content, **named).read()
    events = source(content, unmapped="set_aside", **named).read()
    report = events.intake
    assert actions(report) == {"crime type not in data.crime_types": ("set aside", 5)}
    assert report.crime_types == {"Stealing": 30, "Murder": 0}
    events = source(content, unmapped="keep", **named).read()
    report = events.intake
    assert actions(report) == {"crime type not in data.crime_types, label kept": ("flagged", 5)}
    assert events.crime_types == ("Stealing", "Murder", "Arson")


def test_other_spellings_of_a_type_are_counted_with_it_and_flagged(source):
    events = source(text([*rows(30), *rows(2, what="THEFT")])).read()
    report = events.intake
    assert events.crime_types == ("Theft",)
    (finding,) = [one for one in report.findings if one.rule == "crime type in another spelling"]
    assert (finding.action, finding.count) == ("flagged", 2)
    assert finding.examples[0].endswith("=THEFT")


def test_a_type_without_events_keeps_its_name(source):
    events = source(text(rows(10)), crime_types={"Theft": "Theft", "Murder": "Murder"}).read()
    report = events.intake
    assert events.crime_types == ("Theft", "Murder")
    (finding,) = [finding for finding in report.findings if finding.unit == "types"]
    assert (finding.rule, finding.examples) == ("crime types without events", ("Murder",))


def test_report_times_come_from_their_column_or_the_delay(source):
    lines = [f"{line},{told}" for line, told in zip(rows(3), ["2021-01-09 08:00", "", "2020-12-31 00:00"], strict=True)]
    content, columns = text(lines, f"{HEADER},told"), {**COLUMNS, "reported_at": "told"}
    events = source(content, columns=columns, reporting_delay="2 days").read()
    report = events.intake
    told = ["2021-01-09 08:00:00", "2021-01-06 11:30:00", "2021-01-04 12:30:00"]
    assert events.table["reported_at"].astype("str").tolist() == told
    assert actions(report) == {
        "report time missing or unreadable": ("flagged", 1),
        "reported before it occurred": ("flagged", 1),
    }
    assert events.settles_after == pd.Timedelta(days=2)
    events = source(content, reporting_delay="2 days").read()
    report = events.intake
    assert (events.table["reported_at"] - events.table["occurred_at"]).unique().tolist() == [pd.Timedelta(days=2)]
    assert "an event counts as known 2 days after it occurred" in report.notes[0]
    assert "reporting_delay" not in report.notes[0]
    assert source(content).read().intake.notes[0].endswith("If reports come later, set data.reporting_delay.")


def test_the_resolution_is_reported(source):
    assert source(text(rows(30))).read().intake.resolution == "moment"
    days = [f"2021-01-{day:02},Theft,43.65,-79.40,B0" for day in range(1, 20)]
    assert source(text(days)).read().intake.resolution == "day"
    months = [f"2021-{month:02},Theft,43.65,-79.40,B0" for month in range(1, 12)]
    columns = {**COLUMNS, "occurred_at": None, "occurred_month": "when"}
    events = source(text(months), columns=columns, time_formats=["%Y-%m"]).read()
    report = events.intake
    assert report.resolution == "month"
    assert any("set calendar.period_unit=month" in note for note in report.notes)
    assert (events.start, events.end) == (pd.Timestamp("2021-01-01"), pd.Timestamp("2021-12-01"))


def test_monthly_events_are_known_after_the_end_of_their_month(source):
    months = text([f"2021-0{month},Theft,43.65,-79.40,B0" for month in (6, 7)])
    columns = {**COLUMNS, "occurred_at": None, "occurred_month": "when"}
    events = source(months, columns=columns, time_formats=["%Y-%m"], reporting_delay="60 days").read()
    known = {day: len(events.known_at(pd.Timestamp(day))) for day in ("2021-08-29", "2021-08-30", "2021-09-01")}
    assert known == {"2021-08-29": 0, "2021-08-30": 1, "2021-09-01": 1}


def test_too_many_rejects_stop_the_run_with_the_report(source, tmp_path):
    bad = ["2021-01-05,Theft,0,0,B0"] * 4 + rows(9, "2020-06-01")
    path = tmp_path / "rejects.csv"
    with pytest.raises(
        IntakeError, match=r"10.0% of the rows .* than data.max_rejected_share=0.05: coordinates are zero \(4\)"
    ) as caught:
        source(text([*rows(36), *bad]), start="2021-01-01", rejects=str(path)).read()
    assert caught.value.report.rows_kept == 36
    assert "coordinates are zero" in caught.value.report.to_text()
    assert pd.read_csv(path)["action"].value_counts().to_dict() == {"left out": 9, "set aside": 4}


def test_no_remaining_row_stops_the_run_with_the_report(source):
    with pytest.raises(IntakeError, match=r"none of 5 rows can be kept: before the start 2022-01-01 \(5\)") as caught:
        source(text(rows(5)), start="2022-01-01").read()
    assert caught.value.report.start is None


def test_unreadable_times_name_the_formats_that_failed(source):
    with pytest.raises(IntakeError, match=r"none of 5 rows can be kept: time missing or unreadable \(5\)") as caught:
        source(text(rows(5)), time_formats=["%d/%m/%Y"]).read()
    assert "%d/%m/%Y" in caught.value.report.findings[0].note


def test_missing_coordinates_are_counted_by_day_type_and_area(source):
    bad = [
        "2021-01-05 13:00,Theft,,-79.40,B0",
        "2021-01-05 14:00,Theft,0,0,B0",
        "2021-01-06,Theft,,,B1",
        "2021-01-06,Theft,,,",
        ",Theft,,,B1",
        "2021-01-06,,,,B1",
        "2021-01-05,Theft,48.85,2.35,B0",
    ]
    report = source(text([*rows(40), *bad]), **OUTSIDE_LIMIT).read().intake
    found = {
        (str(row.day.date()), row.crime_type, row.area): row.count
        for row in report.missing_coordinates.itertuples(index=False)
    }
    assert found == {
        ("2021-01-05", "Theft", "B0"): 2,
        ("2021-01-06", "Theft", "B1"): 1,
        ("2021-01-06", "Theft", ""): 1,
    }
    assert "missing_coordinates" not in report.to_dict()


def test_without_missing_coordinates_the_count_is_empty(source):
    report = (
        source(text(rows(5)), columns={role: name for role, name in COLUMNS.items() if role != "area"}).read().intake
    )
    assert report.missing_coordinates.columns.tolist() == ["day", "crime_type", "area", "count"]
    assert len(report.missing_coordinates) == 0
