"""One file of standing choices serves all tasks: what a task does not have is left out."""

import pytest
from omegaconf import OmegaConf

from ilp_models.cli.app import App, find_configs
from ilp_models.cli.help import find_tasks

pytestmark = pytest.mark.slow

_CITY = """\
# @package _global_
# Ours
defaults:
  - override /data: simulated
  - override /audit/groups: toronto
  - override /audit/rule: capped
data:
  size_km: 4
audit:
  land_share: 0.1
"""
_TASKS = {
    task: {group for entry in OmegaConf.load(find_configs() / f"{task}.yaml").defaults for group in entry}
    for task in find_tasks(find_configs())
}
_WITH = sorted(task for task, groups in _TASKS.items() if "jurisdiction" in groups)


@pytest.fixture
def ilp(tmp_path, monkeypatch, capfd):
    """Return a function that runs a command next to a folder with one jurisdiction."""
    path = tmp_path / "mine" / "jurisdiction" / "ourcity.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(_CITY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["ilp"])

    def call(*words):
        code = App(find_configs()).run([*words, "jurisdiction=ourcity"])
        assert path.read_text() == _CITY
        return code, *capfd.readouterr()

    return call


@pytest.mark.parametrize("flags", [("--config-dir", "mine"), ("--config-dir=mine",)])
@pytest.mark.parametrize("task", _WITH)
def test_a_file_that_chooses_options_of_the_audit_serves_every_task(ilp, task, flags):
    code, out, err = ilp(task, *flags, "--cfg", "job")
    assert code == 0, err
    made = OmegaConf.create(out)
    if "data" in _TASKS[task]:
        assert made.data.size_km == 4
    audits = "audit" in _TASKS[task]
    assert ("Capped" in out) == audits


def test_some_tasks_have_an_audit_and_some_have_none():
    assert {"backtest", "compare", "forecast", "tune"} <= {task for task in _WITH if "audit" not in _TASKS[task]}
    assert {"audit", "weekly"} <= {task for task in _WITH if "audit" in _TASKS[task]}


@pytest.mark.parametrize("task", sorted(set(_TASKS) - set(_WITH)))
def test_other_tasks_say_that_they_take_none(ilp, task):
    code, _, err = ilp(task, "--config-dir=mine")
    assert (code, err) == (2, f"ilp: The task {task} takes no jurisdiction. Leave jurisdiction=ourcity out.\n")


def test_a_misspelt_group_is_still_refused(ilp, tmp_path, capfd):
    text = _CITY.replace("audit/rule: capped", "audit/ruel: capped")
    (tmp_path / "mine" / "jurisdiction" / "wrong.yaml").write_text(text)
    assert App(find_configs()).run(["backtest", "--config-dir=mine", "jurisdiction=wrong"]) == 2
    assert "jurisdiction/wrong chooses audit/ruel" in capfd.readouterr().err
