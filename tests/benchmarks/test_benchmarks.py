import json
import mmap
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import run
from benchmarks.cases.accuracy import rows_of
from benchmarks.cases.baseline import synthetic_history
from benchmarks.cases.start_up import heavy_after
from benchmarks.figure import Figure, Goal, NotMeasuredError
from benchmarks.memory import forget_peak, peak_bytes, resident_bytes, session_bytes
from benchmarks.timing import in_turn

ROOT = Path(__file__).resolve().parents[2]
KEYS = ("name", "figure", "reference", "ratio", "goal", "holds")
NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is read from Linux's /proc")


@pytest.mark.parametrize(
    ("goal", "figure", "reference", "words", "holds"),
    [
        (Goal(high=0.1, of="ratio"), 1.0, 10.0, "ratio <= 0.1", True),
        (Goal(high=0.1, of="ratio"), 1.01, 10.0, "ratio <= 0.1", False),
        (Goal(high=15), 14.0, 2.0, "figure <= 15", True),
        (Goal(low=0.012), 0.0119, None, "figure >= 0.012", False),
        (Goal(low=0.93, high=1.07), 1.07, None, "0.93 <= figure <= 1.07", True),
        (Goal(low=0.93, high=1.07), 0.92, None, "0.93 <= figure <= 1.07", False),
        (Goal(high=1), float("nan"), None, "figure <= 1", False),
    ],
)
def test_a_row_says_whether_its_goal_holds(goal, figure, reference, words, holds):
    row = Figure("f", figure, "s", goal, reference).to_dict(judged=True)
    assert (row["goal"], row["holds"]) == (words, holds)
    assert row["ratio"] == (None if reference is None else pytest.approx(figure / reference))
    assert Figure("f", figure, "s", goal, reference).to_dict(judged=False)["holds"] is None


def test_works_are_run_in_turn():
    order = []
    seconds = in_turn(3, a=lambda: order.append("a"), b=lambda: order.append("b"))
    assert order == list("ababab")
    assert all(0 <= value < 1 for value in seconds.values())


@NEEDS_PROC
def test_a_peak_is_seen_and_forgotten():
    before, size = resident_bytes(), 64 << 20
    forget_peak()
    with mmap.mmap(-1, size) as block:
        block.write(b"x" * size)
        assert session_bytes(os.getsid(0)) >= size
    # the system may take back some memory meanwhile, and the bytes written are there for a moment too
    assert 0.9 * size <= peak_bytes() - before < 3 * size
    forget_peak()
    assert peak_bytes() - before < size


def test_heavy_imports_are_found():
    assert heavy_after("import matplotlib") == ["matplotlib"]
    assert heavy_after("import json") == []


def test_the_large_panel_has_the_size_asked_for():
    history = synthetic_history(side=5, weeks=120, kinds=2)
    assert history.panel.values.shape == (2, 25, 120)
    assert history.panel.values.sum() == len(history.events)
    assert history.panel.outside == 0
    assert 0.1 < history.panel.values.mean() < 0.4


def experiment(folder):
    skill = [
        ("ewma", 1, "all", 0.0, 0.0),
        ("lightgbm", 1, "a", 0.02, 0.01),
        ("lightgbm", 1, "b", -0.001, -0.01),
        ("lightgbm", 1, "all", 0.0155, 0.009),
        ("lightgbm", 2, "all", 0.5, 0.4),
        ("oracle", 1, "all", 0.9, 0.8),
    ]
    summary = [("lightgbm", 1, kind, "sum_ratio", value) for kind, value in (("a", 0.95), ("b", 1.08), ("all", 2.0))]
    columns = ["forecaster", "lead", "crime_type"]
    pd.DataFrame(skill, columns=[*columns, "skill", "low"]).assign(n=52).to_csv(folder / "skill.csv", index=False)
    table = pd.DataFrame([*summary, ("ewma", 1, "a", "sum_ratio", 9.0)], columns=[*columns, "score", "value"])
    table.to_csv(folder / "summary.csv", index=False)


