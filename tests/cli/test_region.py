"""A region plans one command for each jurisdiction, reuses finished runs, and goes on where one fails."""

import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ilp_models.cli import jurisdiction_run
from ilp_models.cli.app import App, find_configs
from ilp_models.cli.jurisdiction_run import JurisdictionRun, finished_run, run_jurisdiction
from ilp_models.cli.neighbours import with_neighbours
from ilp_models.cli.region import RegionRun, _period_of, fingerprint, run_all
from ilp_models.cli.settings import Settings
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.errors import NotRunError
from ilp_models.domain.region import RunState
from ilp_models.domain.region_plan import RegionPlan
from ilp_models.pipeline.region import is_readable
from tests.audit.audit_inputs import GOVERNANCE

SMALL = ("model=[ewma]", "forecaster=ewma", "tracking=memory", "export.formats=[parquet,csv]")


def record_of_north(hours=1.0, client=""):
    """Return the record of a run of a command that began some hours ago."""
    begun = datetime.now(UTC) - timedelta(hours=hours)
    cost = {"seconds": 1.5, "peak_mb": 300, "attempts": 1}
    return json.dumps({"fingerprint": "north", "client": client, "begun": begun.isoformat(), **cost})


NORTH_WORDS = ("model=[ewma]", "grid.size=750")


class Recorded:
    """A compute backend that keeps the jobs and ends each of them as told. What only reads is done."""

    def __init__(self, state=RunState.DONE):
        self.jobs, self.state = [], state

    def map(self, function, tasks, *_):
        if function is not run_jurisdiction:
            return [function(task) for task in tasks]
        self.jobs += tasks
        return [jurisdiction_run.JurisdictionResult(job.name, self.state, job.folder) for job in tasks]


def region_run(options, region, *overrides, task="forecast"):
    settings = Settings(find_configs(), task, overrides, options)
    output = options.parent / "outputs"
    return RegionRun(
        settings, RegionPlan(**region), is_readable, output, output / task / "now", (f"--config-dir={options}",)
    )


def test_the_command_of_each_jurisdiction(options):
    region = {
        "jurisdictions": ["north", "south"],
        "settings": ["model=[ewma]", "grid.size=500", "audit.land_share=0.2"],
        "exceptions": {"north": ["grid.size=750"]},
    }
    compute = Recorded()
    run = region_run(options, region, "region=pair", "forecaster=ewma", "compute=dask", "output=elsewhere", "name=x")
    results = run.run(compute)
    north, south = compute.jobs
    assert north.words[:7] == (
        "forecast",
        "jurisdiction=north",
        "model=[ewma]",
        "grid.size=500",
        "grid.size=750",
        "forecaster=ewma",
        "compute=local",
    )
    assert "grid.size=750" not in south.words
    assert f"output={run.output / 'north'}" in north.words
    assert north.words[-1] == f"--config-dir={options}"
    assert north.folder == str(run.output / "north" / "forecast" / "now")
    assert not any(word.startswith(("region=", "name=", "audit.")) or word == "compute=dask" for word in north.words)
    assert [one.state for one in results] == [RunState.DONE] * 2
    assert north.fingerprint != south.fingerprint


def test_records_of_a_neighbour_are_read_with_the_settings_that_it_has_in_the_region(options):
    own = ["data.seed=9", "data.crime_types.burglary.yearly=700"]
    region = {"jurisdictions": ["north", "south"], "settings": ["data.weeks=65"], "exceptions": {"south": own}}
    compute = Recorded()
    results = region_run(options, region, *NORTH_WORDS, "forecaster=ewma").run(compute)
    assert [one.error for one in results] == ["", ""]
    north, south = (Settings(find_configs(), "forecast", job.words[1:-1], options) for job in compute.jobs)
    configs = [OmegaConf.to_container(one.compose(one.overrides)) for one in (north, south)]
    declared = with_neighbours(configs[0], north)["neighbours"]["jurisdictions"]["south"]
    assert declared == configs[1]["data"]
    assert (declared["seed"], declared["weeks"], declared["crime_types"]["burglary"]["yearly"]) == (9, 65, 700)
    assert configs[0]["data"]["seed"] == 1


