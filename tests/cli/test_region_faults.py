"""Faults in the run of a region: killed processes and workers, a store in use, half files, records without events."""

import contextlib
import importlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import filelock
import pandas as pd
import psutil
import pytest
from dask import config
from distributed import LocalCluster
from matplotlib.figure import Figure

import ilp_models as ilp
from ilp_models.audit.register.register import Register
from ilp_models.cli import jurisdiction_run
from ilp_models.cli.app import App, find_configs
from ilp_models.cli.region import run_all
from ilp_models.compute.local import LocalProcesses
from ilp_models.compute.reading import read_on_workers
from ilp_models.domain.region import RunState
from ilp_models.model.means.pooled_bayes import stored_priors
from ilp_models.pipeline.contributions import read_contribution, train
from ilp_models.pipeline.region import read_region, write_region
from ilp_models.pipeline.run_folder import RunFolder
from tests.audit.audit_inputs import GOVERNANCE
from tests.cli.test_region import SMALL, Recorded, region_run
from tests.cli.test_region_compute import MAY_STATE, SHORT_FEEDBACK, Outputs, different_files
from tests.compute.test_dask_cluster import die_once

ROOT = Path(__file__).resolve().parents[2]

# The stages of a week: what kills itself, and at which call. The last three have a line of the register, and the
# last two a decision in a folder that is not finished.
STAGES = {
    "intake": ("ilp_models.pipeline.decided_run", "models_across_borders", 1),
    "backtest": ("ilp_models.backtest.store", "ForecastStore.write", 3),
    "forecast": ("ilp_models.pipeline.decided_run", "make_forecast", 1),
    "explain": ("ilp_models.pipeline.decided_run", "explanation_or_none", 1),
    "audit": ("ilp_models.pipeline.decided_run", "audit_forecast", 1),
    "writing": ("ilp_models.pipeline.outputs", "write_forecast", 1),
    "pages": ("ilp_models.pipeline.outputs", "PageTask.write", 1),
    "scores": ("ilp_models.pipeline.weekly", "write_scores", 1),
}
WEEKLY = tuple(STAGES)
STAGES |= {  # of `forecast`, and of `pool` for a prior
    "only forecast": ("ilp_models.pipeline.forecast", "make_forecast", 1),
    "records": ("ilp_models.pipeline.pool", "read_study", 1),
    "sampling": ("ilp_models.model.means.pooled_bayes", "PriorSample.write", 2),
    "contribution": ("ilp_models.pipeline.contributions", "write_json", 1),
}
WEEK = (
    *SHORT_FEEDBACK,
    *("model=[moving_average,ewma]", "forecaster=ewma", "tracking=memory", "grid.size=500"),
    *("backtest.test_periods=4", "backtest.refit_every=4", "bootstrap.draws=50", "export.formats=[parquet]"),
)
PRIOR = {"half_lives": (16, 64), "neighbours": (0.0, 0.6)}
POOL = (
    *("model=[pooled_empirical_bayes]", "grid.size=500", "backtest.test_periods=4", "backtest.refit_every=4"),
    *(f"model.pooled_empirical_bayes.{name}={list(values)}" for name, values in PRIOR.items()),
)


