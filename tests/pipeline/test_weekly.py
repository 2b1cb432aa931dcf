import json
import re
from datetime import datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from lightgbm import Booster

from ilp_models.domain.errors import StorageError
from ilp_models.domain.family_reasons import FAMILY_KEYS
from ilp_models.domain.reason_words import REASON_TABLE
from ilp_models.domain.scores import ScoreTable
from ilp_models.domain.text_output import csv_marks
from ilp_models.export.reader import read_forecast
from ilp_models.pipeline import outputs
from ilp_models.pipeline.forecasting import make_forecast
from ilp_models.tracking.memory import InMemoryTracker
from tests.pipeline.small_city import GROUPS, MODELS, TYPES, WEEKS, run_task, summary_of
from tests.report.html_page import Page

RECORDED = ["last_week", "last_4_weeks", "same_week_last_year"]
UNITS = ["cell", "area", "crime_type", "period", "start", "end", "expected", "q05", "q25", "q50", "q75", "q95"]
UNITS += ["rank", "share", "flagged", *RECORDED, "overused_points", "lat", "lon"]
AREAS = ["level", "area", "crime_type", "period", "expected", "q05", "q25", "q50", "q75", "q95"]
MARKS = ["grade", "decision"]


def grids(folder):
    """Return the risk grid of a run as read from each of its formats."""
    layers = gpd.list_layers(folder / "grid.gpkg").dropna()["name"]
    return {
        "forecast.parquet": gpd.read_parquet(folder / "forecast.parquet"),
        "grid.geojson": gpd.read_file(folder / "grid.geojson"),
        "grid.gpkg": pd.concat([gpd.read_file(folder / "grid.gpkg", layer=name) for name in layers]),
        "grid.csv": pd.read_csv(folder / "grid.csv", dtype={"decision": str}),  # "95e12..." would be infinite
    }


_ARCHIVE = ("replays", "cells", "neighbours", "explanation", "overused_points", "hours", "place_names")


def test_every_file_of_a_week_is_there_and_nothing_half_written(withheld):
    names = {path.relative_to(withheld.folder).as_posix() for path in withheld.folder.rglob("*")}
    assert names == {
        *("forecast.parquet", "grid.gpkg", "grid.geojson", "grid.qml", "grid.csv", "grid.csv.json", "grid.xlsx"),
        *("areas.csv", "areas.csv.json", "recorded.csv"),
        *("scores.csv", "scores.parquet", "summary.csv", "skill.csv", "intake.json", "decision.json"),
        *("reasons.parquet", "explanation.parquet"),
        *(
            "model",
            "model/bundle.json",
            "model/lead-1.txt",
            "report.html",
            "front.html",
            "figures",
            "audit",
            "audit/subject.json",
        ),
        *(f"audit/{name}.parquet" for name in _ARCHIVE),
        *(f"figures/{name}.png" for name in ("map-1", "map-2", "last-map", "hit-curves", "calibration", "families")),
    }
    for path in withheld.folder.rglob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_sums_over_areas_agree_with_the_grid_and_carry_its_marks(withheld):
    areas, grid = (pd.read_csv(withheld.folder / name) for name in ("areas.csv", "grid.csv"))
    assert list(areas.columns) == [*AREAS, *MARKS, "caveat"]
    totals = grid.groupby("crime_type")["expected"].sum()
    assert areas["level"].unique()[0] == "city"
    for _, one in areas.groupby("level"):
        np.testing.assert_allclose(one.groupby("crime_type")["expected"].sum(), totals, rtol=1e-4)
    assert areas["q50"].notna().all()
    assert (areas["q05"] <= areas["q95"]).all()
    for name in (*MARKS, "caveat"):
        assert set(areas[name].dropna()) == set(grid[name].dropna())
    facts, theirs = (json.loads((withheld.folder / name).read_text()) for name in ("areas.csv.json", "grid.csv.json"))
    added = {name: theirs[name] for name in ("units", "flagged", "recorded")}
    assert {**facts, **added} == theirs


