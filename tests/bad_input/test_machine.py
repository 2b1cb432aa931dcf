"""Failures during a run: no partial file looks complete, and the same command resumes the run."""

import errno
import io
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import filelock
import pyarrow.parquet as pq
import pytest

from tests.bad_input.run_commands import BACKTEST, WEEKLY, finished_runs, run_folders, start, wait_for

pytestmark = pytest.mark.slow

FULL = OSError(errno.ENOSPC, "No space left on device")
MANY = ("backtest.test_periods=30", "backtest.refit_every=1")


def partitions(folder):
    return sorted(Path(folder, "outputs", "forecasts").rglob("part-0.parquet"))


def scores(run):
    return (run / "scores.csv").read_bytes()


def full_for(monkeypatch, target, wanted):
    """Make a method of a class fail as on a full disk for paths with this ending."""
    owner, name = target
    before = getattr(owner, name)

    def write(path, *words, **more):
        if str(path).endswith(wanted):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return before(path, *words, **more)

    monkeypatch.setattr(owner, name, write)


@pytest.mark.parametrize("wanted", ["intake.json", "decision.json", "report.html", "grid.csv.json"])
def test_a_full_disk_leaves_the_run_marked_unfinished(ilp, folder, monkeypatch, wanted):
    full_for(monkeypatch, (Path, "write_text"), wanted)
    result = ilp(*WEEKLY)
    assert result.code == 1
    line = result.err.splitlines()[-1]
    assert "Traceback" not in result.err
    assert "disk is full" in line or "No space left on device" in line
    assert "output=" in line or "another folder" in line
    assert finished_runs(folder) == []
    assert not (folder / "outputs/weekly/latest").exists()
    (run,) = run_folders(folder)
    assert not (run / wanted).exists()


def test_a_full_disk_leaves_no_partial_forecast(ilp, folder, monkeypatch):
    written = []

    def write(table, where, **more):
        if len(written) == 3:
            Path(where).write_bytes(b"PAR1 half")
            raise FULL
        written.append(where)
        return kept(table, where, **more)

    kept = pq.write_table
    monkeypatch.setattr(pq, "write_table", write)
    result = ilp(*BACKTEST)
    assert result.code == 1
    assert "No space left on device" in result.err.splitlines()[-1]
    assert "output=" in result.err.splitlines()[-1]
    assert finished_runs(folder, "backtest") == []
    assert len(partitions(folder)) == 3
    assert not [path for path in (folder / "outputs/forecasts").rglob("*.parquet") if path.name.startswith(".")]
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["ilp"])
    assert ilp(*BACKTEST).code == 0
    assert len(partitions(folder)) == 8


