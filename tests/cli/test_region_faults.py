"""Faults in the run of a region: killed workers, a store in use, files written half, and records without events."""

import contextlib
import importlib
import multiprocessing
import os
import signal
import sys
from pathlib import Path

import filelock
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ilp_models.audit.register.register import Register
from ilp_models.cli import jurisdiction_run
from ilp_models.cli.app import App, find_configs
from ilp_models.cli.region import run_all
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.region import RunState
from ilp_models.pipeline.region import read_region, write_region
from tests.cli.test_region import SMALL, Recorded, region_run

# The stages of a week: what kills itself, and at which call. The last one has written its line of the register.
STAGES = {
    "intake": ("ilp_models.pipeline.decided_run", "models_across_borders", 1),
    "backtest": ("ilp_models.backtest.store", "ForecastStore.write", 3),
    "forecast": ("ilp_models.pipeline.decided_run", "make_forecast", 1),
    "explain": ("ilp_models.pipeline.decided_run", "explanation_or_none", 1),
    "audit": ("ilp_models.pipeline.decided_run", "audit_forecast", 1),
    "writing": ("ilp_models.pipeline.outputs", "write_forecast", 1),
}
WEEK = (
    *("model=[moving_average,ewma]", "forecaster=ewma", "tracking=memory", "grid.size=500"),
    *("backtest.test_periods=4", "backtest.refit_every=4", "bootstrap.draws=50", "export.formats=[parquet]"),
)


@pytest.fixture(scope="module")
def server():
    """Return processes that start with everything imported, so that an attempt takes a second or two."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.cli.test_region_faults", "ilp_models.pipeline.weekly"])
    return context


def kill_at(module, name, calls):
    """Let the process kill itself in place of a call of a function or a method."""
    *outer, function = name.split(".")
    place = importlib.import_module(module)
    for part in outer:
        place = getattr(place, part)
    original, left = getattr(place, function), [calls]

    def killing(*args, **settings):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **settings)

    setattr(place, function, killing)


def work(words, stage, messages):
    """Run a command with its messages in a file; kill the process in a stage."""
    with messages.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["ilp"]
    Figure.savefig = lambda _, path, **__: path.write_bytes(b"\x89PNG")  # drawing takes as long as all else
    if stage:
        kill_at(*STAGES[stage])
    os._exit(App(find_configs()).run(list(words)))


@pytest.fixture
def attempts(server, monkeypatch, tmp_path):
    """Return the stages in which the next processes are killed; later ones are not."""
    stages, messages = [], tmp_path / "messages.txt"

    def start(words, _):
        child = server.Process(target=work, args=(words, stages.pop(0) if stages else None, messages))
        child.start()
        child.join()
        return child.exitcode, messages.read_text(), 0

    monkeypatch.setattr(jurisdiction_run, "_start", start)
    return stages


def lines_of(run):
    path = run.output / "north" / "register.jsonl"
    return [line.act for line in Register(path).verify().lines] if path.exists() else []


@pytest.mark.slow
def test_a_worker_killed_in_any_stage_loses_nothing_and_decides_nothing(options, attempts):
    run, planned = region_run(options, {"jurisdictions": ["north"]}, *WEEK, task="weekly"), Recorded()
    run.run(planned)
    home = run.output / "north" / "weekly"
    names = list(STAGES)
    for two in zip(names[::2], names[1::2], strict=True):
        attempts[:] = two
        (result,) = run_all(planned.jobs, LocalProcesses(1))
        assert (result.state, result.attempts, attempts) == (RunState.FAILED, 2, []), two
        assert "SIGKILL" in result.error
        assert not os.path.lexists(home / "latest")
        assert not list(home.glob("*/decision.json"))
        assert read_region([result]).missing == ("north",)
        assert lines_of(run) == (["decided"] if "writing" in two else [])
    with contextlib.ExitStack() as locks:  # another run on the same store
        for folder in (run.output / "north" / "forecasts").iterdir():
            locks.enter_context(filelock.FileLock(folder / ".lock"))
        (result,) = run_all(planned.jobs, LocalProcesses(1))
        assert (result.state, lines_of(run)) == (RunState.FAILED, ["decided"])
        assert "Another run is writing the forecasts" in result.error
    (result,) = run.run(LocalProcesses(1))
    assert (result.state, result.attempts) == (RunState.DONE, 1)
    assert (home / "latest").resolve() == Path(result.folder)
    assert lines_of(run) == ["decided", "decided"]


OTHER = """\
# @package _global_
# Records of a file
defaults:
  - override /data: delimited
data:
  path: {path}
  columns: {{occurred_at: when, crime_type: what, x: e, y: n}}
  input_crs: EPSG:32617
  time_zone: Etc/GMT+5
  as_of: 2020-03-02
"""


@pytest.mark.slow
def test_records_without_events_or_with_other_types_are_named_and_stop_nothing(options, attempts, tmp_path):
    days = pd.date_range("2019-01-07 12:00", "2020-03-01 12:00", freq="D")
    rows = pd.DataFrame({"when": days, "what": "fraud", "e": 683_000 + 100 * (days.day_of_year % 20), "n": 4_800_100})
    for name, table in (("empty", rows.iloc[:0]), ("other", rows)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        (options / "jurisdiction" / f"{name}.yaml").write_text(OTHER.format(path=tmp_path / f"{name}.csv"))
    north = options / "jurisdiction" / "north.yaml"
    north.write_text(north.read_text().replace("[south]", "[empty, other]"))
    run = region_run(options, {"jurisdictions": ["north", "empty", "other"]}, *SMALL, "grid.size=500")
    results = run.run(LocalProcesses(1))
    assert [one.state for one in results] == [RunState.DONE, RunState.FAILED, RunState.DONE], results
    assert "empty.csv" in results[1].error
    assert attempts == []
    region = read_region(results, name="pair")
    notes = " ".join(region.jurisdictions[0].intake["notes"])
    assert "The records of the neighbour empty are not used: " in notes
    assert "The records of the neighbour other are not used: the records share no crime type" in notes
    whole = region.totals().query("level == 'region'").set_index("crime_type")["missing"]
    assert (whole["fraud"], whole["burglary"]) == ("north, empty", "empty, other")
    write_region(region, tmp_path / "page")
    assert "Missing: empty" in (tmp_path / "page" / "region.html").read_text()
