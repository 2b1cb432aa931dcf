"""The runs of several jurisdictions are read together: sums are exact, and what is missing is named."""

import contextlib
import json
import pickle
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from ilp_models.compute.local import LocalProcesses
from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.description.change import ChangeTable
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.digest import folder_digests
from ilp_models.domain.disclaimers import NOT_A_FORECAST
from ilp_models.domain.errors import InputError
from ilp_models.domain.region import READ_FILES, RECORD, JurisdictionResult, RunState
from ilp_models.domain.region_plan import RegionPlan
from ilp_models.domain.text_output import write_table
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.pipeline.borders import BORDERS, border_counts
from ilp_models.pipeline.contributions import CONTRIBUTION
from ilp_models.pipeline.description import FACTS, describe_events, write_description
from ilp_models.pipeline.forecasting import make_forecast
from ilp_models.pipeline.outputs import INTAKE, RECORDED, SCORES, recorded_counts, write_json
from ilp_models.pipeline.region import _outline, finish_region, is_readable, read_region, write_region
from ilp_models.pipeline.run_folder import RunFolder
from tests.pipeline.small_city import copy_run

pytestmark = pytest.mark.slow

POPULATION = {"north": 20_000, "south": 30_000}


def city(seed, weeks=60, west=680_000):
    kinds = {"a": SimulatedType(yearly=2500.0), "b": SimulatedType(yearly=900.0)}
    return SimulatedCity(seed=seed, size_km=3, districts=3, weeks=weeks, crime_types=kinds, west=west).read()


def write_run(folder, events, size=500):
    """Write the files of a run that a region reads."""
    folder.mkdir()
    forecast = make_forecast(MovingAverage(20), events, SquareGrid(size), name="mean")
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
    cells = [(1e6 * one.forecast.expected.to_series()).round().astype(int) for one in forecasts.values()]
    by_type = sum(one.groupby("crime_type").sum() for one in cells)
    assert (whole.set_index("crime_type")["expected"] * 1e6).round().astype(int).to_dict() == by_type.to_dict()
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


def test_other_crime_types_are_named_as_missing_and_in_no_rate_of_all_types(runs, tmp_path):
    home, *_ = runs
    kinds = {"a": SimulatedType(yearly=2500.0), "c": SimulatedType(yearly=900.0)}
    other = SimulatedCity(seed=4, size_km=3, districts=3, weeks=60, crime_types=kinds).read()
    write_run(tmp_path / "other", other)
    people = {"north": 20_000, "other": 30_000}
    region = read_region({"north": home / "north", "other": tmp_path / "other"}, name="county", population=people)
    whole = region.totals().query("level == 'region'").set_index("crime_type")
    assert whole["missing"].to_dict() == {"a": "", "b": "other", "c": "north"}
    rates = region.rates().set_index(["crime_type", "jurisdiction"])
    assert rates.loc["all", "recorded"].to_dict() == rates.loc["a", "recorded"].to_dict()
    write_region(region, tmp_path / "page")
    assert "the types that all of them have (a)" in (tmp_path / "page" / "region.html").read_text()
    alone = replace(
        region, jurisdictions=tuple(_only(one, kind) for one, kind in zip(region.finished, "bc", strict=True))
    )
    write_region(alone, tmp_path / "alone")
    assert "share no crime type" in (tmp_path / "alone" / "region.html").read_text()


def _only(facts, kind):
    return replace(facts, recorded=facts.recorded[facts.recorded["crime_type"] == kind])


def test_a_run_that_cannot_be_read_counts_as_failed(runs, tmp_path):
    home, *_ = runs
    broken = Path(shutil.copytree(home / "north", tmp_path / "broken"))
    (broken / "forecast.parquet").write_bytes((broken / "forecast.parquet").read_bytes()[:5000])
    unfinished = Path(shutil.copytree(home / "north", tmp_path / "unfinished"))
    (unfinished / "UNFINISHED").touch()
    (unfinished / "forecast.parquet").unlink()  # stopped before it had a forecast
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