def test_the_grid_is_the_same_in_every_format(withheld):
    read = grids(withheld.folder)
    parquet = read["forecast.parquet"]
    assert list(parquet.columns) == [*UNITS, "geometry", *MARKS]
    assert list(read["grid.csv"].columns) == [*UNITS, *MARKS, "caveat"]
    assert list(read["grid.geojson"].columns) == [*UNITS, *MARKS, "geometry"]
    assert set(read["grid.gpkg"].columns) >= {*UNITS, *MARKS, "geometry"}
    assert parquet.crs == "EPSG:32617"
    assert read["grid.gpkg"].crs == "EPSG:32617"
    assert read["grid.geojson"].crs == "EPSG:4326"
    for table in read.values():
        table = table.sort_values(["crime_type", "cell"], ignore_index=True)
        ours = parquet.sort_values(["crime_type", "cell"], ignore_index=True)
        assert table["cell"].tolist() == ours["cell"].tolist()
        np.testing.assert_allclose(table["expected"], ours["expected"], rtol=1e-5)


def test_every_format_has_the_recorded_counts_and_the_flagged_cells(withheld):
    read = grids(withheld.folder)
    events = withheld.parts["data"].read().table
    week = events[events["occurred_at"].between("2021-04-19", "2021-04-26", inclusive="left")]
    month = events[events["occurred_at"].between("2021-03-29", "2021-04-26", inclusive="left")]
    year_ago = events[events["occurred_at"].between("2020-04-27", "2020-05-04", inclusive="left")]
    counts = {"last_week": len(week), "last_4_weeks": len(month), "same_week_last_year": len(year_ago)}
    for name, table in read.items():
        table = table.sort_values(["crime_type", "cell"], ignore_index=True)
        assert {column: int(table[column].sum()) for column in RECORDED} == counts, name
        assert {str(day)[:10] for day in table["start"]} == {"2021-04-26"}
        assert {str(day)[:10] for day in table["end"]} == {"2021-05-02"}
        for _, rows in table.groupby("crime_type"):
            flagged = rows["flagged"].astype(bool)
            assert 0.09 < flagged.mean() <= 0.1  # audit.land_share; all squares have one size
            assert rows.loc[flagged, "expected"].min() >= rows.loc[~flagged, "expected"].max()


def test_the_workbook_of_a_week_has_scores_and_changes(withheld):
    book = pd.read_excel(withheld.folder / "grid.xlsx", sheet_name=None, engine="calamine")
    assert list(book) == ["grid", "areas", "change", "scores", "caveats"]
    skill = pd.read_csv(withheld.folder / "skill.csv")
    scores = book["scores"]
    stored = scores[scores["Score"] == "skill over ewma"]
    np.testing.assert_allclose(stored["Value"], skill["skill"])
    assert len(scores) == len(skill) + len(pd.read_csv(withheld.folder / "summary.csv"))
    whole = book["areas"].query("Area == '(all)'").set_index("Crime type")["Expected crimes"]
    for kind, rows in book["grid"].groupby("Crime type"):
        assert whole[kind] == pytest.approx(rows["Expected crimes"].sum())
    assert (book["change"]["Area"] == book["areas"]["Area"]).all()


def test_the_grid_is_whole_and_adds_up(withheld):
    table = gpd.read_parquet(withheld.folder / "forecast.parquet")
    cells = table["cell"].nunique()
    assert len(table) == cells * len(TYPES)
    assert set(table["crime_type"]) == set(TYPES)
    assert set(table["area"]) == {f"District {row}-{column}" for row in range(1, 5) for column in range(1, 5)}
    assert table["period"].unique().tolist() == ["2021-04-26"]  # the Monday after 120 weeks from 2019-01-07
    for _, rows in table.groupby("crime_type"):
        assert rows["share"].sum() == pytest.approx(1)
        np.testing.assert_array_equal(rows["rank"], rows["expected"].rank(ascending=False, method="min"))
    bounds = table[["q05", "q25", "q50", "q75", "q95"]].to_numpy()
    assert (np.diff(bounds, axis=1) >= 0).all()