def test_a_real_full_disk(folder):
    small = folder / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs rights that this machine does not give")
    try:
        result = wait_for(start(folder, *WEEKLY, "output=small"))
        assert result.code == 1
        assert "Traceback" not in result.err
        last = result.err.splitlines()[-1]
        assert last.startswith("ilp: ")
        assert "full" in last or "No space left" in last
        assert not (small / "weekly/latest").exists()
        assert all((run / "UNFINISHED").exists() for run in (small / "weekly").glob("20*"))
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("output", ["notes.txt", "notes.txt/out", "/dev/null/out", "/sys/out"])
def test_an_output_folder_that_cannot_be_written_is_named(ilp, folder, output):
    (folder / "notes.txt").write_text("mine")
    result = ilp(*WEEKLY, f"output={output}")
    assert result.code == 1
    assert result.error_line.startswith(f"ilp: Cannot use {output}")
    assert result.error_line.endswith("Choose a folder you may write to with output=FOLDER.")
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_damaged_partition_is_named_and_replaced_once_deleted(ilp, folder):
    assert ilp(*BACKTEST).code == 0
    (first,) = finished_runs(folder, "backtest")
    victim = partitions(folder)[2]
    sound = victim.read_bytes()
    middle = len(sound) // 2
    for damage in (
        b"",
        sound[:middle],
        sound[: middle // 2] + bytes([sound[middle // 2] ^ 255]) + sound[middle // 2 + 1 :],
    ):
        victim.write_bytes(damage)
        result = ilp(*BACKTEST)
        assert result.code == 1
        assert result.error_line.startswith(f"ilp: The stored forecast {victim} is damaged")
        assert result.error_line.endswith("Delete the file and run again.")
    assert (folder / "outputs/backtest/latest").resolve() == first
    victim.unlink()
    assert ilp(*BACKTEST).code == 0
    assert pq.read_table(victim).equals(pq.read_table(io.BytesIO(sound)))  # only its cost file differs
    assert scores(finished_runs(folder, "backtest")[-1]) == scores(first)


def test_a_partition_of_another_shape_is_refused(ilp, folder):
    assert ilp(*BACKTEST).code == 0
    victim = partitions(folder)[2]
    rows = pq.read_table(victim)
    pq.write_table(rows.slice(0, rows.num_rows // 2), victim)
    result = ilp(*BACKTEST)
    assert result.code == 1
    assert f"The stored forecast {victim} is damaged" in result.error_line


def test_a_recipe_locked_by_another_run_is_refused(ilp, folder):
    assert ilp(*BACKTEST).code == 0
    (lock, *_) = (folder / "outputs/forecasts").glob("*/.lock")
    with filelock.FileLock(lock):
        result = ilp(*BACKTEST)
    assert result.code == 1
    assert result.error_line.startswith("ilp: Another run is writing the forecasts in ")
    assert "output=<folder>" in result.error_line
    assert len(finished_runs(folder, "backtest")) == 1


def test_a_locked_store_is_reported_before_any_work(folder):
    assert wait_for(start(folder, *BACKTEST, "tracking=mlflow")).code == 0
    stored = len(partitions(folder))
    with sqlite3.connect(folder / "outputs" / "mlflow.db") as link:
        link.execute("begin exclusive")
        words = ("tracking=mlflow", "tracking.patience=1", "backtest.test_periods=5")
        result = wait_for(start(folder, *BACKTEST, *words))
        link.rollback()
    assert result.code == 1
    assert "output=FOLDER" in result.error_line
    assert len(partitions(folder)) == stored
    assert len(finished_runs(folder, "backtest")) == 1


def test_a_killed_run_stays_unfinished_and_the_next_resumes(folder):
    process = start(folder, *BACKTEST, *MANY)
    deadline = time.monotonic() + 120
    while len(partitions(folder)) < 5 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (killed,) = run_folders(folder, "backtest")
    done = {path: path.stat().st_mtime_ns for path in partitions(folder)}
    assert 5 <= len(done) < 60
    assert (killed / "UNFINISHED").exists()
    assert not (folder / "outputs/backtest/latest").exists()
    result = wait_for(start(folder, *BACKTEST, *MANY))
    assert result.code == 0, result.err
    assert (killed / "UNFINISHED").exists()
    assert {path: path.stat().st_mtime_ns for path in done} == done
    (resumed,) = finished_runs(folder, "backtest")
    shutil.rmtree(folder / "outputs" / "forecasts")
    assert wait_for(start(folder, *BACKTEST, *MANY)).code == 0
    assert scores(finished_runs(folder, "backtest")[-1]) == scores(resumed)


def test_of_two_concurrent_runs_one_may_stop(folder):
    answers = [wait_for(process) for process in [start(folder, *BACKTEST, *MANY) for _ in range(2)]]
    assert 0 in {result.code for result in answers}
    for result in answers:
        if result.code:
            assert "Another run is writing the forecasts" in result.error_line
    assert len(finished_runs(folder, "backtest")) == sum(result.code == 0 for result in answers)
    assert len(partitions(folder)) == 60
    again = wait_for(start(folder, *BACKTEST, *MANY))
    assert again.code == 0
    assert len({scores(run) for run in finished_runs(folder, "backtest")}) == 1
