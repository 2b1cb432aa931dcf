import json
import math
import multiprocessing
import sqlite3
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from mlflow import MlflowClient

from ilp_models.domain.errors import StorageError
from ilp_models.tracking.mlflow_store import MlflowTracker

pytestmark = pytest.mark.slow


def client_of(tracker):
    return MlflowClient(tracking_uri=tracker._store()[0])


def runs_of(tracker):
    client = client_of(tracker)
    names = (one for one in client.search_experiments() if one.name.startswith("ilp-"))
    found = client.search_runs([one.experiment_id for one in names])
    return {run.info.run_name: run for run in found}


def add_children(run, names):
    for name in names:
        with run.child(name, {"kind": "baseline"}, {"seed": 1}) as child:
            child.metrics({f"score {i}": i for i in range(20)})


def test_a_run_keeps_settings_scores_words_and_files(tracker, tmp_path):
    figures = tmp_path / "figures"
    figures.mkdir()
    (figures / "map.png").write_bytes(b"png")
    config = {"grid": {"size": 500}, "long": "x" * 9000, "output": "outputs"}
    with tracker.run("weekly", {"fingerprint": "abc"}, config) as run:
        run.metrics({"hit rate@5%": 0.25, "skill": math.nan})
        run.artifact(figures)
        run.artifact(figures / "map.png")
        with run.child("ewma", {}, {"half_life": 8}) as child:
            child.metrics({"skill": 0.1}, step=2)
            child.tags({"decision": "withheld"})
    kept = runs_of(tracker)
    weekly, ewma = kept["weekly"], kept["ewma"]
    assert weekly.info.status == ewma.info.status == "FINISHED"
    assert weekly.data.params["grid.size"] == "500"
    assert len(weekly.data.params["long"]) == 500
    assert weekly.data.metrics["hit rate_5_"] == 0.25
    assert math.isnan(weekly.data.metrics["skill"])
    assert {"fingerprint": "abc", "task": "weekly"}.items() <= weekly.data.tags.items()
    assert ewma.data.tags["mlflow.parentRunId"] == weekly.info.run_id
    assert ewma.data.tags["decision"] == "withheld"
    client = client_of(tracker)
    assert {item.path for item in client.list_artifacts(weekly.info.run_id)} == {"settings.json", "figures", "map.png"}
    stored = client.download_artifacts(weekly.info.run_id, "settings.json", str(tmp_path))
    assert json.loads(Path(stored).read_text()) == config


def test_dataset_history_and_model_are_recorded_as_the_store_shows_them(tracker, tmp_path):
    bundle = tmp_path / "model"
    bundle.mkdir()
    (bundle / "bundle.json").write_text("{}")
    with tracker.run("weekly", {"git_commit": "abc"}, {}) as run:
        run.dataset("Toronto", "d" * 64, "crimes.csv", {"events": 10})
        run.history({"by_period/deviance": [1.0, math.nan, 0.5]})
        run.model("lightgbm", bundle, {"num_leaves": 15, "offset": {"half_life": 80}})
    client, kept = client_of(tracker), runs_of(tracker)["weekly"]
    (used,) = kept.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("Toronto", "d" * 36)
    assert json.loads(used.dataset.source) == {"source": "crimes.csv", "sha256": "d" * 64}
    steps = client.get_metric_history(kept.info.run_id, "by_period/deviance")
    assert [(one.step, one.value) for one in steps] == [(0, 1.0), (2, 0.5)]
    assert kept.data.tags["mlflow.source.git.commit"] == "abc"
    assert kept.data.tags["mlflow.source.name"] == "ilp weekly"
    (output,) = kept.outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert (model.name, model.status) == ("lightgbm", "READY")
    assert model.params == {"num_leaves": "15", "offset.half_life": "80"}
    names = {item.path for item in client.list_logged_model_artifacts(output.model_id)}
    assert names == {"MLmodel", "bundle.json"}


def test_each_task_has_an_experiment(tracker):
    for task in ("weekly", "backtest", "weekly"):
        with tracker.run(task, {}, {}):
            pass
    assert {one.name for one in client_of(tracker).search_experiments()} == {"Default", "ilp-weekly", "ilp-backtest"}


def test_more_than_one_batch_is_recorded_whole(tracker):
    with tracker.run("backtest", {}, {f"setting {i}": i for i in range(150)}) as run:
        run.metrics({f"score {i}": i for i in range(1200)})
    data = runs_of(tracker)["backtest"].data
    assert (len(data.params), len(data.metrics)) == (150, 1200)


@pytest.mark.parametrize(("error", "state"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_run_that_ends_badly_says_so(tracker, error, state):
    with pytest.raises(error), tracker.run("weekly", {}, {}) as run, run.child("ewma", {}, {}):
        raise error
    assert {run.info.status for run in runs_of(tracker).values()} == {state}


def test_children_are_recorded_from_two_processes_at_once(tracker):
    names = [[f"{worker}-{i}" for i in range(4)] for worker in "ab"]
    spawn = multiprocessing.get_context("spawn")
    with tracker.run("backtest", {}, {}) as run, ProcessPoolExecutor(2, mp_context=spawn) as pool:
        for done in [pool.submit(add_children, run, part) for part in names]:
            done.result()
    kept = runs_of(tracker)
    assert set(kept) == {"backtest", *names[0], *names[1]}
    assert all(len(kept[name].data.metrics) == 20 for part in names for name in part)


def test_three_programs_may_make_the_store_at_once(tmp_path):
    script = (
        "import sys; from ilp_models.tracking.mlflow_store import MlflowTracker;"
        "MlflowTracker(sys.argv[1], patience=120).check()"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "new")]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ended = [(program.communicate(timeout=300)[1], program.returncode) for program in started]
    assert [code for _, code in ended] == [0, 0, 0], ended


def test_a_store_held_by_another_program_is_one_clear_error(tracker):
    holder = sqlite3.connect(tracker._store()[1] / "mlflow.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(
        StorageError, match=r"mlflow.db: database is locked; close the program that uses it .*output=FOLDER"
    ):
        tracker.check()
    holder.close()
    tracker.check()


def test_a_broken_store_is_one_clear_error(tracker):
    (tracker._store()[1] / "mlflow.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError, match="file is not a database"):
        tracker.check()


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"Cannot use the tracking store .*Not a directory"):
        MlflowTracker(str(tmp_path / "file" / "below")).check()


def test_a_path_that_the_store_would_misread_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(StorageError, match="question mark"):
        MlflowTracker(str(tmp_path / "what?")).check()
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_away_is_one_clear_error(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"Cannot use the tracking store http://127\.0\.0\.1:9"):
        MlflowTracker().check()


def test_nothing_is_told_to_anyone_else():
    script = "import os, ilp_models.tracking.mlflow_store as s; print(os.environ['MLFLOW_DISABLE_TELEMETRY'])"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert said.stdout.strip() == "true"
