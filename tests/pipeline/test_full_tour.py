"""The whole way through the command line, as a user goes it."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from pages import blocks, commands

from tests.pipeline.small_city import GROUPS, LENIENT, MODELS, SETTINGS

pytestmark = pytest.mark.slow

# Any look-up or connection beyond this machine ends the run.
OFFLINE = """
import socket, sys
def refuse(*words, **more):
    raise SystemExit(f"network: {words}")
socket.getaddrinfo = refuse
socket.socket.connect = refuse
from ilp_models.cli.app import main
sys.exit(main())
"""


def ilp(place, *words):
    """Return the output of a command that must succeed, cut off from the network."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "HYDRA"))}
    variables |= {"HOME": str(place), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", OFFLINE, *words]
    done = subprocess.run(command, cwd=place, env=variables, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_full_tour_is_admitted_and_its_grid_may_be_used(tmp_path):
    ilp(tmp_path, "preregister", "experiment=simulated-city", "rule_choice=top areas, to compare with")
    text = ilp(tmp_path, "weekly", "experiment=simulated-city", "model=[moving_average,ewma,lightgbm]")
    assert "Decision on lightgbm: ADMITTED for resource allocation until" in text
    latest = tmp_path / "outputs" / "weekly" / "latest"
    decision = json.loads((latest / "decision.json").read_text())
    assert {one["state"] for one in decision["findings"] if one["required"]} == {"pass"}
    assert not (latest / "UNFINISHED").exists()
    reviewer = decision["audit"]["header"]["governance"]["reviewer"]
    text = ilp(tmp_path, "approve", f"reviewer={reviewer}", "reason=all checks passed")
    assert reviewer in text
    text = ilp(tmp_path, "export", "grade=allocation", "formats=[parquet,gpkg]")
    assert "Exported as allocation" in text
    out = tmp_path / "outputs" / "export" / "latest"
    table = gpd.read_parquet(out / "forecast-allocation.parquet")
    assert set(table["grade"]) == {"allocation"}
    assert set(table["decision"]) == {decision["seal"][:16]}
    layer = gpd.read_file(out / "grid-allocation.gpkg", layer="assault")
    assert len(layer) == len(table) / table["crime_type"].nunique()
    assert set(layer["grade"]) == {"allocation"}
    check_the_trial(tmp_path)


def check_the_trial(folder):
    """The tutorial of field trials: the design knows the approved forecast, and the planted effect is found."""
    page = Path("docs/trials/tutorial.md")
    path = folder / "mine" / "experiment" / "our_trial.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(blocks(page, "yaml")[0])
    tasks = [words[1:] for words in commands(page) if "units.count=32" in words or words[1:2] == ["evaluate-trial"]]
    design, evaluate, without = tasks
    assert "32 cells from an audited forecast and its allocation rule" in ilp(folder, *design)
    for words, truth, said in ((evaluate, 0.8, "fewer recorded crimes"), (without, 1.0, "No effect is shown")):
        assert said in ilp(folder, *words)
        effects = pd.read_csv(folder / "outputs" / "evaluate-trial" / "latest" / "effects.csv")
        main = effects[effects["role"] == "main"].iloc[0]
        assert main["ratio_low"] <= truth <= main["ratio_high"]


def test_a_week_is_kept_in_the_store_beside_the_outputs(tmp_path):
    settings = [word for word in SETTINGS["weekly"] if word != "tracking=memory"]
    ilp(tmp_path, "preregister", *SETTINGS["preregister"], *LENIENT)
    ilp(tmp_path, "weekly", *settings, *LENIENT, "name=kept")
    (latest,) = {path.resolve() for path in (tmp_path / "outputs" / "weekly").glob("latest")}
    store = next((tmp_path / "outputs").rglob("*.db"))
    with sqlite3.connect(store) as link:
        runs = pd.read_sql("select run_uuid, name, status from runs", link, index_col="run_uuid")
        tags = pd.read_sql("select * from tags", link).pivot_table(
            index="run_uuid", columns="key", values="value", aggfunc="first"
        )
        metrics = pd.read_sql("select * from latest_metrics", link)
    parents = tags["mlflow.parentRunId"]
    (parent,) = parents.index[parents.isna()]
    assert runs["status"].eq("FINISHED").all()
    assert sorted(runs.drop(parent)["name"]) == sorted(MODELS)
    assert parents.drop(parent).eq(parent).all()
    decision = json.loads((latest / "decision.json").read_text())
    assert tags.loc[parent, ["decision", "recipe"]].tolist() == ["admitted", decision["recipe"]]
    assert tags.loc[parent, ["data", "git_commit", "code", "version"]].notna().all()
    assert tags.drop(parent)["recipe"].nunique() == len(MODELS)
    summary = pd.read_csv(latest / "summary.csv").set_index(["forecaster", "crime_type", "score"])["value"]
    kept = metrics[metrics["key"] == "all/deviance"].set_index("run_uuid")["value"]
    for run, name in runs.drop(parent)["name"].items():
        assert kept[run] == pytest.approx(summary[name, "all", "deviance"])
    (place,) = (tmp_path / "outputs").rglob(f"{parent}/artifacts")
    kept = {path.relative_to(place).as_posix() for path in place.rglob("*")}
    assert kept >= {"report.html", "decision.json", "scores.csv", "intake.json", "forecast.parquet"}
    assert kept >= {"model/lead-1.txt", "model/bundle.json", "figures/map-1.png"}
    assert GROUPS in LENIENT
    assert not list(tmp_path.glob(".config/mlflow/*"))
