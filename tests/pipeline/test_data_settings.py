"""Suggested settings of messy exports, and the records that they read."""

import shlex

import pytest

from ilp_models.pipeline.data_settings import suggest_data_settings, try_settings
from tests.pipeline.messy_exports import EXPORTS, records, survey_feet

EXPECTED = {  # what a person who knows the export would set
    "excel_with_the_day_first": {"time_formats": ["%d/%m/%Y %H:%M"], "time_zone": "Europe/London", "country": "GB"},
    "semicolons_and_decimal_commas": {"decimal": ",", "time_zone": "Europe/Berlin", "time_formats": ["%d.%m.%Y %H:%M"]},
    "socrata": {
        "time_zone": "America/Chicago",
        "time_formats": ["%m/%d/%Y %I:%M:%S %p"],
        "record_columns": ["Case Number"],
    },
    "uk_police_months": {"time_formats": ["%Y-%m"], "time_zone": "Europe/London", "record_columns": ["Crime ID"]},
    "arcgis": {"time_formats": ["epoch_ms"], "time_zone": "America/Toronto", "country": "CA"},
    "tabs_with_date_and_time": {"time_formats": ["ISO8601"], "time_zone": "America/Winnipeg"},
    "survey_feet": {"input_crs": "EPSG:2236", "time_zone": "America/New_York", "country": "US"},
}
COLUMNS = {
    "excel_with_the_day_first": "crime_type=Offence occurred_at='Date of offence' lat=Latitude lon=Longitude area=Ward",
    "semicolons_and_decimal_commas": "crime_type=Delikt occurred_at=Tatzeit lat=Breite lon=Länge area=Stadtteil",
    "socrata": "crime_type='Primary Type' occurred_at='Date Occurred' reported_at='Date Reported' lat=Latitude "
    "lon=Longitude area=Beat",
    "uk_police_months": "crime_type='Crime type' occurred_month=Month lat=Latitude lon=Longitude area='LSOA code'",
    "arcgis": "crime_type=OFFENCE occurred_at=OCC_DATE lat=geometry_lat lon=geometry_lon area=DIVISION",
    "tabs_with_date_and_time": "crime_type='Incident Type' occurred_date='Incident Date' occurred_time='Incident Time' "
    "lat=Y_Lat lon=X_Long area=District",
    "survey_feet": "crime_type=offense occurred_at=occurred_on x=x_coordinate y=y_coordinate area=zone",
}


def suggest(words):
    """Return the suggestions for the words of a command."""
    settings = dict(word.split("=", 1) for word in words)
    near = settings.pop("near", None)
    given = {key.removeprefix("data."): value for key, value in settings.items() if key.startswith("data.")}
    point = None if near is None else [float(one) for one in near.strip("[]").split(",")]
    return suggest_data_settings(settings["path"], near=point, **given)


@pytest.mark.slow
@pytest.mark.parametrize("export", EXPORTS, ids=lambda one: one.__name__)
def test_columns_formats_and_place_of_a_messy_export_are_found(export, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    suggested = suggest(export(tmp_path))
    found = suggested.settings()
    columns = dict(word.split("=", 1) for word in shlex.split(COLUMNS[export.__name__]))
    assert found["columns"] == columns
    assert {name: found[name] for name in EXPECTED[export.__name__]} == EXPECTED[export.__name__]
    assert sorted(found["crime_types"], key=str.lower) == sorted(found["crime_types"])
    assert len(found["crime_types"]) == 4
    assert suggested.questions == ()


def test_coordinates_that_fit_many_grids_are_asked_with_candidates(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    survey_feet(tmp_path)
    suggested = suggest_data_settings("export.csv")
    asked = {one.setting: one for one in suggested.questions}
    assert sorted(asked) == ["input_crs", "time_zone"]
    assert "451" in asked["input_crs"].reason or "zones were tried" in asked["input_crs"].reason
    assert any("Florida East" in text for text in asked["input_crs"].alternatives)
    assert "near=[" in asked["input_crs"].reason


def test_suggested_settings_read_the_records_or_say_what_would_stop_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = records(43.65, -79.38).rename(columns={"what": "offence"})
    table.to_csv("export.csv", index=False)
    read = try_settings(suggest_data_settings("export.csv"))
    assert (len(read.events), read.problem) == (len(table), "")
    table.assign(lat=table["lat"].where(table.index % 4 > 0)).to_csv("export.csv", index=False)
    read = try_settings(suggest_data_settings("export.csv"))
    assert "25.0% of the rows would be set aside" in read.problem
    table[["when", "lat", "lon"]].to_csv("export.csv", index=False)
    assert try_settings(suggest_data_settings("export.csv")).problem == "answer the open questions first"
