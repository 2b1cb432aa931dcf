"""The runs of several jurisdictions are read together: sums are exact, and what is missing is named."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.region import JurisdictionResult, RunState
from ilp_models.domain.region_plan import RegionPlan
from ilp_models.domain.text_output import write_table
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.pipeline.borders import BORDERS, border_counts
from ilp_models.pipeline.forecasting import make_forecast
from ilp_models.pipeline.outputs import INTAKE, RECORDED, recorded_counts, write_json
from ilp_models.pipeline.region import finish_region, read_region, write_region

POPULATION = {"north": 20_000, "south": 30_000}


def city(seed, weeks=60, west=680_000):
    kinds = {"a": SimulatedType(yearly=2500.0), "b": SimulatedType(yearly=900.0)}
    return SimulatedCity(seed=seed, size_km=3, districts=3, weeks=weeks, crime_types=kinds, west=west).read()


def write_run(folder, events):
    """Write the files of a run that a region reads."""
    folder.mkdir()
    forecast = make_forecast(MovingAverage(20), events, SquareGrid(500), name="mean")
    forecast.to_file(folder / "forecast.parquet")
    write_table(recorded_counts(forecast.study), folder / RECORDED)
    write_json(folder / INTAKE, events.intake.to_dict())
    return forecast


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    home = tmp_path_factory.mktemp("region")
    events = {"north": city(1), "south": city(2, west=683_000)}
    forecasts = {name: write_run(home / name, one) for name, one in events.items()}
    borders = border_counts(events["north"], events["south"], "south", 1000.0)
    write_table(borders, home / "north" / BORDERS)
    write_run(home / "later", city(3, weeks=64))
    return home, events, forecasts


def region_of(home, *names, **settings):
    return read_region({name: home / name for name in names}, **settings)


def test_totals_add_up_exactly(runs):
    home, _, forecasts = runs
    region = region_of(home, "north", "south", name="county", parts={"Both": ["north", "south"], "One": ["south"]})
    table = region.totals()
    units = (table["expected"] * 1e6).round().astype("int64")
    sums = {level: units[table["level"] == level].sum() for level in ("area", "jurisdiction", "region")}
    assert sums["area"] == sums["jurisdiction"] == sums["region"]
    part = table[(table["level"] == "part") & (table["name"] == "Both")].reset_index(drop=True)
    whole = table[table["level"] == "region"].reset_index(drop=True)
    columns = ["crime_type", "expected", "recorded_last", "recorded_four", "recorded_year_ago"]
    pd.testing.assert_frame_equal(part[columns], whole[columns])
    np.testing.assert_allclose(
        whole.set_index("crime_type")["expected"],
        sum(one.totals() for one in forecasts.values())[whole["crime_type"]],
        atol=1e-3,
    )
    counted = sum(one.recent.last.values.sum() for one in forecasts.values())
    assert whole["recorded_last"].sum() == counted
    assert (table["missing"] == "").all()


def test_a_failed_jurisdiction_is_in_no_total_and_named(runs):
    home, *_ = runs
    results = [
        JurisdictionResult("north", RunState.DONE, str(home / "north")),
        JurisdictionResult("west", RunState.FAILED, "", "No records."),
    ]
    region = read_region(results, name="county")
    whole = region.totals().query("level == 'region'")
    assert set(whole["missing"]) == {"west"}
    assert region.missing == ("west",)
    assert set(region.totals()["jurisdiction"]) == {"north", ""}


def test_other_periods_are_not_added_up(runs):
    home, *_ = runs
    whole = region_of(home, "north", "later", name="county").totals().query("level == 'region'")
    assert set(zip(whole["period"], whole["missing"], strict=True)) == {
        ("2020-03-02", "later"),
        ("2020-03-30", "north"),
    }


def test_a_run_that_cannot_be_read_counts_as_failed(runs, tmp_path):
    home, *_ = runs
    broken = Path(shutil.copytree(home / "north", tmp_path / "broken"))
    (broken / "forecast.parquet").write_bytes((broken / "forecast.parquet").read_bytes()[:5000])
    unfinished = Path(shutil.copytree(home / "north", tmp_path / "unfinished"))
    (unfinished / "UNFINISHED").touch()
    region = read_region({"broken": broken, "unfinished": unfinished, "gone": tmp_path / "gone", "ok": home / "south"})
    assert region.missing == ("broken", "unfinished", "gone")
    assert all(one.result.error for one in region.jurisdictions[:3])


def test_recorded_counts_are_those_of_the_records(runs):
    _, events, forecasts = runs
    table = recorded_counts(forecasts["north"].study)
    periods = Calendar().whole_periods(events["north"].start, events["north"].end)
    assert len(table) == 2 * len(periods)
    assert table["recorded"].sum() == len(events["north"])
    day = events["north"].table["occurred_at"].dt.strftime("%Y-%m-%d")
    first = (events["north"].table["crime_type"] == "a") & (day >= "2019-01-07") & (day < "2019-01-14")
    assert table.query("crime_type == 'a' and period == '2019-01-07'")["recorded"].item() == first.sum()


def test_rates_are_those_of_the_latest_year(runs):
    home, events, _ = runs
    rates = region_of(home, "north", "south", population=POPULATION).rates()
    assert set(rates["crime_type"]) == {"a", "b", "all"}
    row = rates.query("jurisdiction == 'north' and crime_type == 'all'").iloc[0]
    latest = events["north"].table["occurred_at"] >= events["north"].end - pd.Timedelta(weeks=52)
    assert row["recorded"] == latest.sum()
    assert row["rate"] == pytest.approx(1000 * latest.sum() / 20_000)
    assert row["low"] < row["rate"] < row["high"]
    assert "too few jurisdictions" in row["reading"] or row["reading"] == "as expected by chance"
    assert len(region_of(home, "north").rates()) == 0


def test_border_counts_by_hand(runs):
    _, events, _ = runs
    north = replace(events["north"], table=events["north"].table.iloc[:3].assign(x=[0.0, 500.0, 5000.0], y=0.0))
    south = replace(events["south"], table=events["south"].table.iloc[:1].assign(x=-400.0, y=0.0))
    table = border_counts(north, south, "south", 1000.0)
    here = table[table["side"] == "here"]
    assert here[["latest_52_weeks", "weeks_before"]].to_numpy().sum() == 2
    assert table[table["side"] == "beyond"][["latest_52_weeks", "weeks_before"]].to_numpy().sum() == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"parts": {"All": ["north", "west"]}}, "region.parts names west"),
        ({"population": {"west": 5}}, "region.population names west"),
        ({"population": {"north": 0}}, "must be a number of residents above 0"),
        ({"population": {"north": "many"}}, "must be a number of residents above 0"),
    ],
)
def test_wrong_settings_are_refused(runs, settings, words):
    with pytest.raises(InputError, match=words):
        region_of(runs[0], "north", "south", **settings)


def test_the_page_names_what_is_missing_and_links_the_reports(runs, tmp_path):
    home, *_ = runs
    results = [
        JurisdictionResult("north", RunState.DONE, str(home / "north"), seconds=3.2, peak_mb=400),
        JurisdictionResult("south", RunState.REUSED, str(home / "south")),
        JurisdictionResult("west", RunState.FAILED, "", "<b>No</b> records."),
    ]
    (home / "north" / "report.html").write_text("x")
    region = RegionPlan(["north", "south", "west"], population=POPULATION, parts={"Both": ["north", "south"]})
    text, code = finish_region("county", "weekly", region, results, tmp_path)
    assert code == 1
    assert "2 of 3 jurisdictions finished" in text
    page = (tmp_path / "region.html").read_text()
    assert "Missing: west" in page
    assert "&lt;b&gt;No&lt;/b&gt; records." in page
    assert 'report.html">north</a>' in page
    assert "This is no league table" in page
    record = json.loads((tmp_path / "region.json").read_text())
    assert record["missing"] == ["west"]
    assert {"totals.csv", "rates.csv"} <= {path.name for path in tmp_path.iterdir()}


def test_a_region_without_forecasts_still_has_a_page(tmp_path):
    region = read_region([JurisdictionResult("west", RunState.FAILED, "", "No records.")])
    write_region(region, tmp_path)
    assert "0 of 1 jurisdictions" in (tmp_path / "region.html").read_text()
    assert repr(region) == "<Region region: weekly of 0 of 1 jurisdictions>"