def test_accuracy_is_that_of_the_best_forecaster_without_bounds(tmp_path):
    with pytest.raises(NotMeasuredError, match=r"skill\.csv is not there"):
        rows_of(tmp_path)
    experiment(tmp_path)
    rows = [figure.to_dict(judged=True) for figure in rows_of(tmp_path)]
    assert [(row["figure"], row["holds"]) for row in rows] == [
        (0.0155, True),
        (0.009, True),
        (-0.001, False),
        (0.95, True),
        (1.08, False),
    ]
    assert [row["note"] for row in rows[2:]] == ["b", "a", "b"]


def bench(tmp_path, *words):
    command = [sys.executable, "benchmarks/run.py", "--output", str(tmp_path / "out" / "bench.json"), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    file = tmp_path / "out" / "bench.json"
    return done, json.loads(file.read_text()) if file.exists() else None


@pytest.mark.slow
def test_the_runner_prints_a_table_and_writes_its_rows(tmp_path):
    done, rows = bench(tmp_path, "--quick", "--only", "start_up", "--only", "scoring")
    assert done.returncode == 0, done.stderr
    assert [row["case"] for row in rows] == ["start_up"] * 3 + ["scoring"] * 2
    for row in rows:
        assert tuple(row)[:6] == KEYS
        assert row["figure"] > 0 or row["unit"] == ""
        assert (row["holds"], row["quick"]) == (None, True)
        assert {"unit", "n", "machine", "commit", "versions"} <= set(row)
        assert row["name"] in done.stdout
    assert "[2/2] scoring" in done.stderr


def test_a_case_that_fails_keeps_its_row(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(run.CASES, "no_such_case", "a case that cannot run")
    code = run.main(["--quick", "--only", "no_such_case", "--output", str(tmp_path / "bench.json")])
    (row,) = json.loads((tmp_path / "bench.json").read_text())
    assert code == 1
    assert (row["figure"], row["holds"]) == (None, False)
    assert "a case that cannot run" in capsys.readouterr().out


def test_every_case_is_listed_once():
    modules = {path.stem for path in (ROOT / "benchmarks" / "cases").glob("*.py")}
    assert modules == set(run.CASES)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["backtest", "features", "fit_memory", "baseline", "kernel", "intake", "large_file"])
def test_the_other_cases_run_on_a_tiny_size(name, monkeypatch):
    rows = run.run_case(name, quick=True)
    assert all(row["figure"] > 0 and row["holds"] is None for row in rows), rows
    np.testing.assert_array_less(0, [row["ratio"] for row in rows])


@pytest.mark.slow
def test_a_fit_on_all_units_is_measured_against_the_same_matrix_as_the_shipped_one():
    shipped, every = run.run_case("fit_memory", quick=True)
    assert (shipped["name"], every["name"]) == ("memory of a fit as shipped", "memory of a fit on all units")
    assert shipped["reference"] == every["reference"] > 0
    assert shipped["goal"] == every["goal"] == "ratio <= 1.5"
    assert "max_zeros=null" in every["note"]


@pytest.mark.slow
def test_field_trials_are_measured():
    pairs, crossover, whole = run.run_case("field_trial", quick=True)
    assert all(row["figure"] > 0 and row["unit"] == "s" for row in (pairs, crossover, whole))
    assert "20 trials x 10 units" in pairs["note"]
    assert whole["note"].startswith("100 units x 16 months")


@pytest.mark.slow
def test_near_repeats_and_hot_spots_are_measured():
    (row,) = run.run_case("hot_spots", quick=True)
    assert row["figure"] > 0
    assert "400 cells" in row["note"]
    rows = run.run_case("near_repeats", quick=True)
    assert [row["unit"] for row in rows] == ["s", "MB"]
    assert all(row["figure"] > 0 and "99 permutations" in row["note"] for row in rows)


@pytest.mark.slow
def test_point_processes_are_measured_each_in_a_process_of_its_own():
    rows = run.run_case("point_process", quick=True)
    assert [row["unit"] for row in rows] == ["s", "MB", "s", "MB", ""]
    assert all(row["figure"] > 0 and (row["ratio"], row["holds"]) == (None, None) for row in rows)
    assert "n log n itself has the slope 1.1" in rows[-1]["note"]


@pytest.mark.slow
def test_the_main_job_is_watched_from_start_to_end():
    seconds, memory = run.run_case("main_job", quick=True)
    assert seconds["figure"] > 1
    assert 0.1 < memory["figure"] < 4