def test_the_scores_are_long_and_give_the_summary_back(withheld):
    scores = pd.read_csv(withheld.folder / "scores.csv")
    assert list(scores.columns) == ["forecaster", "crime_type", "lead", "period", "score", "value"]
    stored = pd.read_parquet(withheld.folder / "scores.parquet")
    pd.testing.assert_frame_equal(stored, scores, check_dtype=False)
    assert set(scores["forecaster"]) == {*MODELS, "oracle", "ceiling (lightgbm)"}
    assert scores["period"].nunique() == WEEKS
    again = ScoreTable(scores, withheld.parts["scoring"].bootstrap)
    summary = pd.read_csv(withheld.folder / "summary.csv")
    assert list(summary.columns) == ["forecaster", "lead", "crime_type", "score", "value", "low", "high", "n"]
    pd.testing.assert_frame_equal(again.summarise(), summary, check_dtype=False, check_names=False)


def test_a_score_can_be_worked_out_from_the_stored_forecasts(withheld):
    bundle = json.loads((withheld.folder / "model" / "bundle.json").read_text())
    folder = Path(withheld.config["store"], bundle["stored_forecasts"], "forecaster=lightgbm")
    stored = pd.read_parquet(folder)
    assert stored["cutoff"].nunique() == WEEKS
    scores = pd.read_csv(withheld.folder / "scores.csv").query("forecaster == 'lightgbm' and crime_type == 'burglary'")
    scored = scores[scores["score"] == "observed_total"].set_index("period")["value"]
    ours = stored[stored["crime_type"] == "burglary"].groupby("period")["observed"].sum()
    np.testing.assert_array_equal(scored.to_numpy(), ours.to_numpy(dtype=float))
    events = withheld.parts["data"].read()
    tested = events.table[events.table["occurred_at"] >= "2021-02-15"]
    assert ours.sum() == (tested["crime_type"] == "burglary").sum()


def test_without_a_group_table_the_decision_is_withheld_and_says_what_to_provide(withheld):
    decision = withheld.decision
    assert decision["admitted"] is False
    (reason,) = [line for line in decision["reasons"] if line.startswith("Group table")]
    assert "columns area, dimension, group, population" in reason
    assert "audit.groups.path=FILE" in reason
    assert summary_of(withheld.text)[0].startswith("Decision on lightgbm: WITHHELD")
    assert summary_of(withheld.text)[-1].startswith("Next: read ")
    for page in (withheld.text, (withheld.folder / "report.html").read_text()):
        assert "audit.groups.path=FILE" in page
        assert "not for resource allocation" in page


def test_the_decision_is_complete(admitted):
    decision = admitted.decision
    first = ["admitted", "reasons", "obstacles", "remedies", "findings", "recipe", "issued", "valid_until"]
    assert list(decision)[: len(first)] == first
    assert (decision["obstacles"], decision["remedies"]) == ([], None)
    assert decision["admitted"] is True
    assert decision["forecast"] == read_forecast(admitted.folder / "forecast.parquet").digest()
    span = datetime.fromisoformat(decision["valid_until"]) - datetime.fromisoformat(decision["issued"])
    assert span.days == 15
    groups = {finding["group"] for finding in decision["findings"]} - {""}
    assert groups == {"amber", "birch", "cedar"}
    assert "ADMITTED for resource allocation" in summary_of(admitted.text)[0]
    assert summary_of(admitted.text)[-1].startswith("Next: ilp allocate ")


