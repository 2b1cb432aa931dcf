"""The lines of the Python API are those of the commands, and a record that cannot be used stops all work."""

import os

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError, StorageError
from ilp_models.pipeline.backtesting import run_backtest
from ilp_models.pipeline.comparison import compare_forecasts
from ilp_models.tracking.trial_record import TrialRecord
from tests.pipeline.small_city import run_task


def test_a_notebook_leaves_the_line_of_the_command(tmp_path):
    done = run_task("backtest", tmp_path, "model=[ewma]", "backtest.test_periods=4", "scoring.baseline=ewma")
    part = done.parts
    result = run_backtest(
        part["model"],
        part["data"].read(),
        part["grid"],
        calendar=part["calendar"],
        scoring=part["scoring"],
        compute=part["compute"],
        store=tmp_path / "forecasts",
        trials=str(tmp_path / "notebook.csv"),
        **vars(part["backtest"]),
    )
    compare_forecasts(result, trials=tmp_path / "notebook.csv", compute=part["compute"])  # no rival, so no line
    command, notebook = (TrialRecord(str(tmp_path / name)).read() for name in ("trials/run.csv", "notebook.csv"))
    own = ["when", "run"]
    assert (notebook["run"] == "").all()
    assert len(notebook) == 1
    pd.testing.assert_frame_equal(notebook.drop(columns=own), command.drop(columns=own))


def test_a_record_that_cannot_be_used_is_named_before_any_work(tmp_path, monkeypatch):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)  # a test may run as root
    for fault, name in ((InputError, "other.csv"), (StorageError, "new.csv")):
        record = tmp_path / name
        with pytest.raises(fault, match=record.name):
            run_backtest({}, None, None, trials=record)  # no forecaster, no events: nothing is looked at
        with pytest.raises(fault, match=record.name):
            compare_forecasts(None, trials=record)
    with pytest.raises(InputError, match="is an address"):
        run_backtest({}, None, None, trials="s3://bucket/trials.csv")
