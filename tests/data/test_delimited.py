import dataclasses
import gzip

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from tests.data.csv_records import COLUMNS, HEADER, rows, text


def test_every_row_becomes_an_event_in_the_order_of_time(source):
    lines = rows(50)
    events = source(text([*lines[25:], *lines[:25]])).read()
    report = events.intake
    assert (report.rows_read, report.rows_kept, len(events)) == (50, 50, 50)
    assert events.table["occurred_at"].is_monotonic_increasing
    assert events.table["occurred_at"][0] == pd.Timestamp("2021-01-04 10:30")
    assert (events.start, events.end) == (pd.Timestamp("2021-01-04"), pd.Timestamp("2021-01-07"))
    assert list(events.table["area"].cat.categories) == ["B0", "B1", "B2"]
    assert events.crime_types == ("Theft",)
    assert (report.crs, report.digest) == ("EPSG:32617", events.digest())


def test_the_same_records_give_the_same_digest_in_any_file_format(source):
    content = text(rows(20))
    frame = pd.DataFrame([line.split(",") for line in rows(20)], columns=HEADER.split(","))
    made = [
        source(content),
        source(gzip.compress(content.encode()), "records.csv.gz"),
        source(content.replace(",", "\t").encode("utf-16"), "records.txt"),
    ]
    digests = {one.read().intake.digest for one in made}
    parquet = source("", "records.parquet")
    frame.assign(when=pd.to_datetime(frame["when"]), lat=frame["lat"].astype(float)).to_parquet(parquet.path)
    assert digests == {parquet.read().intake.digest}


def test_times_in_utc_become_local_times(source):
    events = source(text(rows(3, "2021-01-04T03:30")), input_time_zone="UTC").read()
    assert events.table["occurred_at"][0] == pd.Timestamp("2021-01-03 22:30")


def test_undeclared_columns_are_not_read_and_personal_ones_are_listed(source):
    lines = [f"{line},x,34,W" for line in rows(5)]
    events = source(text(lines, f"{HEADER},ward,VIC_AGE,SUSP_RACE")).read()
    report = events.intake
    assert report.columns_left == ("ward", "VIC_AGE", "SUSP_RACE")
    assert report.person_columns_left == ("VIC_AGE", "SUSP_RACE")
    assert "VIC_AGE" not in events.table


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"columns": {**COLUMNS, "area": "VIC_RACE"}},
            r"data.columns.area='VIC_RACE' looks like personal data and cannot be used",
        ),
        ({"record_columns": ["suspect_id"]}, r"'suspect_id' looks like personal data"),
        ({"filters": {"victim_sex": ["F"]}}, r"'victim_sex' looks like personal data"),
        (
            {"unmapped": "set-aside"},
            r"data.unmapped='set-aside' is unknown \(did you mean 'set_aside'\?\); choose one of",
        ),
        ({"duplicates": "remove"}, r"data.duplicates='remove' is unknown; choose one of flag, drop"),
        ({"encoding": "utf9"}, r"data.encoding='utf9' is not a text encoding"),
        ({"encoding": "base64"}, r"data.encoding='base64' is not a text encoding"),
        ({"separator": ", "}, r"data.separator=', ' must be one character or auto"),
        ({"time_formats": "%Y"}, r"data.time_formats='%Y' must be a list; write it \[%Y\]"),
        ({"time_formats": ["iso"]}, r"data.time_formats='iso' is not a format"),
        ({"filters": {"city": "A"}}, r"data.filters.city='A' must be a list"),
        ({"reporting_delay": "soon"}, r"data.reporting_delay='soon' is not a duration"),
        ({"reporting_delay": "-1 days"}, r"not negative"),
        ({"reporting_delay": 3}, r"with a unit"),
        ({"start": "May"}, r"data.start='May' is not a date"),
        ({"end": "2021-01-01T00:00Z"}, r"data.end='2021-01-01T00:00Z' must be a local date"),
        ({"start": "2021-02-01", "end": "2021-01-01"}, r"must lie before data.end"),
        ({"max_rejected_share": 5}, r"must lie between 0 and 1"),
        ({"bounds": [43.5, -79.7, 43.9]}, r"must be west, south, east, north"),
        ({"bounds": [-79.0, 43.5, -79.7, 43.9]}, r"with west < east"),
    ],
)
def test_a_wrong_setting_is_refused_before_files_are_opened(source, changes, message):
    with pytest.raises(InputError, match=message):
        source("", **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"time_zone": "America/Torronto"},
            r"data.time_zone='America/Torronto' is not a time zone \(did you mean 'America/Toronto'\?\)",
        ),
        ({"input_time_zone": "EDTX"}, r"data.input_time_zone='EDTX' is not a time zone"),
        ({"crs": "EPSG:1"}, r"data.crs='EPSG:1' is not a coordinate reference system"),
        ({"crs": "EPSG:4326"}, r"data.crs=EPSG:4326 has the unit degree; set auto"),
        ({"input_crs": "EPSG:32617"}, r"data.input_crs=EPSG:32617 is projected; set data.columns.x and y"),
        ({"columns": {**COLUMNS, "lat": None, "lon": None, "x": "lon", "y": "lat"}}, r"data.input_crs is missing"),
        ({"columns": {**COLUMNS, "beet": "beat"}}, r"data.columns.beet is unknown"),
        (
            {"columns": {**COLUMNS, "area": "beats"}},
            r"no column 'beats' \(did you mean 'beat'\?\); the file has when, what",
        ),
        ({"columns": {**COLUMNS, "lat": "lon", "lon": "lat"}}, r"lat and lon look swapped: exchange"),
        ({"crs": "EPSG:32633"}, r"outside the area of use of data.crs=EPSG:32633"),
        ({"separator": ";"}, r"one column when split at ';', 5 when split at ','"),
    ],
)
def test_settings_that_do_not_fit_the_file_are_refused(source, changes, message):
    with pytest.raises(InputError, match=message) as caught:
        source(text(rows(30)), **changes).read()
    assert "\n" not in str(caught.value)


def test_a_source_is_a_comparable_value(source):
    one = source(text(rows(3)))
    assert one == dataclasses.replace(one)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.crs = "EPSG:32617"


@pytest.mark.parametrize("word", [{}, {"crime_type": None}])
def test_a_file_of_one_offence_needs_no_column_for_it(source, word):
    columns = {role: column for role, column in COLUMNS.items() if role != "crime_type"} | word
    events = source(text(rows(5)), columns=columns, crime_type="Burglary").read()
    assert events.table["crime_type"].astype("str").tolist() == ["Burglary"] * 5
    assert events.crime_types == ("Burglary",)


@pytest.mark.parametrize("word", [{"columns": COLUMNS}, {"crime_types": {"a": "b"}}])
def test_one_offence_and_a_column_or_mapping_of_offences_contradict(source, word):
    columns = {role: column for role, column in COLUMNS.items() if role != "crime_type"}
    with pytest.raises(InputError, match=r"data\.crime_type=Burglary is the type of every record"):
        source(text(rows(5)), **({"columns": columns, "crime_type": "Burglary"} | word)).read()


def test_the_only_offence_cannot_be_personal_data(source):
    columns = {role: column for role, column in COLUMNS.items() if role != "crime_type"}
    with pytest.raises(InputError, match="cannot be used; name offences instead"):
        source(text(rows(5)), columns=columns, crime_type="john.smith@example.org").read()