def test_the_grade_of_the_files_follows_the_decision(admitted, withheld):
    for done, grade in ((admitted, "allocation"), (withheld, "research")):
        for name, table in grids(done.folder).items():
            assert set(table["grade"]) == {grade}, name
            assert set(table["decision"]) == {done.decision["seal"][:16]}
        facts = json.loads((done.folder / "grid.csv.json").read_text())
        assert facts["grade"] == grade
        assert facts["recipe"] == done.decision["recipe"]


def test_the_page_stands_alone_with_all_its_sections(admitted):
    page = (admitted.folder / "report.html").read_text()
    sections = re.findall(r'<section id="(\w+)"', page)
    parts = "decision numbers places changes comparison explanation audit intake provenance caveats"
    assert sections == parts.split()
    assert not re.findall(r'(?:src|href)="(?!#|data:|geo:|front.html)[^"]*"', page)
    assert page.count("data:image/png") >= len(TYPES) + 3
    assert admitted.decision["recipe"] in page


def test_reasons_are_given_for_the_highest_cells(withheld):
    table = pd.read_parquet(withheld.folder / "explanation.parquet")
    grid = gpd.read_parquet(withheld.folder / "forecast.parquet")
    assert table.groupby(["crime_type", "cell"]).size().eq(5).all()
    np.testing.assert_allclose(table["multiplier"], np.exp(table["attribution"]))
    for kind in TYPES:
        explained = set(table.loc[table["crime_type"] == kind, "cell"])
        rows = grid[grid["crime_type"] == kind]
        assert explained == set(rows.nsmallest(len(explained), "rank")["cell"])
        assert 0 < len(explained) <= 0.05 * len(rows) + 1
    assert table["words"].str.len().min() > 10


def test_every_cell_has_reasons_that_add_up_and_words(withheld):
    table, grid = (pd.read_parquet(withheld.folder / f"{name}.parquet") for name in ("reasons", "forecast"))
    assert list(table.columns) == list(REASON_TABLE)
    keys = ["crime_type", "cell"]
    expected = grid.set_index(keys)["expected"].astype(float)
    np.testing.assert_allclose(table.set_index(keys)["expected"], expected.loc[list(map(tuple, table[keys].values))])
    parts = table["reference"] + table[list(FAMILY_KEYS.values())].sum(axis=1)
    assert (np.abs(parts - table["expected"]) <= 1e-6 * np.maximum(1, table["expected"])).all()
    assert len(table) == len(expected)
    highest = table.loc[table["expected"].idxmax()]
    counts = ", ".join(str(highest[f"last_{place}"]) for place in (4, 3, 2, 1))
    assert f"ast four weeks {counts}; same week last year {highest['year_ago']}." in highest["words"]


def test_readers_see_no_factors_and_no_names_of_variables(withheld):
    page = Page((withheld.folder / "report.html").read_text())
    table = pd.read_parquet(withheld.folder / "reasons.parquet")
    highest = table.loc[table["expected"].idxmax(), "words"]
    assert highest in page.text
    assert not re.search(r"\bx ?\d|half-life|level and share", page.text)
    facts = json.loads((withheld.folder / "model" / "bundle.json").read_text())
    assert not [column["name"] for column in facts["columns"] if column["name"] in page.text.split()]


def test_the_bundle_gives_the_forecast_back(withheld):
    parts = withheld.parts
    ahead = make_forecast(parts["model"]["lightgbm"], parts["data"].read(), parts["grid"], calendar=parts["calendar"])
    design = ahead.forecaster.design(ahead.periods)
    trees = Booster(model_file=str(withheld.folder / "model" / "lead-1.txt"))
    facts = json.loads((withheld.folder / "model" / "bundle.json").read_text())
    assert [column["name"] for column in facts["columns"]] == [column.name for column in design.columns]
    assert facts["recipe"] == withheld.decision["recipe"]
    rebuilt = np.exp(trees.predict(design.values, raw_score=True) + design.log_offset)
    stored = read_forecast(withheld.folder / "forecast.parquet").expected.values
    np.testing.assert_allclose(rebuilt, stored.ravel(), rtol=1e-12)