def test_a_run_that_did_not_begin_or_was_stopped_has_the_status_failed(options):
    region = {"jurisdictions": ["north", "south"], "exceptions": {"north": ["grid.sise=750"]}}
    run = region_run(options, region, *NORTH_WORDS[:1], "forecaster=ewma", task="weekly")
    home = run.output / "north" / "weekly"
    home.mkdir(parents=True)
    (home / "status.json").write_text('{"state": "admitted", "run": "old"}')
    run.run(Recorded(RunState.FAILED))
    north, south = (
        json.loads((run.output / name / "weekly" / "status.json").read_text()) for name in run.plan.jurisdictions
    )
    assert (north["state"], south["state"]) == ("failed", "failed")
    assert "no setting grid.sise" in north["reasons"][0]
    own = {"state": "failed", "run": south["run"], "reasons": ["Its own words"]}
    (run.output / "south" / "weekly" / "status.json").write_text(json.dumps(own))
    run.run(Recorded(RunState.FAILED))
    assert json.loads((run.output / "south" / "weekly" / "status.json").read_text()) == own


def test_a_task_without_compute_takes_a_region(options):
    compute = Recorded()
    region = {"jurisdictions": ["north", "south"], "settings": ["model=[ewma]"]}
    results = region_run(options, region, "description=[change]", task="describe").run(compute)
    assert [one.error for one in results] == ["", ""]
    assert not any(word.startswith(("compute", "model")) for word in compute.jobs[0].words)


def test_a_jurisdiction_with_wrong_settings_does_not_stop_the_others(options):
    region = {"jurisdictions": ["north", "west", "south"], "exceptions": {"north": ["grid.sise=750"]}}
    compute = Recorded()
    results = region_run(options, region, "model=[ewma]", "forecaster=ewma").run(compute)
    assert [one.state for one in results] == [RunState.FAILED, RunState.FAILED, RunState.DONE]
    assert "no setting grid.sise. Did you mean grid.size?" in results[0].error
    assert "no jurisdiction/west.yaml" in results[1].error
    assert [job.name for job in compute.jobs] == ["south"]


def test_records_that_cannot_be_opened_do_not_stop_the_others(options, tmp_path, monkeypatch):
    path = tmp_path / "locked.csv"
    path.touch()
    north = options / "jurisdiction" / "north.yaml"
    north.write_text(f"{north.read_text()}layers: {{bars: {{path: {path}}}}}\n")

    opened = Path.open

    def locked(file, *arguments, **settings):
        if file == path:
            raise PermissionError(13, "Permission denied", str(file))
        return opened(file, *arguments, **settings)

    monkeypatch.setattr(Path, "open", locked)
    region = {"jurisdictions": ["north", "south"]}
    results = region_run(options, region, *NORTH_WORDS, "forecaster=ewma").run(Recorded())
    assert [one.state for one in results] == [RunState.FAILED, RunState.DONE]
    assert str(path) in results[0].error


def test_a_misspelt_group_of_settings_is_not_left_out(options):
    region = {"jurisdictions": ["north", "south"], "settings": ["gird.size=500"]}
    results = region_run(options, region, "model=[ewma]", "forecaster=ewma").run(Recorded())
    assert all("no setting gird.size" in one.error for one in results)


def test_a_shared_setting_of_some_data_options_belongs_in_the_exceptions(options):
    region = {"jurisdictions": ["toronto", "north"], "settings": ["data.weeks=58"]}
    toronto, north = region_run(options, region, "model=[ewma]", "forecaster=ewma").run(Recorded())
    assert (toronto.state, north.state) == (RunState.FAILED, RunState.DONE)
    assert "Or move data.weeks=58 from settings of the region to exceptions" in toronto.error


def test_two_jurisdictions_cannot_share_a_register(options):
    for name in ("north", "south"):
        path = options / "jurisdiction" / f"{name}.yaml"
        path.write_text(path.read_text() + "register: shared.jsonl\n")
    run = region_run(options, {"jurisdictions": ["north", "south"]}, *NORTH_WORDS, "forecaster=ewma", task="weekly")
    north, south = run.run(Recorded())
    assert (north.state, south.state) == (RunState.DONE, RunState.FAILED)
    assert "is the register of north" in south.error