def test_the_page_names_what_is_missing_and_links_the_reports(runs, tmp_path, monkeypatch):
    home, *_ = runs
    made = datetime(2026, 3, 4, 8, 5, tzinfo=UTC)
    monkeypatch.setattr("ilp_models.pipeline.region.now", lambda: made)
    results = [
        JurisdictionResult("north", RunState.DONE, str(home / "north"), seconds=3.2, peak_mb=400),
        JurisdictionResult("south", RunState.REUSED, str(home / "south")),
        JurisdictionResult("west", RunState.FAILED, "", "<b>No</b> records."),
    ]
    (home / "north" / "report.html").write_text("x")
    region = RegionPlan(["north", "south", "west"], population=POPULATION, parts={"Both": ["north", "south"]})
    found, text = finish_region("county", "weekly", region, results, tmp_path, LocalProcesses(1))
    assert found.missing == ("west",)
    assert "2 of 3 jurisdictions finished" in text
    page = (tmp_path / "region.html").read_text()
    assert "Missing: west" in page
    assert "Simulated records: north, south" in page
    assert "&lt;b&gt;No&lt;/b&gt; records." in page
    assert 'report.html">north</a>' in page
    assert "This is not a league table" in page
    assert "Methods: mean. Each jurisdiction has its own fit" in page
    assert page.count('data-label="Records until">2020-03-01<') == 2  # the records end before 2 March
    assert f"This page was made on {made:%Y-%m-%d} at 08:05 UTC" in page
    record = json.loads((tmp_path / "region.json").read_text())
    assert record["missing"] == ["west"]
    assert {"totals.csv", "rates.csv"} <= {path.name for path in tmp_path.iterdir()}


class Sent:
    """A compute backend that keeps how many bytes its results have on their way to the client."""

    def __init__(self):
        self.sizes = []

    def map(self, function, tasks, _):
        packed = [pickle.dumps(function(task)) for task in tasks]
        self.sizes += map(len, packed)
        return [pickle.loads(one) for one in packed]  # noqa: S301 - our own


def test_only_summaries_travel_whose_size_does_not_grow_with_the_cells(runs, tmp_path):
    home, events, _ = runs
    write_run(tmp_path / "north", events["north"], size=100)  # 25 times as many cells
    coarse, fine = Sent(), Sent()
    first = region_of(home, "north", compute=coarse)
    second = region_of(tmp_path, "north", compute=fine)
    assert first.totals().equals(region_of(home, "north").totals())
    assert len(second.totals()) == len(first.totals())
    cells = [len(RunFolder.from_path(one / "north").places.cells) for one in (home, tmp_path)]
    assert cells[1] > 20 * cells[0]
    assert fine.sizes[0] < 1.5 * coarse.sizes[0]


@pytest.fixture
def decided(admitted, shelf, tmp_path):
    """Return a copy of an admitted run in a folder like that of a region, with a copy of its register."""
    (tmp_path / "north" / "weekly").mkdir(parents=True)
    shutil.copy(shelf / "register.jsonl", tmp_path / "north")
    return copy_run(admitted, tmp_path / "north" / "weekly" / "run")


def verdict_of(folder):
    return read_region({"north": folder}).jurisdictions[0]


@pytest.mark.usefixtures("undrawn")
def test_only_a_valid_decision_of_the_register_is_shown_as_admitted(decided, monkeypatch):
    assert verdict_of(decided).verdict == "admitted"
    assert verdict_of(decided).first_reason.startswith("All ")
    register = decided.parents[1] / "register.jsonl"
    content = register.read_bytes()
    register.unlink()
    assert verdict_of(decided).verdict == "withheld"
    assert "knows no decision" in verdict_of(decided).reasons[0]
    register.write_bytes(content)
    late = RunFolder.from_path(decided).decision().valid_until + timedelta(days=1)
    with monkeypatch.context() as patch:
        patch.setattr("ilp_models.pipeline.run_folder.now", lambda: late)
        expired = verdict_of(decided)
    assert expired.verdict == "withheld"
    assert "The decision is valid from" in expired.reasons[0]
    assert expired.first_reason == expired.reasons[0]
    reasons = decided / "reasons.parquet"
    reasons.write_bytes(reasons.read_bytes() + b"x")
    assert "reasons.parquet was changed" in verdict_of(decided).reasons[0]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("change", [{"admitted": True, "note": 1}, {"valid_until": "2099-01-01T00:00:00+00:00"}])
def test_a_run_with_an_edited_decision_is_in_no_total(decided, change):
    path = decided / "decision.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    one = verdict_of(decided)
    assert (one.result.state, one.verdict) == (RunState.FAILED, "")
    assert "was edited" in one.result.error


