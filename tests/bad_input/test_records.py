"""Unusable records: one error line that says how to fix them, and no file that looks like a result."""

import json
import re

import geopandas as gpd
import pandas as pd
import pytest

from tests.bad_input.run_commands import MODELS, OWN_DATA, WEEKLY, finished_runs, run_folders, sample_records

pytestmark = pytest.mark.slow


def kept(table, **write):
    return lambda path: table.to_csv(path, index=False, **write)


def lines(count, end=""):
    return lambda path: path.write_text("\n".join(sample_records().to_csv(index=False).splitlines()[:count]) + end)


def swapped():
    return sample_records().rename(columns={"Lng": "Latitude (deg)", "Latitude (deg)": "Lng"})


def until(day):
    table = sample_records()
    return table[pd.to_datetime(table["When"], format="%d/%m/%Y %H:%M") < day]


def holed(first, last):
    table = sample_records()
    when = pd.to_datetime(table["When"], format="%d/%m/%Y %H:%M")
    return table[(when < first) | (when >= pd.Timestamp(last) + pd.Timedelta(1, "D"))]


def mixed_dates():
    table = sample_records()
    when, american = pd.to_datetime(table["When"], format="%d/%m/%Y %H:%M"), table.index % 2 == 0
    return table.assign(When=when.dt.strftime("%m/%d/%Y %H:%M").where(american, table["When"]))