def test_the_first_jurisdiction_cannot_take_the_register_of_the_next(options):
    path = options / "jurisdiction" / "north.yaml"
    path.write_text(f"{path.read_text()}register: {options.parent}/outputs/south/../south/register.jsonl\n")
    run = region_run(options, {"jurisdictions": ["north", "south"]}, *NORTH_WORDS, "forecaster=ewma", task="weekly")
    north, south = run.run(Recorded())
    assert (north.state, south.state) == (RunState.FAILED, RunState.DONE)
    assert "is the register of south" in north.error


def test_a_folder_with_signs_of_hydra_is_quoted(options, tmp_path):
    run = replace(region_run(options, {"jurisdictions": ["south"]}, *SMALL), output=tmp_path / "a, b=[1]")
    compute = Recorded()
    run.run(compute)
    assert f"output='{run.output / 'south'}'" in compute.jobs[0].words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("region=pair", "jurisdiction=north"), "jurisdiction=north cannot be set together with a region"),
        (("region=pair", "register=r.jsonl"), "register=r.jsonl cannot be set together with a region"),
        (("region=pair", "kit=k"), "kit=k cannot be set together with a region. Each jurisdiction needs a kit"),
        (("region=pair", "exit_code=decision"), "exit_code=decision cannot be set together with a region"),
        (("region=[pair,plain]",), "region takes the name of one file"),
        (("region=empty",), "no line `_target_: ilp_models.domain.region_plan.RegionPlan`"),
        (("region=global",), "no line `_target_: ilp_models.domain.region_plan.RegionPlan`"),
        (("region=plain",), "no line `_target_: ilp_models.domain.region_plan.RegionPlan`"),
        (("region=wrong",), "no setting jurisdictons in the file of a region. Did you mean jurisdictions?"),
    ],
)
def test_a_wrong_command_for_a_region_is_refused(options, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["ilp"])
    (options / "region").mkdir()
    target = "_target_: ilp_models.domain.region_plan.RegionPlan\n"
    for name, text in (("pair", f"{target}jurisdictions: [north]\n"), ("plain", "jurisdictions: [north]\n")):
        (options / "region" / f"{name}.yaml").write_text(f"# A region\n{text}")
    (options / "region" / "empty.yaml").write_text("# A region\n")
    (options / "region" / "global.yaml").write_text("# @package _global_\n# A region\njurisdictions: [north]\n")
    (options / "region" / "wrong.yaml").write_text(f"# A region\n{target}jurisdictons: [north]\n")
    task = "backtest" if "kit=k" in words else "weekly"
    assert App(find_configs()).run([task, *words, "--config-dir=mine"]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("outputs/north"))


def test_the_fingerprint_knows_settings_files_and_code(options, tmp_path, monkeypatch):
    records = tmp_path / "records"
    records.mkdir()
    (records / "may.csv").write_text("a")
    config = {"data": {"path": str(records)}, "store": "here", "region": {"parts": {}}}
    first = fingerprint(config)
    assert fingerprint(config | {"store": "there"}) == first
    assert fingerprint(config | {"forecaster": "ewma"}) != first
    (records / "may.csv").write_text("b")
    changed = fingerprint(config)
    assert changed != first
    monkeypatch.setattr("ilp_models.cli.region.code_digest", lambda: "other")
    assert fingerprint(config) != changed


def test_what_a_run_appends_to_does_not_change_its_fingerprint_and_a_pool_that_is_trained_again_does(tmp_path):
    record, pool = tmp_path / "trials.csv", tmp_path / "pool"
    record.write_text("one\n")
    (pool / "2020-01-06T000000").mkdir(parents=True)
    (pool / "2020-01-06T000000" / "pool.json").write_text("first")
    config = {"trials": {"path": str(record)}, "model": {"pooled_lightgbm": {"pool": str(pool)}}}
    first = fingerprint(config)
    record.write_text("one\ntwo\n")
    assert fingerprint(config) == first
    (pool / "2020-01-06T000000" / "pool.json").write_text("again")
    assert fingerprint(config) != first


