"""Reproducing an experiment: every one has declared commands, differences are found, and committed files stay."""

import importlib.util
import sys

import pytest
from pages import ROOT

TABLE = "name,value,cpu_seconds\na,1.0,9\nb,2.0,9\n"


@pytest.fixture
def reproduce():
    spec = importlib.util.spec_from_file_location("reproduce", ROOT / "experiments" / "reproduce.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_experiment_has_declared_commands_that_its_page_shows(reproduce):
    pages = {page.parent.name: page.read_text() for page in (ROOT / "experiments").glob("*/README.md")}
    assert {*reproduce.COMMANDS} == {*pages}
    for slug, commands in reproduce.COMMANDS.items():
        for command in commands:
            script = next(word for word in command.split() if word.startswith(("experiments/", "experiment=")))
            assert script in pages[slug], f"{slug}: {command}"


@pytest.mark.parametrize(
    ("now", "code", "line"),
    [
        (TABLE.replace("9\n", "7\n"), 0, "1 tables compared, 0 differences"),  # times differ on each machine
        (TABLE.replace("2.0", "2.0000000001"), 0, "0 differences"),
        (TABLE.replace("2.0", "2.1"), 1, "skill.csv, line 3, value: 2.0, now 2.1"),
        (TABLE.replace("b,", "c,"), 1, "skill.csv, line 3, name: b, now c"),
        (TABLE + "c,3.0,9\n", 1, "skill.csv: 3 lines"),
        ("", 1, "skill.csv: not compared, because no command wrote it\nsmall: 0 tables compared"),
    ],
)
def test_differences_are_listed_and_committed_files_stay(reproduce, tmp_path, monkeypatch, capsys, now, code, line):
    folder = tmp_path / "experiments" / "small"
    folder.mkdir(parents=True)
    (folder / "skill.csv").write_text(TABLE)
    (tmp_path / "README.md").write_text("front\n")
    (tmp_path / "input.csv").write_text(now)
    (folder / "run.py").write_text(
        "import shutil, sys\nif open(sys.argv[1]).read():\n"
        "    shutil.copy(sys.argv[1], 'experiments/small/skill.csv')\n"
        "open('README.md', 'w').close()\n"
    )
    monkeypatch.setattr(reproduce, "ROOT", tmp_path)
    monkeypatch.setattr(reproduce, "EXPERIMENTS", tmp_path / "experiments")
    monkeypatch.setattr(reproduce, "COMMANDS", {"small": ("python3 experiments/small/run.py PATH",)})
    assert reproduce.main(["small", str(tmp_path / "input.csv")]) == code
    assert line in capsys.readouterr().out
    assert (folder / "skill.csv").read_text() == TABLE
    assert (tmp_path / "README.md").read_text() == "front\n"
    assert (tmp_path / "outputs" / "reproduce" / "small" / "skill.csv").read_text() == (now or TABLE)


def test_missing_files_of_the_user_are_named(reproduce):
    with pytest.raises(ValueError, match="needs CALLS, DISTRICTS, and 0 were given"):
        reproduce.fill(reproduce.COMMANDS["portland-nij"], [])
    with pytest.raises(ValueError, match=r"no\.parquet does not exist"):
        reproduce.fill(reproduce.COMMANDS["portland-nij"], [sys.executable, "no.parquet"])
    (words,) = reproduce.fill(reproduce.COMMANDS["portland-nij"], [sys.executable, sys.executable])
    assert words[2] == f"data.path={sys.executable}"
