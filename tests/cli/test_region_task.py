"""`ilp.run_region` runs a region as the command does, says what is wrong, and leaves the state of Hydra alone."""

import json
import logging
import os
import re
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobRuntime
from hydra.version import VersionBase

import ilp_models as ilp
from ilp_models.cli.app import App, find_configs
from ilp_models.cli.jurisdiction_run import run_jurisdiction
from ilp_models.domain.region import RunState
from tests.cli.test_region import Recorded

FILES_OF_A_REGION = {"region.html", "totals.csv", "rates.csv", "skill.csv", "groups.csv", "region.json"}
TINY = ("grid.size=750", "description=[change]")
FILE = "# A pair\n_target_: ilp_models.domain.region_plan.RegionPlan\njurisdictions: [north, south]\n"


@pytest.fixture
def home(options, monkeypatch):
    monkeypatch.chdir(options.parent)
    monkeypatch.setattr("sys.argv", ["ilp"])
    monkeypatch.delenv("ILP_CONFIG_DIR", raising=False)
    (options / "region").mkdir()
    (options / "region" / "pair.yaml").write_text(FILE)
    return options.parent


def region_of(plan="pair", task="describe", **arguments):
    """Return the region without a run of a jurisdiction, and the jobs that would run."""
    compute = Recorded()
    region = ilp.run_region(plan, task, **{"config_dir": "mine", "compute": compute} | arguments)
    return region, compute.jobs


@pytest.mark.slow
def test_each_jurisdiction_gets_the_command_that_it_gets_from_the_terminal(home, monkeypatch):
    _, jobs = region_of(settings=TINY, output="here")
    assert [job.name for job in jobs] == ["north", "south"]
    assert jobs[0].words == (
        *("describe", "jurisdiction=north", *TINY, f"output={home}/here/north", "--config-dir=mine"),
    )
    plan = ilp.RegionPlan(["north", "south"])
    assert [job.fingerprint for job in region_of(plan, settings=TINY)[1]] == [job.fingerprint for job in jobs]
    asked = []

    def record(jobs, compute):
        asked.append(compute)
        return typed.map(run_jurisdiction, jobs)

    typed = Recorded()
    monkeypatch.setattr("ilp_models.cli.region.run_all", record)
    assert App(find_configs()).run(["describe", "region=pair", "output=here", *TINY, "--config-dir=mine"]) == 1
    assert asked == [ilp.LocalProcesses()]
    assert [(job.name, job.words, job.fingerprint, job.register) for job in typed.jobs] == [
        (job.name, job.words, job.fingerprint, job.register) for job in jobs
    ]


def test_the_folders_of_the_region(home):
    region, jobs = region_of(settings=[*TINY, "name=try"])
    assert region.missing == ("north", "south")  # nothing was written
    folder = (home / "outputs" / "describe" / "latest").resolve()
    assert {one.name for one in folder.iterdir()} == FILES_OF_A_REGION
    assert folder.name.endswith("-try")
    assert jobs[0].folder == str(home / "outputs" / "north" / "describe" / folder.name)
    assert not (home / "outputs" / "describe" / "status.json").exists()  # a description decides nothing


@pytest.mark.slow
def test_the_status_of_a_task_that_decides(home):
    region_of(task="weekly", settings=["model=[ewma]", "forecaster=ewma"])
    status = json.loads((home / "outputs" / "weekly" / "status.json").read_text())
    assert (status["state"], status["exit_code"]) == ("failed", 1)
    with pytest.raises(ZeroDivisionError):
        region_of(task="weekly", settings=["model=[ewma]", "forecaster=ewma"], compute=Broken())
    folders = [one for one in (home / "outputs" / "weekly").iterdir() if (one / "UNFINISHED").exists()]
    assert len(folders) == 1
    assert json.loads((home / "outputs" / "weekly" / "status.json").read_text())["run"] == str(folders[0])


class Broken:
    def map(self, *_):
        raise ZeroDivisionError