def overlapping(path):
    table = sample_records()
    table.to_csv(path, index=False)
    table.tail(len(table) // 2).to_csv(path.with_name("crimes (1).csv"), index=False)


CASES = {
    "empty": (lambda path: path.write_text(""), (), r"crimes.csv: the file is empty; export the records again .*"),
    "header only": (lines(1, "\n"), (), r"crimes.csv: a header and no record; export the records again."),
    "header cut off": (lines(1), (), r"crimes.csv: a header and no record; export the records again."),
    "wrong delimiter": (
        kept(sample_records(), sep=";"),
        ("data.separator=','",),
        r"crimes.csv: one column when split at ',', 6 when split at ';'; set data.separator=auto .*",
    ),
    "wrong encoding": (
        kept(sample_records().assign(Beat="Überseestraße"), encoding="cp1252"),
        ("data.encoding=utf-8",),
        r"crimes.csv: not text in the encoding utf-8 at byte \d+; set data.encoding=auto, or cp1252, .*",
    ),
    "missing column": (
        kept(sample_records().rename(columns={"Beat": "Beats"})),
        (),
        r"crimes.csv: no column 'Beat' \(did you mean 'Beats'\?\); the file has Offence, .* Correct data.columns.",
    ),
    "swapped coordinates": (
        kept(swapped()),
        (),
        r"lat and lon look swapped: exchange data.columns.lat and data.columns.lon.",
    ),
    "wrong CRS of the events": (
        kept(sample_records()),
        ("data.crs=EPSG:32633",),
        r"100% of the coordinates are outside the area of use of data.crs=EPSG:32633 .*. Check data.input_crs=.*",
    ),
    "no CRS at all": (
        kept(sample_records()),
        ("data.crs=EPSG:99999",),
        r"data.crs='EPSG:99999' is not a coordinate reference system; set a code such as .*",
    ),
    "degrees as metres": (
        kept(sample_records()),
        ("data.crs=EPSG:4326",),
        r"data.crs=EPSG:4326 has the unit degree; set auto or a projected CRS in metres.*",
    ),
    "metres as degrees": (
        kept(sample_records()),
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
        r"The records \(2019-01-07 to 2019-01-10\) do not cover one whole week. Give more records or .*",
    ),
    "tests longer than the data": (
        kept(sample_records()),
        ("backtest.test_periods=200",),
        r"backtest.test_periods=200 leaves no training data: the records cover 60 whole week\(s\) .*",
    ),
    "no such file": (
        kept(sample_records()),
        ("data.path=crime.csv",),
        r"data.path=crime.csv: there is no such file or folder in .*; check the spelling.",
    ),
    "another format of dates": (
        kept(sample_records()),
        ("data.time_formats=['%m/%d/%Y %H:%M']",),
        r"crimes.csv: \d\d.\d% of the rows were set aside, more than .*: time missing or unreadable .*intake.json.*",
    ),
    "the default format of dates": (
        kept(sample_records()),
        ("data.time_formats=[ISO8601]",),
        r"crimes.csv: none of .* such as 99/99/9999 99:99 \(masked\). '%d/%m/%Y %H:%M' reads them: add it to .*",
    ),
    "two formats of dates": (
        kept(mixed_dates()),
        ("data.time_formats=['%d/%m/%Y %H:%M','%m/%d/%Y %H:%M']",),
        r"Column 'When': '%d/%m/%Y %H:%M' and '%m/%d/%Y %H:%M' both read \d+% of the values, such as .* Keep .*",
    ),
    "a hole of five weeks": (
        kept(holed("2019-06-03", "2019-07-07")),
        (),
        r"crimes.csv: no record from 2019-06-0\d to 2019-07-0\d \(about .* expected\). .*data.known_gaps=.*",
    ),
    "a declared hole that is too short": (
        kept(holed("2019-06-03", "2019-07-07")),
        ("data.known_gaps=[{from: 2019-06-03, to: 2019-06-20, reason: move}]",),
        r"crimes.csv: no record from 2019-06-0\d to 2019-07-0\d .*",
    ),
    "a gap without a reason": (
        kept(holed("2019-06-03", "2019-07-07")),
        ("data.known_gaps=[{from: 2019-06-03, to: 2019-07-07}]",),
        r"data.known_gaps=.* needs from, to and reason: .*",
    ),
    "an exclusion without a reason": (
        kept(sample_records()),
        ("data.exclude=[{lon: -83.05, lat: 42.45, radius_m: 20}]",),
        r"data.exclude=.* needs exactly these keys, with a reason: .*",
    ),
    "an exclusion where nothing was recorded": (
        kept(sample_records()),
        ("data.exclude=[{lon: -70, lat: 42.45, radius_m: 20, reason: default}]",),
        r"data.exclude: no record lies within 20 m of lon -70, lat 42.45 \(default\). Correct its place, or remove it.",
    ),
    "overlapping exports": (
        overlapping,
        ("data.path='crimes*.csv'",),
        r"crimes\*.csv: crimes \(1\).csv and crimes.csv have [\d,]+ equal records, 100.0% of the smaller file, .*",
    ),
    "a type named like the pool": (
        kept(sample_records().replace({"Offence": {"burglary": "all"}})),
        (),
        r"The crime type 'all' has the name of the pool .*\. Rename it in data.crime_types.",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_unusable_records_are_refused_in_one_line(ilp, folder, name):
    write, words, line = CASES[name]
    write(folder / "crimes.csv")
    result = ilp(*WEEKLY, *words)
    assert result.code == 1
    assert result.out == ""
    assert re.fullmatch(f"ilp: {line}", result.error_line.removesuffix(" (setting: data)")), result.error_line
    assert finished_runs(folder) == []
    assert not (folder / "outputs/weekly/latest").exists()
    assert not list((folder / "outputs").rglob("forecast*.parquet"))


def test_the_report_of_a_stopped_intake_is_written(ilp, folder):
    result = ilp(*WEEKLY, "data.time_formats=['%m/%d/%Y %H:%M']")
    (run,) = run_folders(folder)
    account = json.loads((run / "intake.json").read_text())
    assert str(run / "intake.json") in result.error_line
    (rule,) = [one for one in account["findings"] if one["action"] == "set aside"]
    assert rule["count"] == account["rows_read"] - account["rows_kept"] > 0
    assert rule["examples"]


def test_one_week_is_too_short_for_a_forecast(ilp, folder):
    kept(until("2019-01-14"))(folder / "crimes.csv")
    result = ilp("forecast", *OWN_DATA, "data.as_of=end", *MODELS)
    assert result.code == 1
    assert re.fullmatch(
        r"ilp: ewma could not run: 1 whole week\(s\) are known at .*; at least \d+ are needed. Give more .*",
        result.error_line,
    )


def test_one_cell_works_and_is_withheld(ilp, folder):
    sample_records().assign(**{"Latitude (deg)": 42.441, "Lng": -78.779}).to_csv(folder / "crimes.csv", index=False)
    result = ilp(*WEEKLY)
    assert result.code == 0, result.err
    assert "WITHHELD" in result.out
    (run,) = finished_runs(folder)
    assert len(pd.read_csv(run / "grid.csv")) == sample_records()["Offence"].nunique()


def test_a_type_without_events_is_in_every_output(ilp, folder):
    types = ",".join(f"{name}: {name}" for name in (*sorted(sample_records()["Offence"].unique()), "arson"))
    words = ("data.crime_types={" + types + "}", "forecaster=lightgbm", "export.formats=[parquet]")
    trees = ("n_estimators=5", "min_child_samples=100", "holdout=8")
    result = ilp(
        *WEEKLY, *words, "model=[moving_average,ewma,lightgbm]", *(f"model.lightgbm.{setting}" for setting in trees)
    )
    assert result.code == 0, result.err
    (run,) = finished_runs(folder)
    table = gpd.read_parquet(run / "forecast.parquet")
    arson = table[table["crime_type"] == "arson"]
    assert len(arson) == table["cell"].nunique()
    assert arson["expected"].sum() < 0.1
    assert arson["share"].between(0, 1).all()
    assert "arson" in (run / "report.html").read_text()
    decision = json.loads((run / "decision.json").read_text())
    assert not decision["admitted"]
    assert {one["state"] for one in decision["findings"] if one["crime_type"] == "arson"} <= {"insufficient", "review"}


def test_ten_settings_make_a_weekly_run_on_own_data(ilp, folder):
    result = ilp(*WEEKLY)
    assert result.code == 0, result.err
    (run,) = finished_runs(folder)
    assert (folder / "outputs/weekly/latest").resolve() == run
    assert f"crimes.csv: {len(sample_records()):,} of {len(sample_records()):,} records used" in result.out
    intake = json.loads((run / "intake.json").read_text())
    assert intake["columns_left"] == ["Remarks"]
    table = pd.read_csv(run / "grid.csv")
    assert set(table["crime_type"]) == set(sample_records()["Offence"])
    assert set(table["area"]) == set(sample_records()["Beat"])
    assert table["lat"].between(42.4, 42.5).all()
    assert "quiet night" not in (run / "report.html").read_text()


def test_a_declared_gap_is_in_the_intake_report_and_beside_the_decision(ilp, folder):
    kept(holed("2019-06-03", "2019-07-07"))(folder / "crimes.csv")
    result = ilp(*WEEKLY, "data.known_gaps=[{from: 2019-06-02, to: 2019-07-08, reason: move of the archive}]")
    assert result.code == 0, result.err
    (run,) = finished_runs(folder)
    declared = "no records from 2019-06-02 to 2019-07-08: move of the archive"
    assert json.loads((run / "intake.json").read_text())["declared"] == [declared]
    assert declared in " ".join(json.loads((run / "decision.json").read_text())["reasons"])


def test_an_exclusion_is_in_the_intake_report_the_attribution_and_the_decision(ilp, folder):
    table = sample_records()
    far = table.head(60).assign(**{name: table[name].max() + 0.001 for name in ("Lng", "Latitude (deg)")})
    kept(pd.concat([table, far.assign(When=table["When"].sample(60, random_state=1).to_numpy())]))(
        folder / "crimes.csv"
    )
    place = f"lon: {far['Lng'].iloc[0]}, lat: {far['Latitude (deg)'].iloc[0]}"
    result = ilp(*WEEKLY, f"data.exclude=[{{{place}, radius_m: 15, reason: default of the desk}}]")
    assert result.code == 0, result.err
    (run,) = finished_runs(folder)
    intake = json.loads((run / "intake.json").read_text())
    (declared,) = intake["declared"]
    assert re.fullmatch(r"60 records excluded within 15 m of lon .*: default of the desk", declared)
    assert [one["count"] for one in intake["findings"] if one["rule"].startswith("excluded")] == [60]
    assert declared in intake["attribution"]
    assert declared in " ".join(json.loads((run / "decision.json").read_text())["reasons"])
    assert declared in (run / "report.html").read_text()