@pytest.mark.usefixtures("undrawn")
def test_a_file_written_half_is_never_admitted(decided, tmp_path):
    record_files(decided)
    assert is_readable(verdict_of(decided).result)
    tables = sorted(decided.rglob("*.parquet"))
    assert len(tables) > 10
    for path in tables:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        region = read_region({"north": decided})
        (one,) = region.jurisdictions
        assert one.verdict in ("", "withheld"), path.name
        assert not is_readable(one.result)  # so that the same command runs it again
        if path.name == "forecast.parquet":
            write_region(region, tmp_path / "page")
            page = (tmp_path / "page" / "region.html").read_text()
            assert "Missing: north" in page
            assert path.name in page
        path.write_bytes(content)
    assert verdict_of(decided).verdict == "admitted"


REST = '"start": "2020-01-01", "end": null, "notes": []'
HALF_A_SIGN = r'"\ud800"'
FORGED = {
    INTAKE: (
        *("[1]", '{"findings": ["x"]}', "[" * 50_000, None),
        *(f'{{"findings": [], "rows_read": {count}, "rows_kept": 1, {REST}}}' for count in ("Infinity", "1e999")),
        f'{{"findings": [], "rows_read": 1, "rows_kept": 1, {REST.replace("[]", chr(91) + HALF_A_SIGN + chr(93))}}}',
    ),
    FACTS: ("[" * 50_000, "{}"),
    RECORDED: ("crime_type,period,recorded,freq\na,2020,5,X\n", "crime_type,period,recorded,freq\na,b,inf,W\n", "a\n"),
    BORDERS: (
        "neighbour,side\n<b>,here\n",
        "neighbour,side,reach_m,latest_52_weeks,weeks_before\nx,here,5,1,2\n",
        "neighbour,side,reach_m,latest_52_weeks,weeks_before\nx,here,5,many,2\nx,beyond,5,1,2\n",
    ),
    "skill.csv": ("forecaster,crime_type,lead,skill\nx,all,1,abc\n",),
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in FORGED.items() for text in texts])
def test_a_changed_file_of_one_run_does_not_stop_the_page(runs, tmp_path, name, text):
    home, *_ = runs
    broken = Path(shutil.copytree(home / "north", tmp_path / "broken"))
    if text is None:
        (broken / name).unlink()
        (broken / name).symlink_to(Path(__file__))
    else:
        (broken / name).write_text(text)
    region = read_region({"broken": broken, "south": home / "south"}, population={"broken": 5.0, "south": 7.0})
    write_region(region, tmp_path / "out")
    assert region.missing == ("broken",)
    assert name in region.jurisdictions[0].result.error


def record_files(folder):
    """Write the record of a run for a region with the digests of all its files."""
    (folder / RECORD).write_text(json.dumps({"files": folder_digests(folder)}))


def test_the_files_that_may_not_be_added_are_those_that_a_region_reads():
    read = {INTAKE, RECORDED, BORDERS, "skill.csv", SCORES, FACTS, CONTRIBUTION, "forecast.parquet", "decision.json"}
    assert read == set(READ_FILES)


@pytest.mark.parametrize("name", [RECORDED, INTAKE, BORDERS, "skill.csv", "forecast.parquet"])
def test_a_file_that_was_cut_lost_or_added_after_the_run_leaves_it_out(runs, tmp_path, name):
    home, *_ = runs
    broken = Path(shutil.copytree(home / "north", tmp_path / "broken"))
    record_files(broken)
    result = JurisdictionResult("broken", RunState.DONE, str(broken))
    assert is_readable(result)
    path = broken / name
    if name == "skill.csv":
        path.write_text("forecaster,crime_type,lead,skill\n")
    elif name in (INTAKE, "forecast.parquet"):
        path.unlink()
    else:
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[: len(lines) // 2]))  # still a table
    assert not is_readable(result)
    error = read_region([result]).jurisdictions[0].result.error
    assert f"{name} was changed after the run" in error


def test_the_forecast_of_another_run_leaves_a_run_out(runs, tmp_path):
    home, *_ = runs
    broken = Path(shutil.copytree(home / "north", tmp_path / "broken"))
    record_files(broken)
    shutil.copy(home / "south" / "forecast.parquet", broken)
    region = read_region({"broken": broken})
    assert region.missing == ("broken",)
    assert "forecast.parquet was changed after the run" in region.jurisdictions[0].result.error


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_text("<html>other</html>")])
def test_a_run_whose_page_was_changed_is_made_again_and_stays_in_the_totals(runs, tmp_path, change):
    home, *_ = runs
    run = Path(shutil.copytree(home / "north", tmp_path / "run"))
    (run / "assessment.html").write_text("<html></html>")
    record_files(run)
    result = JurisdictionResult("north", RunState.DONE, str(run))
    (run / "note.txt").write_text("by an analyst")
    assert is_readable(result)
    change(run / "assessment.html")
    assert not is_readable(result)
    assert read_region([result]).missing == ()