@pytest.mark.slow
def test_a_run_that_cannot_be_read_at_the_end_has_the_status_failed(home):
    for name in ("north", "south"):
        (home / "outputs" / name / "weekly").mkdir(parents=True)
        (home / "outputs" / name / "weekly" / "status.json").write_text('{"state": "admitted", "run": "earlier"}')
    region, _ = region_of(task="weekly")  # the folders that the jobs name do not exist
    assert region.missing == ("north", "south")
    for name in ("north", "south"):
        status = json.loads((home / "outputs" / name / "weekly" / "status.json").read_text())
        assert status["state"] == "failed"
        assert "cannot be read" in status["reasons"][0]


def test_the_name_of_the_region(home):
    plan = ilp.RegionPlan(["north"])
    assert [region_of(one, name=name)[0].name for one, name in (("pair", None), ("pair", "N"), (plan, None))] == [
        *("pair", "N", "region"),
    ]


def test_the_folder_of_the_options_may_be_in_the_environment(home, monkeypatch):
    monkeypatch.setenv("ILP_CONFIG_DIR", "mine")
    assert len(region_of(config_dir=None)[1]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "weakly"}, r"There is no task weakly\. Did you mean weekly\?"),
        ({"task": "intake"}, r"The task intake takes no region\. docs/regions\.md lists the tasks that do\."),
        ({"plan": "pear"}, r"There is no file region/pear\.yaml\. Did you mean pair\?"),
        ({"plan": "north,south"}, r"There is no file region/north,south\.yaml\. Write it in config_dir"),
        ({"plan": {"jurisdictions": ["north"]}}, r"must be an ilp\.RegionPlan, or the name of the file"),
        ({"plan": "plain"}, r"no line `_target_: ilp_models\.domain\.region_plan\.RegionPlan`"),
        ({"plan": "wrong"}, r"no setting jurisdictons in the file of a region\. Did you mean jurisdictions\?"),
        ({"plan": "twice"}, r"must list jurisdictions by the names of their files, each once"),
        ({"config_dir": "theirs"}, r"config_dir=theirs is not a folder"),
        ({"settings": ["grid.sise=500"]}, r"There is no setting grid\.sise\. Did you mean grid\.size\?"),
        ({"settings": "grid.sise=500"}, r"There is no setting grid\.sise\. Did you mean grid\.size\?"),
        ({"settings": ["grid.size=large"]}, r"grid\.size=large must be a number, such as 500"),
        ({"settings": ["grid.size=1,2"]}, r"grid\.size=1,2 names several values"),
        ({"settings": ["grid.size"]}, r"Cannot read the setting 'grid\.size'"),
        ({"settings": ["output=there"]}, r"output=there cannot be among the settings\. Give the argument output of"),
        ({"settings": ["region=demo"]}, r"region=demo cannot be among the settings\. Give the argument plan of"),
        ({"settings": ["hydra.verbose=true"]}, r"hydra\.verbose=true cannot be among the settings"),
        ({"settings": ["jurisdiction=north"]}, r"jurisdiction=north cannot be set together with a region"),
        ({"task": "weekly", "settings": ["register=r.jsonl"]}, r"register=r\.jsonl cannot be set together"),
    ],
)
def test_wrong_arguments_are_clear_errors(home, arguments, message):
    target = "_target_: ilp_models.domain.region_plan.RegionPlan\n"
    (home / "mine" / "region" / "plain.yaml").write_text("# A region\njurisdictions: [north]\n")
    (home / "mine" / "region" / "wrong.yaml").write_text(f"# A region\n{target}jurisdictons: [north]\n")
    (home / "mine" / "region" / "twice.yaml").write_text(f"# A region\n{target}jurisdictions: [north, north]\n")
    with pytest.raises(ilp.InputError, match=message):
        region_of(**arguments)
    assert not (home / "outputs").exists()


