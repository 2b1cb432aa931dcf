"""The set-up script, without installing anything."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tasks(tmp_path):
    """Return the script as a module in a temporary checkout."""
    checkout = tmp_path / "a checkout"
    (checkout / "lock").mkdir(parents=True)
    for name in ("tasks.py", "pyproject.toml", "lock/build.txt", "lock/run.txt", "lock/dev.txt"):
        (checkout / name).write_bytes((ROOT / name).read_bytes())
    spec = importlib.util.spec_from_file_location("tasks", checkout / "tasks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fake(folder, name, *, version, complete):
    """Write a fake Python of some version, with or without its venv module."""
    path = folder / name
    path.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *ensurepip*) exit {0 if complete else 1};; esac\n'
        f"echo {version}; exit {0 if tuple(map(int, version.split())) >= (3, 11) else 1}\n"
    )
    path.chmod(0o755)
    return str(path)


def make_ready(tasks, level):
    tasks.PYTHON.parent.mkdir(parents=True, exist_ok=True)
    tasks.PYTHON.touch()
    tasks.stamp(level).write_text(tasks.digest(level))


@pytest.mark.parametrize(("word", "expected"), [("wekly", "Did you mean weekly?"), ("xyz", "--help")])
def test_unknown_task_is_refused_in_one_line(word, expected):
    done = subprocess.run([sys.executable, ROOT / "tasks.py", word], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_named_checkers_run_and_unknown_ones_are_refused(tasks, monkeypatch, capsys):
    make_ready(tasks, "dev")
    called = []
    monkeypatch.setattr(tasks.subprocess, "call", lambda command, **_: called.append(command[2]) or 0)
    assert tasks.main(["check", "types", "lint"]) == 0
    assert called == ["mypy", "ruff"]
    assert tasks.main(["check", "typos"]) == 2
    assert "Unknown checker 'typos'. Choose from format, lint, types, contracts, structure." in capsys.readouterr().err
    assert tasks.main(["check"]) == 0
    assert len(called) == 2 + 5


def test_all_checkers_run_before_a_merge():
    """`.ci/run` runs all tests, and each checker that is no test."""
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-2:] == ["python3 tasks.py test --all", "python3 tasks.py check format lint types contracts"]


def test_help_names_every_task(tasks, capsys):
    assert tasks.main([]) == 0
    expected = capsys.readouterr().out
    assert all(f"\n  {name} " in expected for name in tasks.TASKS)


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ([], "-n auto --dist loadfile --no-loadscope-reorder -m not slow"),
        (["--all"], "-n auto --dist loadfile --no-loadscope-reorder"),
        (["tests/domain", "-x"], "tests/domain -x"),
    ],
)
def test_arguments_of_pytest(tasks, monkeypatch, words, arguments):
    monkeypatch.setattr(tasks, "prepare", lambda _: None)
    monkeypatch.setattr(tasks, "become", lambda words, _: " ".join(words))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert tasks.main(["test", *words]) == f"-m pytest {arguments}"


def test_complete_environment_is_reused(tasks, monkeypatch):
    monkeypatch.setattr(tasks, "make_environment", lambda: pytest.fail("replaced"))
    make_ready(tasks, "dev")
    tasks.prepare("dev")
    tasks.prepare("run")


@pytest.mark.parametrize("spoil", ["lock", "project", "python", "place", "level"])
def test_outdated_environment_is_replaced(tasks, monkeypatch, spoil):
    make_ready(tasks, "run" if spoil == "level" else "dev")
    if spoil == "lock":
        (tasks.LOCK / "dev.txt").write_text("changed")
    elif spoil == "project":
        (tasks.ROOT / "pyproject.toml").write_text("changed")
    elif spoil == "python":
        tasks.PYTHON.unlink()
    elif spoil == "place":
        moved = tasks.ROOT / "moved"
        tasks.VENV.rename(moved)
        monkeypatch.setattr(tasks, "VENV", moved)
        monkeypatch.setattr(tasks, "PYTHON", moved / tasks.IN_VENV)
    done = []
    monkeypatch.setattr(tasks, "make_environment", lambda: tasks.PYTHON.parent.mkdir(parents=True, exist_ok=True))
    monkeypatch.setattr(tasks, "pip", lambda *words: done.append(words))
    monkeypatch.setattr(tasks, "link_openmp", lambda: tasks.PYTHON.touch())
    tasks.prepare("dev")
    assert all("--require-hashes" in words or "--no-index" in words for words in done)
    assert len(done) == 3
    assert tasks.is_ready("dev")


def test_failed_installation_is_not_marked_ready(tasks, monkeypatch):
    make_ready(tasks, "run")
    monkeypatch.setattr(tasks, "make_environment", lambda: None)
    monkeypatch.setattr(tasks.subprocess, "call", lambda *_, **__: 1)
    with pytest.raises(tasks.SetUpError, match="again to resume"):
        tasks.prepare("dev")
    assert not tasks.is_ready("run")
    assert not tasks.is_ready("dev")


def test_newer_python_is_found(tasks, monkeypatch, tmp_path):
    old = fake(tmp_path, "python3", version="3 8", complete=True)
    new = fake(tmp_path, "python3.12", version="3 12", complete=True)
    monkeypatch.setattr(tasks.sys, "executable", old)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(tasks.shutil, "which", lambda name: {"python3": old, "python3.12": new}.get(name))
    assert tasks.find_python() == new


@pytest.mark.parametrize(
    ("version", "expected"),
    [("3 13", r"Run: sudo apt-get install -y python3\.13-venv$"), ("3 8", r"Python 3\.11 or newer was not found")],
)
def test_missing_python_names_the_command(tasks, monkeypatch, tmp_path, version, expected):
    monkeypatch.setattr(tasks.sys, "executable", fake(tmp_path, "python3", version=version, complete=False))
    monkeypatch.setattr(tasks.shutil, "which", lambda _: None)
    with pytest.raises(tasks.SetUpError, match=expected):
        tasks.find_python()


def test_environment_variables_of_child_processes(tasks, monkeypatch):
    monkeypatch.setenv("HOME", "")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    (tasks.VENV / "libgomp").mkdir(parents=True)
    variables = tasks.environment()
    assert "HOME" not in variables
    assert "PYTHONPATH" not in variables
    assert variables["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert variables["LD_LIBRARY_PATH"].split(os.pathsep)[0] == str(tasks.VENV / "libgomp")


@pytest.mark.parametrize("name", ["build", "run", "dev"])
def test_lock_files_hold_exact_versions_with_hashes_and_no_url(name):
    lines = (ROOT / "lock" / f"{name}.txt").read_text().splitlines()
    starts = [number for number, line in enumerate(lines) if not line.startswith(" ")]
    assert len(starts) > 5
    assert all("==" in lines[number] for number in starts)
    assert all(lines[number + 1].strip().startswith("--hash=sha256:") for number in starts)
    assert not any("://" in line or line.startswith("-") for line in lines)