@pytest.fixture(scope="module")
def server():
    """Return processes that start with everything imported, so that an attempt takes a second or two."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.cli.test_region_faults", "ilp_models.pipeline.weekly"])
    return context


def kill_at(module, name, calls, kill=lambda: os.kill(os.getpid(), signal.SIGKILL)):
    """Let the process kill itself, or another one, in place of a call of a function or a method."""
    *outer, function = name.split(".")
    place = importlib.import_module(module)
    for part in outer:
        place = getattr(place, part)
    original, left = getattr(place, function), [calls]

    def killing(*args, **settings):
        left[0] -= 1
        if not left[0]:
            kill()
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

    def start(words, *_):
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
    jobs = [replace(job, mark="") for job in planned.jobs]  # the file of the client is gone
    home = run.output / "north" / "weekly"
    decided = []
    for two in zip(WEEKLY[::2], WEEKLY[1::2], strict=True):
        attempts[:] = two
        (result,) = run_all(jobs, LocalProcesses(1))
        assert (result.state, result.attempts, attempts) == (RunState.FAILED, 2, []), two
        assert "SIGKILL" in result.error
        assert not os.path.lexists(home / "latest")
        decided += [stage for stage in two if stage in ("writing", "pages", "scores")]
        assert lines_of(run) == ["decided"] * len(decided)
        folders = [path.parent for path in home.glob("*/decision.json")]
        assert len(folders) == len({"pages", "scores"} & {*decided})
        assert all((folder / "UNFINISHED").exists() for folder in folders)
        assert read_region([result]).missing == ("north",)
        assert read_region({str(number): folder for number, folder in enumerate(folders)}).finished == ()
    with contextlib.ExitStack() as locks:  # another run on the same store
        for folder in (run.output / "north" / "forecasts").iterdir():
            locks.enter_context(filelock.FileLock(folder / ".lock"))
        (result,) = run_all(jobs, LocalProcesses(1))
        assert (result.state, lines_of(run)) == (RunState.FAILED, ["decided"] * 3)
        assert "Another run is writing the forecasts" in result.error
    (result,) = run.run(LocalProcesses(1))
    assert (result.state, result.attempts) == (RunState.DONE, 1)
    assert (home / "latest").resolve() == Path(result.folder)
    assert lines_of(run) == ["decided"] * 4


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
def test_broken_records_and_those_without_events_or_with_other_types_are_named_and_stop_nothing(
    options, attempts, tmp_path
):
    days = pd.date_range("2019-01-07 12:00", "2020-03-01 12:00", freq="D")
    rows = pd.DataFrame({"when": days, "what": "fraud", "e": 683_000 + 100 * (days.day_of_year % 20), "n": 4_800_100})
    rows.to_parquet(tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "torn.parquet").write_bytes(content[: len(content) // 2] + content[-100:])
    for name, table in (("empty", rows.iloc[:0]), ("other", rows)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    for name in ("empty.csv", "other.csv", "torn.parquet"):
        path = options / "jurisdiction" / f"{name.split('.')[0]}.yaml"
        path.write_text(OTHER.format(path=tmp_path / name))
    north = options / "jurisdiction" / "north.yaml"
    north.write_text(north.read_text().replace("[south]", "[empty, other]"))
    run = region_run(options, {"jurisdictions": ["north", "empty", "other", "torn"]}, *SMALL, "grid.size=500")
    results = run.run(LocalProcesses(1))
    states = [RunState.DONE, RunState.FAILED, RunState.DONE, RunState.FAILED]
    assert [one.state for one in results] == states, results
    assert "empty.csv" in results[1].error
    assert "torn.parquet" in results[3].error
    assert attempts == []
    region = read_region(results, name="pair")
    notes = " ".join(region.jurisdictions[0].intake["notes"])
    assert "The records of the neighbour empty are not used: " in notes
    assert "The records of the neighbour other are not used: the records share no crime type" in notes
    whole = region.totals().query("level == 'region'").set_index("crime_type")["missing"]
    assert (whole["fraud"], whole["burglary"]) == ("north, empty, torn", "empty, other, torn")
    write_region(region, tmp_path / "page")
    assert "Missing: empty, torn" in (tmp_path / "page" / "region.html").read_text()


# Read when a process starts: that of a jurisdiction takes its stage from a file.
ON_START = """\
import sys
if any("ilp_models.cli.jurisdiction_run" in word for word in sys.orig_argv):
    from tests.cli.test_region_faults import kill_worker_in_stage
    kill_worker_in_stage({stages!r})