def test_a_setting_that_some_jurisdictions_have_names_the_line_to_add(home):
    with pytest.raises(ilp.InputError, match=r"data\.weeks.*add to .*pair\.yaml: settings: \[data\.weeks=58\]"):
        region_of(settings=["data.weeks=58"])


def state():
    """Return what Hydra, the log and the environment hold for the whole process."""
    hydra = (GlobalHydra.instance().hydra, HydraConfig.instance().cfg, VersionBase.instance().version_base)
    loggers = [(logger.level, list(logger.handlers)) for logger in (logging.getLogger(), logging.getLogger("ilp"))]
    return (*hydra, JobRuntime.instance().get("name"), loggers, dict(os.environ), list(sys.argv), Path.cwd())


@pytest.mark.slow
def test_the_state_of_hydra_stays_as_the_caller_left_it(home):
    before = state()
    region_of()
    assert state() == before
    region_of()
    with initialize_config_dir(config_dir=str(find_configs()), version_base="1.2", job_name="mine"):
        before = state()
        region_of()
        assert state() == before
        assert compose("describe").output == "outputs"
    region_of()


@pytest.mark.slow
def test_runs_of_a_command_are_reused_and_failures_stop_nothing(home):
    """One region by command, then from Python, in one process; a jurisdiction has no records."""
    (home / "mine" / "jurisdiction" / "broken.yaml").write_text(
        "# @package _global_\n# Broken\ndefaults:\n  - override /data: delimited\ndata:\n  path: missing.csv\n"
        "  columns: {occurred_at: when, crime_type: what, x: e, y: n}\n  input_crs: EPSG:32617\n  time_zone: UTC\n"
    )
    plan = ilp.RegionPlan(
        ["north", "broken", "south"], population={"north": 10_000}, parts={"Both": ["north", "south"]}
    )
    lines = "population: {north: 10000}\nparts: {Both: [north, south]}\n"
    (home / "mine" / "region" / "pair.yaml").write_text(FILE.replace("[north,", "[north, broken,") + lines)
    arguments = {"settings": TINY, "config_dir": "mine", "compute": ilp.LocalProcesses(2)}
    region = ilp.run_region(plan, "describe", name="pair", **arguments)
    states = {one.name: one.result.state for one in region.jurisdictions}
    assert states == {"north": RunState.DONE, "broken": RunState.FAILED, "south": RunState.DONE}
    assert "missing.csv" in region.jurisdictions[1].result.error
    ran = files_of(home / "outputs" / "describe" / "latest")
    assert App(find_configs()).run(["describe", "region=pair", *TINY, "--config-dir=mine"]) == 1
    typed = files_of(home / "outputs" / "describe" / "latest")
    again = ilp.run_region("pair", "describe", **arguments)
    assert [one.result.state for one in again.jurisdictions] == [RunState.REUSED, RunState.FAILED, RunState.REUSED]
    assert files_of(home / "outputs" / "describe" / "latest") == typed  # both reused the runs
    tables = ("totals.csv", "rates.csv", "skill.csv", "groups.csv")
    assert {name: ran[name] for name in tables} == {name: typed[name] for name in tables}
    assert ran.keys() == typed.keys()
    assert (again.totals().equals(region.totals()), again.rates().equals(region.rates())) == (True, True)


def files_of(folder):
    """Return the files of the region without those of Hydra; times, memory and folders are masked."""
    texts = {one.name: one.read_text() for one in folder.iterdir() if one.name not in (".hydra", "describe.log")}
    record = json.loads(texts["region.json"])
    made = record.pop("made")
    for one in record["jurisdictions"]:
        one.update(seconds=0, peak_mb=0, folder=Path(one["folder"]).parent.name)
    texts["region.html"] = re.sub(r"\d+ s<", "SECONDS<", texts["region.html"])
    texts["region.html"] = texts["region.html"].replace(f"{made[:10]} at {made[11:16]}", "MADE")
    return texts | {"region.json": record}