def test_a_run_with_evidence_that_was_added_is_made_again(runs, tmp_path):
    run = Path(shutil.copytree(runs[0] / "north", tmp_path / "run"))
    record_files(run)
    (run / "audit").mkdir(exist_ok=True)
    (run / "audit" / ".DS_Store").touch()
    assert not is_readable(JurisdictionResult("north", RunState.DONE, str(run)))


def test_a_file_that_cannot_be_opened_is_made_again_and_stops_nothing(runs, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    run = Path(shutil.copytree(runs[0] / "north", tmp_path / "run"))
    record_files(run)
    monkeypatch.setattr("ilp_models.pipeline.region.file_digest", refuse)
    assert not is_readable(JurisdictionResult("north", RunState.DONE, str(run)))


def test_relative_folders_are_read_where_the_caller_is(runs, tmp_path, monkeypatch):
    home, *_ = runs

    class Elsewhere:
        def map(self, function, tasks, _):
            with contextlib.chdir(tmp_path):
                return [function(task) for task in tasks]

    monkeypatch.chdir(home)
    assert read_region({"north": "north"}, compute=Elsewhere()).missing == ()


def test_holes_do_not_make_an_outline_longer():
    boxes = [shapely.box(x, y, x + 500, y + 500) for x in range(0, 5000, 500) for y in range(0, 5000, 500)]
    with_holes = [one for number, one in enumerate(boxes) if number not in (22, 44, 46, 68)]
    whole, holed = (_outline(gpd.GeoSeries(some, crs="EPSG:32617")) for some in (boxes, with_holes))
    assert shapely.equals(holed, whole)
    assert len(shapely.get_coordinates(whole)) == 5


def test_links_and_names_of_folders_cannot_be_scripts(runs, tmp_path, monkeypatch):
    home, *_ = runs
    monkeypatch.chdir(tmp_path)
    odd = Path(shutil.copytree(home / "south", "odd #1"))
    (odd / "report.html").write_text("x")
    write_region(read_region({"=<i>x</i>": odd}, parts={"<b>": ["=<i>x</i>"]}), tmp_path)
    page = (tmp_path / "region.html").read_text()
    assert 'href="odd%20%231/report.html"' in page
    assert "<i>x" not in page
    assert "<b>" not in page
    assert "\n=<i>" not in (tmp_path / "totals.csv").read_text()
    assert ",'=<i>x</i>," in (tmp_path / "totals.csv").read_text()


def test_a_region_of_descriptions_has_their_sentences(tmp_path):
    events = city(1)
    write_description(describe_events(events, SquareGrid(500), parts=[ChangeTable()]), tmp_path / "north")
    write_json(tmp_path / "north" / INTAKE, events.intake.to_dict())
    page = write_region(read_region({"north": tmp_path / "north"}, task="describe"), tmp_path / "pair")[0]
    text = page.read_text(encoding="utf-8")
    assert "What was recorded" in text
    assert NOT_A_FORECAST in text
    assert not re.search(r"forecasts|decision", text, re.IGNORECASE)  # a description has neither
    assert "../north/description.html" in text
    (tmp_path / "north" / "description.json").write_text("[]", encoding="utf-8")
    assert read_region({"north": tmp_path / "north"}).missing == ("north",)


def test_a_region_without_forecasts_still_has_a_page(tmp_path):
    region = read_region([JurisdictionResult("west", RunState.FAILED, "", "No records.")])
    write_region(region, tmp_path)
    assert "0 of 1 jurisdictions" in (tmp_path / "region.html").read_text()
    assert repr(region) == "<Region region: weekly of 0 of 1 jurisdictions>"