"""


def kill_worker_in_stage(stages):
    """Let this process kill the worker that started it, in the stage of the first line of a file; remove the line."""
    Figure.savefig = lambda _, path, **__: path.write_bytes(b"\x89PNG")
    path = Path(stages)
    stage, _, rest = path.read_text().partition("\n")
    path.write_text(rest)
    scheduler = path.with_name("scheduler.txt")  # to be killed as well

    def kill():
        path.with_name(f"{stage}.json").write_text(json.dumps([os.getppid(), os.getpid()]))
        if scheduler.exists():
            os.kill(int(scheduler.read_text()), signal.SIGKILL)
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(30)  # the process must end with its parent, long before
        path.with_name(f"{stage}.lived").touch()

    if stage:
        kill_at(*STAGES[stage], kill)


@pytest.fixture
def stages(options, monkeypatch):
    """Return the file of the stages in which the next jurisdictions kill their workers; an empty line is none."""
    home = options.parent
    stages = home / "stages.txt"
    stages.touch()
    (home / "start").mkdir()
    (home / "start" / "sitecustomize.py").write_text(ON_START.format(stages=str(stages)))
    paths = [str(home / "start"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.chdir(home)
    return stages


@pytest.fixture
def cluster(stages):
    """Return a running cluster of two workers, and the file of the stages in which they are killed."""
    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0", "protocol": "tcp"}
    with config.set({"distributed.scheduler.allowed-failures": 1}), LocalCluster(**settings) as running:
        yield ilp.DaskCluster(running.scheduler_address, timeout_s=60), stages


def week_of_north(cluster, *killed):
    """Run a week of one jurisdiction; its worker is killed in some stages. Return its attempts and all files."""
    compute, stages = cluster
    stages.write_text("".join(f"{stage}\n" for stage in killed))
    begun, output = datetime.now().astimezone(), stages.parent / "outputs"
    region = ilp.run_region(ilp.RegionPlan(["north"]), settings=WEEK, config_dir="mine", compute=compute)
    assert region.missing == (), region.jurisdictions[0].result.error
    assert stages.read_text() == ""
    attempts = sorted(path for path in (output / "north" / "weekly").iterdir() if path.is_dir())[:-1]  # not latest
    assert region.jurisdictions[0].result.folder == str(attempts[-1])
    for stage, attempt in zip(killed, attempts, strict=False):
        worker, child = json.loads((stages.parent / f"{stage}.json").read_text())
        assert not is_running(worker), stage
        assert not is_running(child), stage
        assert not (stages.parent / f"{stage}.lived").exists(), stage
        assert (attempt / "UNFINISHED").exists(), stage
        assert not (attempt / "jurisdiction.json").exists(), stage
        assert ilp.read_region({"north": attempt}).missing == ("north",), stage
    place = output.rename(output.with_name("-".join(killed) or "undisturbed"))
    return attempts, Outputs(place, begun, datetime.now().astimezone())


def is_running(number):
    return psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE


@pytest.mark.slow
def test_a_dask_worker_killed_in_a_stage_changes_no_result(cluster):
    _, undisturbed = week_of_north(cluster)
    again, found = week_of_north(cluster, "audit")
    assert len(again) == 2  # run again once
    # The lost attempt had already recorded its trials. They are the same ones, in another run.
    trials = "north/trials/run.csv"
    texts = [made.content(trials, MAY_STATE["*/trials/run.csv"])["text"].splitlines() for made in (undisturbed, found)]
    assert set(texts[0]) == set(texts[1])
    different_files(undisturbed, found, apart_from=(trials,))
    # Two workers are lost with it, and a third one when what is missing is run once more. The third attempt had written
    # its line of the register, so the last one counts an earlier decision.
    again, found = week_of_north(cluster, "intake", "backtest", "writing")
    assert len(again) == 4
    lines = Register(found.home / "north" / "register.jsonl").verify().lines
    assert [(line.act, line.content["admitted"]) for line in lines] == [("decided", False)] * 2
    last, first = ({one.name: one for one in made.decided("north").iterdir()} for made in (found, undisturbed))
    for name in ("scores.csv", "skill.csv", "recorded.csv", "explanation.parquet", "reasons.parquet"):
        assert last[name].read_bytes() == first[name].read_bytes(), name
    digests = {RunFolder.from_path(made.decided("north")).forecast.digest() for made in (found, undisturbed)}
    assert len(digests) == 1


def may_contribute(options, name):
    """Let a jurisdiction of the tests contribute to a pooled model."""
    path = options / "jurisdiction" / f"{name}.yaml"
    governance = json.dumps({**GOVERNANCE, "outcomes": ["burglary"]})
    path.write_text(f"{path.read_text()}  governance: {governance}\n")


@pytest.mark.slow
def test_a_worker_killed_while_it_samples_contributes_nothing(options, attempts):
    may_contribute(options, "north")
    run, planned = region_run(options, {"jurisdictions": ["north"]}, *POOL, task="pool"), Recorded()
    run.run(planned)
    jobs = [replace(job, mark="") for job in planned.jobs]
    for two in (("records", "sampling"), ("sampling", "contribution")):
        attempts[:] = two
        (result,) = run_all(jobs, LocalProcesses(1))
        assert (result.state, result.attempts, attempts) == (RunState.FAILED, 2, []), two
        assert not os.path.lexists(run.output / "north" / "pool" / "latest")
        found = read_contribution(result)
        assert (found.samples, "SIGKILL" in found.left_out) == ((), True)
    (result,) = run.run(LocalProcesses(1))
    assert (result.state, result.attempts) == (RunState.DONE, 1)
    assert len(read_contribution(result).samples) == 2


class DyingOnce(ilp.PooledEmpiricalBayes):
    """Kills the worker that trains it first, unless a folder shows that one was killed already."""

    def fit_pool(self, samples, cutoff, left_out=None):
        die_once(self.killed)
        return super().fit_pool(samples, cutoff, left_out)


@pytest.mark.slow
def test_a_dask_worker_killed_while_it_samples_or_trains_changes_no_model(options, cluster, tmp_path):
    compute, stages = cluster
    plan, made = ilp.RegionPlan(["north", "south"]), {}
    for name in plan.jurisdictions:
        may_contribute(options, name)
    for killed in ("", "sampling"):
        stages.write_text(f"{killed}\n")
        region = ilp.run_region(plan, "pool", settings=POOL, config_dir="mine", compute=compute)
        assert region.missing == ()
        pool = tmp_path / "outputs" / "pool" / "latest"
        made[killed] = {path.name: path.read_bytes() for path in stored_priors(pool).values()}
        runs = [one for name in plan.jurisdictions for one in (tmp_path / "outputs" / name / "pool").iterdir()]
        assert len([one for one in runs if (one / "UNFINISHED").exists()]) == len(killed.split())
        if not killed:
            (tmp_path / "outputs").rename(tmp_path / "undisturbed")
    assert len(made[""]) == 2
    assert made["sampling"] == made[""]
    model = DyingOnce(**PRIOR)
    model.killed = str(tmp_path / "killed")
    contributions = [read_contribution(one.result) for one in region.jurisdictions]
    train(contributions, {"prior": model}, tmp_path / "again", compute)
    assert Path(model.killed).is_dir()
    assert {path.name: path.read_bytes() for path in stored_priors(tmp_path / "again").values()} == made[""]
    assert read_on_workers(compute, die_once, [str(tmp_path / "reading")], lambda _: False) == ["survived"]


@contextlib.contextmanager
def scheduler_and_worker():
    """Start both, and yield the address and the process of the scheduler."""
    start = [sys.executable, "-m"]
    command = [*start, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    work = [*start, "distributed.cli.dask_worker", "--nthreads", "1", "--no-dashboard"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as scheduler:
        address = next(line.split()[-1] for line in scheduler.stderr if "Scheduler at:" in line)
        with subprocess.Popen([*work, address], stderr=subprocess.DEVNULL) as worker:
            try:
                ilp.DaskCluster(address, timeout_s=60).map(abs, [1], "waiting for the worker")
                yield address, scheduler.pid
            finally:
                worker.kill()
                scheduler.kill()


@pytest.mark.slow
def test_after_a_restart_of_the_scheduler_only_what_is_missing_runs(stages, tmp_path):
    plan, settings = ilp.RegionPlan(["north", "south"]), (*SMALL, "grid.size=500")
    stages.write_text("\nonly forecast\n")  # of south
    with scheduler_and_worker() as (address, process):
        (tmp_path / "scheduler.txt").write_text(str(process))
        compute = ilp.DaskCluster(address, timeout_s=3)
        region = ilp.run_region(plan, "forecast", settings=settings, config_dir="mine", compute=compute)
        assert (region.missing, stages.read_text()) == (("south",), "")
        assert "connection to the Dask scheduler was lost" in region.jurisdictions[1].result.error
        assert "Missing: south" in (tmp_path / "outputs" / "forecast" / "latest" / "region.html").read_text()
    with scheduler_and_worker() as (address, _):
        compute = ilp.DaskCluster(address)
        region = ilp.run_region(plan, "forecast", settings=settings, config_dir="mine", compute=compute)
        assert [one.result.state for one in region.jurisdictions] == [RunState.REUSED, RunState.DONE]
        assert region.missing == ()
