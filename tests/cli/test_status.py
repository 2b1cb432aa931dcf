"""Exit codes, and the status that a scheduler reads."""

import json
import os
import re
from datetime import datetime
from pathlib import Path

import pytest

from ilp_models.cli import status
from ilp_models.cli.app import find_configs
from ilp_models.cli.help import find_tasks

_CONFIG = """\
# Decide on a flock.
#
# Examples:
#   ilp verdict admitted=true
defaults:
  - _terminal
  - _self_
admitted: null
fail: null
exit_code: run # run or decision
"""
_PIPELINE = """
import errno, json
from pathlib import Path
from ilp_models.domain.errors import InputError, WithheldError

def run(*, admitted, fail, folder):
    now = json.loads((folder.parent / "status.json").read_text()) if (folder.parent / "status.json").exists() else {}
    (folder / "seen.json").write_text(json.dumps(now))
    errors = {
        "input": InputError("The flock has no sheep:\\x1b[31m give flock.numerator." + " More." * 200),
        "withheld": WithheldError("The decision was withdrawn."),
        "bug": KeyError("wolf"),
        "stop": KeyboardInterrupt(),
        "full": OSError(errno.ENOSPC, "No space left on device", str(folder / "count.txt")),
    }
    if fail:
        raise errors[fail]
    if admitted is not None:
        timing = {"starts": "2026-01-05T00:00:00", "ends": "2026-01-12T00:00:00"}
        reasons = [f"reason {number}" for number in range(9)]
        audit = {"header": {"timing": timing}}
        decision = {"admitted": admitted, "seal": "ab" * 32, "reasons": reasons, "audit": audit}
        (folder / "decision.json").write_text(json.dumps(decision))
    return "done"
"""


@pytest.fixture
def verdict(ilp, configs, tmp_path):
    (configs / "verdict.yaml").write_text(_CONFIG)
    (tmp_path / "sheep_pipelines" / "verdict.py").write_text(_PIPELINE)

    def call(*words):
        code, _, err = ilp("verdict", *words)
        path = tmp_path / "outputs" / "verdict" / "status.json"
        return code, json.loads(path.read_text()) if path.exists() else None, err

    return call


@pytest.mark.parametrize(
    ("words", "code", "state"),
    [
        (("admitted=true",), 0, "admitted"),
        (("admitted=false",), 0, "withheld"),
        ((), 0, "done"),
        (("admitted=true", "exit_code=decision"), 0, "admitted"),
        (("admitted=false", "exit_code=decision"), 3, "withheld"),
        (("exit_code=decision",), 0, "done"),
        (("fail=input",), 1, "failed"),
        (("fail=withheld", "exit_code=decision"), 1, "failed"),
        (("fail=bug", "exit_code=decision"), 1, "failed"),
        (("fail=full",), 1, "failed"),
        (("fail=stop",), 130, "failed"),
    ],
)
def test_the_exit_code_and_the_status_agree(verdict, words, code, state):
    got, told, _ = verdict(*words)
    assert got == code
    assert (told["state"], told["exit_code"]) == (state, code)
    assert datetime.fromisoformat(told["moment"]).tzinfo is not None
    assert Path(told["run"]).is_dir()


def test_a_status_names_decision_period_and_first_reasons(verdict):
    _, told, _ = verdict("admitted=false")
    assert told["decision"] == "ab" * 32
    assert (told["starts"], told["ends"]) == ("2026-01-05T00:00:00", "2026-01-12T00:00:00")
    assert told["reasons"] == [f"reason {number}" for number in range(5)]


def test_a_failure_replaces_an_earlier_success_and_latest_stays(verdict, tmp_path):
    _, first, _ = verdict("admitted=true")
    _, told, _ = verdict("fail=input")
    assert told["state"] == "failed"
    assert told["decision"] is None
    assert (tmp_path / "outputs" / "verdict" / "latest").resolve() == Path(first["run"])


def test_the_error_is_one_short_line_without_escapes(verdict):
    _, told, err = verdict("fail=input")
    (line,) = told["reasons"]
    assert line.startswith("The flock has no sheep:")
    assert "\x1b" not in line
    assert len(line) <= 303
    assert line[:100] in err
    start, left = re.fullmatch(r"(.*) \.\.\. \((\d+) more characters\)", line).groups()
    assert start.endswith(" More.")
    assert len(start) + int(left) == len(r"The flock has no sheep:\x1b[31m give flock.numerator.") + 200 * len(" More.")


def test_a_run_that_is_killed_stays_running(verdict, tmp_path):
    verdict("admitted=true")
    (seen,) = (tmp_path / "outputs" / "verdict").glob("20*/seen.json")
    assert json.loads(seen.read_text())["state"] == "running"
    assert json.loads(seen.read_text())["exit_code"] is None


@pytest.mark.parametrize("choice", ["3", "yes", "[decision]", "Decision", "null"])
def test_an_unknown_choice_is_refused_before_the_run(verdict, choice):
    code, told, err = verdict("admitted=true", f"exit_code={choice}")
    assert (code, told) == (2, None)
    assert "Choose run or decision" in err


def test_a_sweep_leaves_the_status_and_ends_with_the_worst_code(verdict):
    verdict("admitted=true")
    code, told, _ = verdict("-m", "admitted=true,false", "exit_code=decision")
    assert code == 3
    assert told["state"] == "admitted"


def test_a_status_that_cannot_be_written_does_not_hide_the_error(tmp_path):
    status.record_failure(tmp_path / "missing", tmp_path, "the error", 1)


def test_a_failed_write_leaves_the_old_status(tmp_path, monkeypatch):
    status.running(tmp_path).write(tmp_path)
    before = (tmp_path / "status.json").read_text()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        status.RunStatus("done", "", "").write(tmp_path)
    assert (tmp_path / "status.json").read_text() == before
    assert os.listdir(tmp_path) == ["status.json"]  # noqa: PTH208 - hidden files too


def test_the_tasks_that_decide_have_the_setting_and_help_names_the_codes(ilp):
    texts = {task: (find_configs() / f"{task}.yaml").read_text() for task in find_tasks(find_configs())}
    assert {task for task, text in texts.items() if "\nexit_code: run #" in text} == {"weekly", "audit"}
    _, out, _ = ilp("--help")
    assert "0 done, 1 failed, 2 wrong command or setting, 130 after Ctrl-C" in out
    assert "3 if the forecast is withheld" in out