def test_the_intake_is_on_file(withheld):
    intake = json.loads((withheld.folder / "intake.json").read_text())
    events = withheld.parts["data"].read()
    assert intake["rows_kept"] == len(events)
    assert intake["crime_types"] == events.table["crime_type"].value_counts().to_dict()
    assert f"{len(events):,} of {len(events):,} records used" in withheld.text


def test_the_run_is_tracked_with_a_child_for_each_forecaster(withheld):
    run = withheld.run
    assert (run.name, run.state) == ("weekly", "finished")
    assert run.recorded_tags["decision"] == "withheld"
    assert run.recorded_tags["recipe"] == withheld.decision["recipe"]
    assert {"data", "code", "version", "git_commit"} <= set(run.recorded_tags)
    assert [child.name for child in run.children] == list(MODELS)
    assert {child.state for child in run.children} == {"finished"}
    summary = pd.read_csv(withheld.folder / "summary.csv").set_index(["forecaster", "crime_type", "score"])["value"]
    for child in run.children:
        assert child.recorded_metrics["all/deviance"] == pytest.approx(summary[child.name, "all", "deviance"])
        assert "burglary/skill" in child.recorded_metrics
    kept = set(run.artifacts)
    assert kept >= {"report.html", "decision.json", "forecast.parquet", "scores.csv", "model", "figures"}


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_two_leads_are_forecast_scored_and_exported(tmp_path, monkeypatch):
    shown, compose = [], outputs.compose_weekly
    monkeypatch.setattr(outputs, "compose_weekly", lambda *parts: shown.append(parts[1]) or compose(*parts))
    words = ("backtest.horizon=2", "backtest.test_periods=4", "export.formats=[parquet]", "bootstrap.block=1")
    done = run_task("weekly", tmp_path, *words)
    assert shown[0].calibration["low"].notna().all()  # three blocks make an interval, if they are those of the scores
    table = gpd.read_parquet(done.folder / "forecast.parquet")
    assert table["period"].unique().tolist() == ["2021-04-26", "2021-05-03"]
    assert sorted(path.name for path in (done.folder / "model").glob("*.txt")) == ["lead-1.txt", "lead-2.txt"]
    scores = pd.read_csv(done.folder / "scores.csv")
    assert scores.groupby("lead")["period"].nunique().to_dict() == {1: 4, 2: 3}
    assert "all/deviance/lead_2" in done.run.children[0].recorded_metrics
    assert read_forecast(done.folder / "forecast.parquet").digest() == done.decision["forecast"]


class Away(InMemoryTracker):
    def promote(self, *_):
        msg = "it is away"
        raise StorageError(msg)


@pytest.mark.usefixtures("undrawn")
def test_four_weeks_give_numbers_without_intervals_and_say_so(tmp_path):
    words = (
        GROUPS,
        "backtest.test_periods=4",
        "export.formats=[csv]",
        "export.decimal=comma",
        "report.file_name=week.html",
    )
    done = run_task("weekly", tmp_path, *words, tracking=Away())
    assert "nan" not in done.text.partition("Decision")[0]
    assert "without interval" in done.text
    pages = f"Report: {done.folder / 'week.html'}\nFront:  {done.folder / 'front.html'}"
    assert f"{pages}\nGrids:  grid.csv in {done.folder}\n" in done.text  # the next step comes last
    for name in ("grid.csv", "areas.csv", "scores.csv", "summary.csv", "skill.csv"):
        assert csv_marks(done.folder / name) == (",", ";")
    assert "The tracking store was not updated: it is away" in done.text
    words = re.sub(r"<[^>]*>", " ", (done.folder / "week.html").read_text())
    assert not re.search(r"\bnan\b", words, re.IGNORECASE)
