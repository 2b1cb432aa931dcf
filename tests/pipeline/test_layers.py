"""Layers given to a task reach the methods, the recipes and the account of the data."""

import json
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from ilp_models.pipeline.backtesting import run_backtest
from ilp_models.pipeline.study import open_study
from tests.pipeline.small_city import build_task, run_task

RISK = ("model=[risk_terrain]", "forecaster=risk_terrain")

REPLAY = ("model=[moving_average,risk_terrain]", "scoring.baseline=moving_average", "backtest.test_periods=4")


@pytest.fixture(scope="module")
def bars(tmp_path_factory):
    """Return a file of places in the simulated city."""
    events = build_task("forecast")[1]["data"].read()
    some = events.table.sample(40, random_state=0)
    path = tmp_path_factory.mktemp("files") / "bars.gpkg"
    gpd.GeoDataFrame(geometry=gpd.points_from_xy(some["x"], some["y"]), crs=events.crs).to_file(path)
    return path


def test_a_forecast_reads_the_layer_and_writes_what_it_learned(bars, tmp_path):
    done = run_task("forecast", tmp_path, *RISK, f"++layers.bars.path={bars}")
    notes = json.loads((done.folder / "intake.json").read_text())["notes"]
    assert notes[-1] == "Layer bars: 40 features of bars.gpkg; counts as known at all times."
    table = pd.read_csv(done.folder / "relative_risks.csv")
    assert list(table) == ["crime_type", "layer", "kind", "range_m", "relative_risk", "low", "high"]
    assert (done.folder / "grid.gpkg").exists()


def studied(folder, *overrides):
    parts = build_task("backtest", f"output={folder}", *REPLAY, *overrides)[1]
    study = open_study(parts["data"].read(), parts["grid"], calendar=parts["calendar"], layers=parts["layers"])
    return study, parts


def recipe_of(folder, *overrides):
    study, parts = studied(folder, *overrides)
    return study.recipe(parts["model"]["risk_terrain"])


def test_a_changed_layer_makes_another_recipe(bars, tmp_path):
    copy = shutil.copy(bars, tmp_path / "moved.gpkg")
    prints = [
        recipe_of(tmp_path, *words) for words in ([], [f"++layers.bars.path={bars}"], [f"++layers.bars.path={copy}"])
    ]
    frame = gpd.read_file(copy)
    frame.translate(10).to_file(copy, layer="bars")
    prints.append(recipe_of(tmp_path, f"++layers.bars.path={copy}"))
    assert prints[1] == prints[2]  # the same places under another name of the file
    assert len(set(prints)) == 3


def test_a_replay_before_a_layer_was_known_is_not_run(bars, tmp_path):
    def outcome(known_from):
        words = (f"++layers.bars.path={bars}", f"++layers.bars.known_from={known_from}")
        study, parts = studied(tmp_path, *words)
        cut = {"calendar": study.calendar, "layers": study.layers, "store": parts["store"]}
        options = {"scoring": parts["scoring"], "compute": parts["compute"], **vars(parts["backtest"])}
        return run_backtest(parts["model"], study.events, study.grid, **cut, **options)

    late = outcome(studied(tmp_path)[0].cutoff.date())
    assert late.not_run.keys() == {"risk_terrain"}
    assert "Layer bars is known from" in late.not_run["risk_terrain"]
    early = outcome("2000-01-01")
    assert not early.not_run
    assert np.isfinite(early.replay_of("risk_terrain").expected.values).all()