def test_a_file_that_is_no_yaml_stops_its_own_jurisdiction_only(options):
    (options / "jurisdiction" / "south.yaml").write_text("# @package _global_\n# South\ndata: {weeks: [\n")
    results = region_run(options, {"jurisdictions": ["north", "south"]}, *NORTH_WORDS, "forecaster=ewma").run(
        Recorded()
    )
    assert [one.state for one in results] == [RunState.DONE, RunState.FAILED]
    assert "south.yaml" in results[1].error


@pytest.mark.parametrize(
    ("client", "hours", "again"),
    [
        (".client-1", 1, ["south", "west"]),
        (".client-1", 30, ["south", "west"]),  # a long command does nothing twice
        (".client-1", -0.1, ["south", "west"]),  # the clock of a worker is fast
        (".client-0", 1, ["north", "south", "west"]),  # of another command, which this one does not reuse
    ],
)
def test_what_a_lost_worker_left_out_is_run_again_once(tmp_path, client, hours, again):
    jobs = [
        JurisdictionRun(name, ("forecast",), str(tmp_path / name / "now"), name) for name in ("north", "south", "west")
    ]
    jobs = [replace(job, mark=str(tmp_path / ".client-1")) for job in jobs]
    done = tmp_path / "north" / "now"
    done.mkdir(parents=True)
    (tmp_path / "north" / "latest").symlink_to(done)
    (done / "jurisdiction.json").write_text(record_of_north(hours, client))

    class Losing(Recorded):
        calls = 0

        def map(self, function, tasks, *words):
            self.calls += 1
            if self.calls == 1:
                msg = "lost"
                raise NotRunError(msg)
            return super().map(function, tasks, *words)

    compute = Losing()
    results = run_all(jobs, compute)
    assert {one.name: one.state for one in results} == dict.fromkeys(("north", "south", "west"), RunState.DONE)
    assert [job.name for job in compute.jobs] == again


@pytest.mark.parametrize(("hours", "reused"), [(23.9, True), (24.1, False), (-0.1, False)])
def test_a_run_is_reused_for_a_day(tmp_path, hours, reused):
    job = JurisdictionRun("north", ("forecast",), str(tmp_path / "now"), "north")
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "jurisdiction.json").write_text(record_of_north(hours))
    assert (finished_run(job, RunState.REUSED) is not None) == reused


@pytest.mark.parametrize(
    ("calendar", "period"),
    [
        ({"period_unit": "week", "week_start": "monday"}, "2026-11-23/2026-11-29"),
        ({"period_unit": "week", "week_start": "saturday"}, "2026-11-28/2026-12-04"),
        ({"period_unit": "week", "week_start": "sunday"}, "2026-11-22/2026-11-28"),
        ({"period_unit": "day"}, "2026-11-28"),
        ({"period_unit": "month"}, "2026-11"),
        (None, "2026-11-28"),
    ],
)
def test_an_interrupted_night_goes_on_unless_a_new_period_began(calendar, period):
    assert _period_of({"calendar": calendar}, datetime(2026, 11, 28, 12, tzinfo=UTC)) == period  # a Saturday


@pytest.mark.parametrize(
    ("zone", "period"),
    [
        ("America/Toronto", "2026-11-16/2026-11-22"),  # 22:00 on Sunday
        ("Europe/Vienna", "2026-11-23/2026-11-29"),
        ("Mars/Base", "2026-11-23/2026-11-29"),  # the run refuses it
        ("", "2026-11-23/2026-11-29"),
        ("Europe", "2026-11-23/2026-11-29"),
        (None, "2026-11-23/2026-11-29"),
    ],
)
def test_a_period_begins_where_the_records_are_from(zone, period):
    data = {} if zone is None else {"time_zone": zone}
    config = {"calendar": {"period_unit": "week"}, "data": data}
    assert _period_of(config, datetime(2026, 11, 23, 3, tzinfo=UTC)) == period


