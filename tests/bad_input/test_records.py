"""Records that cannot be used as they are: one line with the way out, and nothing that looks like a result."""

import json
import re

import geopandas as gpd
import pandas as pd
import pytest

from tests.bad_input.newcomer import MODELS, OWN, WEEKLY, incidents, runs_of, whole


def kept(table, **write):
    return lambda path: table.to_csv(path, index=False, **write)


def lines(count, end=""):
    return lambda path: path.write_text("\n".join(incidents().to_csv(index=False).splitlines()[:count]) + end)


def swapped():
    return incidents().rename(columns={"Lng": "Latitude (deg)", "Latitude (deg)": "Lng"})


def until(day):
    table = incidents()
    return table[pd.to_datetime(table["When"], format="%d/%m/%Y %H:%M") < day]


CASES = {
    "empty": (lambda path: path.write_text(""), (), r"crimes.csv: the file is empty; export the records again .*"),
    "header only": (lines(1, "\n"), (), r"crimes.csv: a header and no record; export the records again."),
    "header cut off": (lines(1), (), r"crimes.csv: a header and no record; export the records again."),
    "wrong delimiter": (
        kept(incidents(), sep=";"),
        ("data.separator=','",),
        r"crimes.csv: one column when split at ',', 6 when split at ';'; set data.separator=auto .*",
    ),
    "wrong encoding": (
        kept(incidents().assign(Beat="Überseestraße"), encoding="cp1252"),
        ("data.encoding=utf-8",),
        r"crimes.csv: not text in the encoding utf-8 at byte \d+; set data.encoding=auto, or cp1252, .*",
    ),
    "missing column": (
        kept(incidents().rename(columns={"Beat": "Beats"})),
        (),
        r"crimes.csv: no column 'Beat' \(did you mean 'Beats'\?\); the file has Offence, .* Correct data.columns.",
    ),
    "swapped coordinates": (
        kept(swapped()),
        (),
        r"lat and lon look swapped: exchange data.columns.lat and data.columns.lon.",
    ),
    "wrong CRS of the events": (
        kept(incidents()),
        ("data.crs=EPSG:32633",),
        r"100% of the coordinates are outside the area of use of data.crs=EPSG:32633 .*. Check data.input_crs=.*",
    ),
    "no CRS at all": (
        kept(incidents()),
        ("data.crs=EPSG:99999",),
        r"data.crs='EPSG:99999' is not a coordinate reference system; set a code such as .*",
    ),
    "degrees as metres": (
        kept(incidents()),
        ("data.crs=EPSG:4326",),
        r"data.crs=EPSG:4326 has the unit degree; set auto or a projected CRS in metres.*",
    ),
    "metres as degrees": (
        kept(incidents()),
        ("data.columns.lat=null", "data.columns.lon=null", "data.columns.x=Lng", "data.columns.y='Latitude (deg)'"),
        r"data.input_crs is missing: x and y need a CRS; set the CRS that the publisher states.*",
    ),
    "one week": (
        kept(until("2019-01-14")),
        (),
        r"backtest.test_periods=4 leaves no training data: the records cover 1 whole week\(s\) .* Set fewer\.",
    ),
    "three days": (
        kept(until("2019-01-10")),
        (),
        r"backtest.test_periods=4 leaves no training data: the records cover 0 whole week\(s\) .* Set fewer\.",
    ),
    "tests longer than the data": (
        kept(incidents()),
        ("backtest.test_periods=200",),
        r"backtest.test_periods=200 leaves no training data: the records cover 60 whole week\(s\) .*",
    ),
    "no such file": (
        kept(incidents()),
        ("data.path=crime.csv",),
        r"data.path=crime.csv: there is no such file or folder in .*; check the spelling.",
    ),
    "another format of dates": (
        kept(incidents()),
        ("data.time_formats=['%m/%d/%Y %H:%M']",),
        r"crimes.csv: \d\d.\d% of the rows were set aside, more than .*: time missing or unreadable .*intake.json.*",
    ),
    "a type named like the pool": (
        kept(incidents().replace({"Offence": {"burglary": "all"}})),
        (),
        r"The crime type 'all' has the name of the pool .*\. Rename it in data.crime_types.",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_records_that_cannot_be_used_are_answered_in_one_line(ilp, desk, name):
    write, words, line = CASES[name]
    write(desk / "crimes.csv")
    answer = ilp(*WEEKLY, *words)
    assert answer.code == 1
    assert answer.out == ""
    assert re.fullmatch(f"ilp: {line}", answer.line.removesuffix(" (setting: data)")), answer.line
    assert whole(desk) == []
    assert not (desk / "outputs/weekly/latest").exists()
    assert not list((desk / "outputs").rglob("forecast*.parquet"))


def test_the_account_of_a_stopped_intake_is_on_file(ilp, desk):
    answer = ilp(*WEEKLY, "data.time_formats=['%m/%d/%Y %H:%M']")
    (run,) = runs_of(desk)
    account = json.loads((run / "intake.json").read_text())
    assert str(run / "intake.json") in answer.line
    (rule,) = [one for one in account["findings"] if one["action"] == "set aside"]
    assert rule["count"] == account["rows_read"] - account["rows_kept"] > 0
    assert rule["examples"]


def test_one_week_is_too_little_for_a_forecast_too(ilp, desk):
    kept(until("2019-01-14"))(desk / "crimes.csv")
    answer = ilp("forecast", *OWN, *MODELS)
    assert answer.code == 1
    assert re.fullmatch(
        r"ilp: ewma could not run: 1 whole week\(s\) are known at .*; at least \d+ are needed. Give more .*",
        answer.line,
    )


def test_one_cell_works_and_is_withheld(ilp, desk):
    incidents().assign(**{"Latitude (deg)": 42.441, "Lng": -78.779}).to_csv(desk / "crimes.csv", index=False)
    answer = ilp(*WEEKLY)
    assert answer.code == 0, answer.err
    assert "WITHHELD" in answer.out
    (run,) = whole(desk)
    assert len(pd.read_csv(run / "grid.csv")) == incidents()["Offence"].nunique()


def test_a_type_without_events_keeps_its_place_everywhere(ilp, desk):
    types = ",".join(f"{name}: {name}" for name in (*sorted(incidents()["Offence"].unique()), "arson"))
    words = ("data.crime_types={" + types + "}", "forecaster=lightgbm", "export.formats=[parquet]")
    trees = ("n_estimators=5", "min_child_samples=100", "holdout=8")
    answer = ilp(
        *WEEKLY, *words, "model=[moving_average,ewma,lightgbm]", *(f"model.lightgbm.{setting}" for setting in trees)
    )
    assert answer.code == 0, answer.err
    (run,) = whole(desk)
    table = gpd.read_parquet(run / "forecast.parquet")
    arson = table[table["crime_type"] == "arson"]
    assert len(arson) == table["cell"].nunique()
    assert arson["expected"].sum() < 0.1
    assert arson["share"].between(0, 1).all()
    assert "arson" in (run / "report.html").read_text()
    decision = json.loads((run / "decision.json").read_text())
    assert not decision["admitted"]
    assert {one["state"] for one in decision["findings"] if one["crime_type"] == "arson"} <= {"insufficient", "review"}


def test_ten_lines_of_a_newcomers_own_data_make_a_week(ilp, desk):
    answer = ilp(*WEEKLY)
    assert answer.code == 0, answer.err
    (run,) = whole(desk)
    assert (desk / "outputs/weekly/latest").resolve() == run
    assert f"crimes.csv: {len(incidents()):,} of {len(incidents()):,} records used" in answer.out
    intake = json.loads((run / "intake.json").read_text())
    assert intake["columns_left"] == ["Remarks"]
    table = pd.read_csv(run / "grid.csv")
    assert set(table["crime_type"]) == set(incidents()["Offence"])
    assert set(table["area"]) == set(incidents()["Beat"])
    assert table["lat"].between(42.4, 42.5).all()
    assert "quiet night" not in (run / "report.html").read_text()
