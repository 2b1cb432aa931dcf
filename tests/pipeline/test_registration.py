import getpass
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.pipeline.registration import (
    RegisterPath,
    export_entry,
    last_line,
    register_decision,
    register_snapshot,
    user,
)
from tests.builders import forecast_on, square_grid
from tests.domain.gate_example import WHOLE, decision, report

MOMENT = datetime(2026, 1, 5, tzinfo=UTC)
HEADER = {"extent": [0.0, 0.0, 1.0, 1.0], "first_period": "2025-01-06", "last_period": "2025-12-29"}


@pytest.mark.parametrize(
    ("folder", "default"),
    [
        ("outputs/weekly/2026-run", "outputs/register.jsonl"),
        ("outputs/audit/multirun/1", "outputs/register.jsonl"),
        ("elsewhere", "elsewhere/register.jsonl"),
    ],
)
def test_the_default_register_is_in_the_output_folder(folder, default, tmp_path):
    own = RegisterPath.of_task(Register(tmp_path / default), tmp_path / folder)
    assert own.default == tmp_path / default
    assert own.change() == []
    other = RegisterPath.of_task(Register(tmp_path / "mine.jsonl"), tmp_path / folder)
    assert other.change() == [f"register={tmp_path / 'mine.jsonl'} (default register.jsonl in the output folder)"]


def test_a_snapshot_counts_decisions_of_the_folder_that_the_register_lacks(tmp_path):
    register = Register(tmp_path / "register.jsonl")
    register.append(RegisterEntry("decided", "t.rainer", "a" * 64, MOMENT, HEADER))
    for name, seal in (("one", "a" * 64), ("two", "b" * 64), ("three", None)):
        (tmp_path / "weekly" / name).mkdir(parents=True)
        text = "nonsense" if seal is None else json.dumps({"seal": seal})
        (tmp_path / "weekly" / name / "decision.json").write_text(text)
    found = register_snapshot(register, HEADER, MOMENT)
    assert (found.entries, found.unregistered, found.fault) == (1, 1, "")
    assert [one.decision for one in found.earlier] == ["a" * 64]


def test_a_damaged_register_is_a_fault_of_the_snapshot(tmp_path):
    (tmp_path / "register.jsonl").write_text("nonsense\n")
    register = Register(tmp_path / "register.jsonl")
    found = register_snapshot(register, HEADER, MOMENT)
    assert found.fault != ""
    assert last_line(register).startswith("Register: ")
    assert "last=" not in last_line(register)


def test_the_grade_of_files_follows_the_decision_and_its_line(tmp_path, caplog):
    register = Register(tmp_path / "register.jsonl")
    admitted, withheld = decision(), decision(report(WHOLE[1:]))
    assert register_decision(admitted, register) == "allocation"
    assert register_decision(withheld, register) == "research"
    assert last_line(register) == f"Register: {register.path}, last={register.verify().digest}"
    (tmp_path / "folder").mkdir()
    assert register_decision(admitted, Register(tmp_path / "folder")) == "research"
    assert "its files are for research only" in caplog.text


def test_an_export_is_a_line_with_forecast_areas_and_files():
    forecast = forecast_on(square_grid())
    entry = export_entry(forecast, ["West", "", "East", "West"], decision(), ["grid.csv"])
    assert entry.act == "exported"
    assert entry.content["areas"] == ["East", "West"]
    assert (entry.content["cells"], entry.content["files"]) == (12, ["grid.csv"])
    assert entry.content["forecast"] == forecast.digest()


def test_the_user_is_that_of_the_machine():
    assert user() in {getpass.getuser(), Path.home().owner()}