def test_a_run_is_not_reused_after_a_day_of_its_governance(monkeypatch):
    class Clock(datetime):
        moment = datetime(2026, 11, 26, 23, tzinfo=UTC)

        @classmethod
        def now(cls, tz=None):
            return cls.moment.astimezone(tz)

    monkeypatch.setattr("ilp_models.cli.region.datetime", Clock)
    governance = {**GOVERNANCE, "review_date": "2026-11-27", "_target_": "ilp_models.domain.governance.Governance"}
    config = {"calendar": {"period_unit": "week"}, "audit": {"governance": governance}}
    wrong = {**config, "audit": {"governance": {"nonsense": 1}}}
    before = [fingerprint(one) for one in (config, wrong)]
    Clock.moment = datetime(2026, 11, 26, 23, 59, tzinfo=UTC)
    assert [fingerprint(one) for one in (config, wrong)] == before
    Clock.moment = datetime(2026, 11, 27, 0, 0, tzinfo=UTC)
    assert fingerprint(config) != before[0]
    assert fingerprint(wrong) == before[1]


def test_what_finished_before_a_worker_was_lost_twice_is_no_failure(tmp_path):
    jobs = [JurisdictionRun(name, ("forecast",), str(tmp_path / name / "now"), name) for name in ("north", "south")]

    class Losing:
        calls = 0

        def map(self, *_):
            self.calls += 1
            if self.calls == 2:
                (tmp_path / "north" / "now").mkdir(parents=True)
                (tmp_path / "north" / "latest").symlink_to(tmp_path / "north" / "now")
                (tmp_path / "north" / "now" / "jurisdiction.json").write_text(record_of_north())
            msg = "lost"
            raise NotRunError(msg)

    results = run_all(jobs, Losing())
    assert {one.name: one.state for one in results} == {"north": RunState.DONE, "south": RunState.FAILED}


def reused_in(printed):
    """Return the jurisdictions that a printed summary says were reused."""
    return re.findall(r"^ +(\w+) +reused, ", printed, flags=re.MULTILINE)


@pytest.mark.slow
def test_a_region_from_the_command_line(options, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["ilp"])
    (options / "jurisdiction" / "broken.yaml").write_text(
        "# @package _global_\n# Broken\ndefaults:\n  - override /data: delimited\ndata:\n  path: missing.csv\n"
        "  columns: {occurred_at: when, crime_type: what, x: e, y: n}\n  input_crs: EPSG:32617\n  time_zone: UTC\n"
    )
    folder = options / "region"
    folder.mkdir()
    (folder / "pair.yaml").write_text(
        "# A pair and a broken one\n_target_: ilp_models.domain.region_plan.RegionPlan\n"
        "jurisdictions: [north, broken, south]\npopulation: {north: 10000}\n"
        "parts: {Both: [north, south]}\n"
    )
    words = ["forecast", "region=pair", "--config-dir=mine", *SMALL]
    assert App(find_configs()).run(words) == 1
    out = capfd.readouterr().out
    assert "Region pair: 2 of 3 jurisdictions finished" in out
    assert "missing.csv" in out
    home = tmp_path / "outputs"
    page = (home / "forecast" / "latest" / "region.html").read_text()
    assert "Missing: broken" in page
    north = home / "north" / "forecast" / "latest"
    assert (north / "borders.csv").is_file()
    assert os.path.lexists(home / "south" / "forecast" / "latest")
    assert App(find_configs()).run(words) == 1
    assert reused_in(capfd.readouterr().out) == ["north", "south"]
    (north / "forecast.parquet").write_bytes(b"half")  # a shard written half
    assert App(find_configs()).run(words) == 1
    out = capfd.readouterr().out
    assert "Region pair: 2 of 3" in out
    assert reused_in(out) == ["south"]


@pytest.mark.slow
def test_jobs_run_in_processes_of_their_own(options):
    region = {"jurisdictions": ["south"]}
    (result,) = region_run(options, region, *SMALL).run(LocalProcesses(1))
    assert result.state is RunState.DONE, result.error
    assert result.peak_mb > 100
    assert (Path(result.folder) / ".hydra" / "overrides.yaml").is_file()
