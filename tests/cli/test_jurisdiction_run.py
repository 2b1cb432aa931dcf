import hashlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from ilp_models.cli import jurisdiction_run
from ilp_models.cli.jurisdiction_run import JurisdictionRun, finished_run, run_jurisdiction
from ilp_models.compute import reading
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.region import RunState


def test_a_process_that_the_system_stops_is_started_once_more_in_another_folder(monkeypatch, tmp_path):
    home = tmp_path / "run"
    started = []

    def killed_once(words, *_):
        folder = Path(words[-1].removeprefix("hydra.run.dir="))
        folder.mkdir()
        (folder / "intake.json").write_text(folder.name)
        started.append(folder.name)
        return (-9, "", 0) if len(started) == 1 else (0, "", 321)

    monkeypatch.setattr(jurisdiction_run, "_start", killed_once)
    result = JurisdictionRun("north", ("forecast",), str(home), "f").run()
    assert (result.state, result.attempts, result.peak_mb) == (RunState.DONE, 2, 321)
    assert started == ["run", "run-2"]
    (tmp_path / "latest").symlink_to(result.folder)
    record = json.loads((tmp_path / "latest" / "jurisdiction.json").read_text())
    content = (tmp_path / "run-2" / "intake.json").read_bytes()
    assert record["files"] == {"intake.json": hashlib.sha256(content).hexdigest()}
    reused = finished_run(JurisdictionRun("north", ("forecast",), str(home), "f"), RunState.REUSED)
    assert reused == replace(result, state=RunState.REUSED)  # with the time and memory that it took
    assert finished_run(JurisdictionRun("north", ("forecast",), str(home), "g"), RunState.REUSED) is None
    monkeypatch.setattr(jurisdiction_run, "_start", lambda *_: (-9, "", 0))
    result = JurisdictionRun("north", ("forecast",), str(home), "f").run()
    assert (result.state, result.attempts) == (RunState.FAILED, 2)
    assert "SIGKILL" in result.error


def test_a_process_has_the_environment_of_a_command_also_where_a_notebook_starts_it(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1024")
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)
    given = jurisdiction_run._environment()
    names = ("MPLBACKEND", "OMP_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
    assert [given[name] for name in names] == ["Agg", "1", "1024", str(2 * 2**20)]


def test_an_error_of_the_system_does_not_stop_the_other_jurisdictions(monkeypatch, tmp_path):
    def full(words, *_):
        if "north" in words:
            raise OSError(28, "No space left on device")
        (tmp_path / "south").mkdir()
        return 0, "", 321

    monkeypatch.setattr(jurisdiction_run, "_start", full)
    jobs = [JurisdictionRun(name, (name,), str(tmp_path / name), "f", "r") for name in ("north", "south")]
    north, south = LocalProcesses(1).map(run_jurisdiction, jobs, "jurisdictions")
    assert (north.state, south.state) == (RunState.FAILED, RunState.DONE)
    assert "No space left on device" in north.error


def test_a_damaged_record_counts_as_not_finished(tmp_path):
    job = JurisdictionRun("north", ("forecast",), str(tmp_path / "run"), "f")
    assert finished_run(job, RunState.DONE) is None
    (tmp_path / "run").mkdir()
    (tmp_path / "latest").symlink_to(tmp_path / "run")
    moment = datetime.now(UTC).isoformat()
    for text in (
        "",
        "[1]",
        "{}",
        '{"fingerprint": null}',
        '{"fingerprint": "f"}',
        '{"fingerprint": "f", "seconds": []}',
        f'{{"fingerprint": "f", "client": "", "begun": "{moment}", "seconds": 1, "peak_mb": Infinity, "attempts": 1}}',
    ):
        (tmp_path / "latest" / "jurisdiction.json").write_text(text)
        assert finished_run(job, RunState.DONE) is None


@pytest.mark.slow
def test_a_process_ends_with_its_parent():
    waits = "from ilp_models.cli.jurisdiction_run import _end_with_parent as wait; wait()"
    program = (
        f"import subprocess, sys; one = subprocess.Popen([sys.executable, '-c', {waits!r}], stdin=subprocess.PIPE); "
        "print(one.pid, flush=True); one.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    until = time.monotonic() + 60
    while Path(f"/proc/{child}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
def test_a_process_that_needs_more_memory_than_it_may_use_fails_and_says_what_to_do(tmp_path):
    words = ("forecast", "data=simulated", "data.weeks=120", "data.size_km=12", "tracking=memory", f"output={tmp_path}")
    small = JurisdictionRun("north", (*words, "compute.jobs=1"), str(tmp_path / "small"), "f", memory_mb=450).run()
    assert small.state is RunState.FAILED
    assert (
        "The process may use 450 MB (region.memory_mb). Set more, or divide the jurisdiction into tiles." in small.error
    )
    assert 0 < small.peak_mb < 450 + 300  # libraries of a program are not in its private memory
    assert (Path(small.folder) / "UNFINISHED").exists()
    large = JurisdictionRun("north", (*words, "compute.jobs=1"), str(tmp_path / "large"), "f", memory_mb=2000).run()
    assert large.state is RunState.DONE, large.error


def test_another_error_says_nothing_about_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(jurisdiction_run, "_start", lambda *_: (1, "ilp: no such file", 100))
    result = JurisdictionRun("north", ("forecast",), str(tmp_path / "run"), "f", memory_mb=450).run()
    assert result.error == "no such file"


def test_a_worker_that_does_not_see_the_folder_of_the_client_fails_at_once_and_says_so(monkeypatch, tmp_path):
    started = []
    monkeypatch.setattr(reading, "_DELAY_S", 0.0)
    monkeypatch.setattr(jurisdiction_run, "_start", lambda *given: started.append(given) or (1, "", 0))
    mark = tmp_path / "outputs" / ".client-1"
    job = JurisdictionRun("north", ("forecast",), str(tmp_path / "run"), "f", mark=str(mark))
    result = run_jurisdiction(job)
    assert result.state is RunState.FAILED
    assert f"does not see {mark.parent} of the client. Mount one folder at the same path" in result.error
    assert not started
    mark.parent.mkdir()
    mark.touch()
    assert job.run().error == "The process ended without a message."  # it was started
    assert len(started) == 1


def test_relative_paths_begin_in_the_folder_of_the_command(monkeypatch, tmp_path):
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jurisdiction_run, "_PROGRAM", "import os; raise SystemExit('ilp: ' + os.getcwd())")
    job = JurisdictionRun("north", ("forecast",), str(tmp_path / "run"), "f")
    assert job.run().error == str(tmp_path)
    assert replace(job, home=str(tmp_path / "home")).run().error == str(tmp_path / "home")
    assert replace(job, home=str(tmp_path / "gone")).run().error == str(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_the_peak_memory_is_that_of_the_process_and_not_of_the_one_that_started_it(monkeypatch, tmp_path):
    program = "from ilp_models.cli import jurisdiction_run as j, sys; sys.stderr.write(f'ilp: x\\n{{j._peak_kb()}}\\n')"
    monkeypatch.setattr(jurisdiction_run, "_PROGRAM", program.replace(", sys;", "; import sys;"))
    held = np.ones(50_000_000)  # 400 MB
    job = JurisdictionRun("north", ("forecast",), str(tmp_path / "run"), "f")
    monkeypatch.setattr(jurisdiction_run, "_write", lambda *_: None)
    assert 5 < job.run().peak_mb < held.nbytes / 2e6
