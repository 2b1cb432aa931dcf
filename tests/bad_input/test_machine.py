"""A machine that fails in mid-run: nothing half-written looks whole, and the same command goes on from there."""

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

from tests.bad_input.newcomer import BACKTEST, WEEKLY, finish, runs_of, start, whole

FULL = OSError(errno.ENOSPC, "No space left on device")
MANY = ("backtest.test_periods=30", "backtest.refit_every=1")


def partitions(place):
    return sorted(Path(place, "outputs", "forecasts").rglob("part-0.parquet"))


def scores(run):
    return (run / "scores.csv").read_bytes()


def full_for(monkeypatch, target, wanted):
    """Make a method of a class fail as on a full disk for the paths whose name ends as wanted."""
    owner, name = target
    before = getattr(owner, name)

    def write(path, *words, **more):
        if str(path).endswith(wanted):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return before(path, *words, **more)

    monkeypatch.setattr(owner, name, write)


@pytest.mark.parametrize(
    "wanted",
    [
        "intake.json",
        "decision.json",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("report.html", "grid.csv.json")),
    ],
)
def test_a_disk_full_at_a_small_file_is_one_line_and_leaves_its_mark(ilp, desk, monkeypatch, wanted):
    full_for(monkeypatch, (Path, "write_text"), wanted)
    answer = ilp(*WEEKLY)
    assert answer.code == 1
    line = answer.err.splitlines()[-1]
    assert "Traceback" not in answer.err
    assert "disk is full" in line or "No space left on device" in line
    assert "output=" in line or "another folder" in line
    assert whole(desk) == []
    assert not (desk / "outputs/weekly/latest").exists()
    (run,) = runs_of(desk)
    assert not (run / wanted).exists()


def test_a_disk_full_at_a_stored_forecast_leaves_no_partition(ilp, desk, monkeypatch):
    written = []

    def write(table, where, **more):
        if len(written) == 3:
            Path(where).write_bytes(b"PAR1 half")
            raise FULL
        written.append(where)
        return kept(table, where, **more)

    kept = pq.write_table
    monkeypatch.setattr(pq, "write_table", write)
    answer = ilp(*BACKTEST)
    assert answer.code == 1
    assert "No space left on device" in answer.err.splitlines()[-1]
    assert "output=" in answer.err.splitlines()[-1]
    assert whole(desk, "backtest") == []
    assert len(partitions(desk)) == 3
    assert not [path for path in (desk / "outputs/forecasts").rglob("*.parquet") if path.name.startswith(".")]
    monkeypatch.undo()
    monkeypatch.chdir(desk)
    monkeypatch.setattr("sys.argv", ["ilp"])
    assert ilp(*BACKTEST).code == 0
    assert len(partitions(desk)) == 8


@pytest.mark.slow
def test_a_truly_full_disk(desk):
    small = desk / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs rights that this machine does not give")
    try:
        answer = finish(start(desk, *WEEKLY, "output=small"))
        assert answer.code == 1
        assert "Traceback" not in answer.err
        last = answer.err.splitlines()[-1]
        assert last.startswith("ilp: ")
        assert "full" in last or "No space left" in last
        assert not (small / "weekly/latest").exists()
        assert all((run / "UNFINISHED").exists() for run in (small / "weekly").glob("20*"))
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("output", ["notes.txt", "notes.txt/out", "/dev/null/out", "/sys/out"])
def test_an_output_folder_that_cannot_be_written_is_named(ilp, desk, output):
    (desk / "notes.txt").write_text("mine")
    answer = ilp(*WEEKLY, f"output={output}")
    assert answer.code == 1
    assert answer.line.startswith(f"ilp: Cannot use {output}")
    assert answer.line.endswith("Choose a folder you may write to with output=FOLDER.")
    assert (desk / "notes.txt").read_text() == "mine"


def test_a_damaged_partition_is_named_and_made_again_once_deleted(ilp, desk):
    assert ilp(*BACKTEST).code == 0
    (first,) = whole(desk, "backtest")
    victim = partitions(desk)[2]
    sound = victim.read_bytes()
    middle = len(sound) // 2
    for damage in (
        b"",
        sound[:middle],
        sound[: middle // 2] + bytes([sound[middle // 2] ^ 255]) + sound[middle // 2 + 1 :],
    ):
        victim.write_bytes(damage)
        answer = ilp(*BACKTEST)
        assert answer.code == 1
        assert answer.line.startswith(f"ilp: The stored forecast {victim} is damaged")
        assert answer.line.endswith("Delete the file and run again.")
    assert (desk / "outputs/backtest/latest").resolve() == first
    victim.unlink()
    assert ilp(*BACKTEST).code == 0
    assert pq.read_table(victim).equals(pq.read_table(io.BytesIO(sound)))  # what it cost stands beside, and differs
    assert scores(whole(desk, "backtest")[-1]) == scores(first)


@pytest.mark.slow
def test_a_partition_of_another_shape_is_no_forecast(ilp, desk):
    assert ilp(*BACKTEST).code == 0
    victim = partitions(desk)[2]
    rows = pq.read_table(victim)
    pq.write_table(rows.slice(0, rows.num_rows // 2), victim)
    answer = ilp(*BACKTEST)
    assert answer.code == 1
    assert f"The stored forecast {victim} is damaged" in answer.line


def test_a_recipe_that_another_run_writes_is_left_to_it(ilp, desk):
    assert ilp(*BACKTEST).code == 0
    (lock, *_) = (desk / "outputs/forecasts").glob("*/.lock")
    with filelock.FileLock(lock):
        answer = ilp(*BACKTEST)
    assert answer.code == 1
    assert answer.line.startswith("ilp: Another run is writing the forecasts in ")
    assert "output=<folder>" in answer.line
    assert len(whole(desk, "backtest")) == 1


@pytest.mark.slow
def test_a_locked_store_is_said_before_any_work(desk):
    assert finish(start(desk, *BACKTEST, "tracking=mlflow")).code == 0
    stored = len(partitions(desk))
    with sqlite3.connect(desk / "outputs" / "mlflow.db") as link:
        link.execute("begin exclusive")
        words = ("tracking=mlflow", "tracking.patience=1", "backtest.test_periods=5")
        answer = finish(start(desk, *BACKTEST, *words))
        link.rollback()
    assert answer.code == 1
    assert "output=FOLDER" in answer.line
    assert len(partitions(desk)) == stored
    assert len(whole(desk, "backtest")) == 1


@pytest.mark.slow
def test_a_killed_run_keeps_its_mark_and_the_next_one_goes_on(desk):
    process = start(desk, *BACKTEST, *MANY)
    deadline = time.monotonic() + 120
    while len(partitions(desk)) < 5 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (killed,) = runs_of(desk, "backtest")
    done = {path: path.stat().st_mtime_ns for path in partitions(desk)}
    assert 5 <= len(done) < 60
    assert (killed / "UNFINISHED").exists()
    assert not (desk / "outputs/backtest/latest").exists()
    answer = finish(start(desk, *BACKTEST, *MANY))
    assert answer.code == 0, answer.err
    assert (killed / "UNFINISHED").exists()
    assert {path: path.stat().st_mtime_ns for path in done} == done
    (resumed,) = whole(desk, "backtest")
    shutil.rmtree(desk / "outputs" / "forecasts")
    assert finish(start(desk, *BACKTEST, *MANY)).code == 0
    assert scores(whole(desk, "backtest")[-1]) == scores(resumed)


@pytest.mark.slow
def test_two_runs_at_once_agree_or_one_steps_back(desk):
    answers = [finish(process) for process in [start(desk, *BACKTEST, *MANY) for _ in range(2)]]
    assert 0 in {answer.code for answer in answers}
    for answer in answers:
        if answer.code:
            assert "Another run is writing the forecasts" in answer.line
    assert len(whole(desk, "backtest")) == sum(answer.code == 0 for answer in answers)
    assert len(partitions(desk)) == 60
    again = finish(start(desk, *BACKTEST, *MANY))
    assert again.code == 0
    assert len({scores(run) for run in whole(desk, "backtest")}) == 1
