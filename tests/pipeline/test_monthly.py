"""Months in place of weeks: one experiment sets all that counts periods, in every task and for any methods."""

import csv
import json
from datetime import datetime, timedelta

import pytest

from ilp_models.cli.app import App, find_configs

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn")]

CITY = ("data=simulated", "data.size_km=3", "data.districts=2", "data.population=9000", "tracking=memory")
QUICK = ("model=[moving_average,ewma,lightgbm]", "model.lightgbm.n_estimators=10", "compute.jobs=1")


@pytest.fixture
def monthly(tmp_path, monkeypatch):
    """Return the folder of a task done by the month."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["ilp"])

    def done(task, *words):
        assert App(find_configs()).run([task, "experiment=monthly", *CITY, *words]) == 0
        return tmp_path / "outputs" / task / "latest"

    return done


def test_a_decision_of_months_rests_on_two_years_and_holds_for_one_month(monthly):
    folder = monthly("weekly", *QUICK, "bootstrap.draws=200", "explain.refits=0")
    with (folder / "summary.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert {"moving_average", "ewma", "lightgbm"} <= {row["forecaster"] for row in rows}
    assert {row["n"] for row in rows if row["score"] == "deviance"} == {"24"}
    decision = json.loads((folder / "decision.json").read_text())
    issued, until = (datetime.fromisoformat(decision[name]) for name in ("issued", "valid_until"))
    assert until - issued == timedelta(days=63)
    assert "audit.valid_days=63 (default 15)" in decision["reasons"][-1]
    states = {one["state"] for one in decision["findings"] if one["check"] in ("deviance_skill", "sum_ratio")}
    assert "insufficient" not in states


def test_a_task_without_an_audit_takes_what_is_its_own(monthly):
    folder = monthly("forecast", "model=[ewma]", "forecaster=ewma")
    with (folder / "grid.csv").open(encoding="utf-8-sig") as file:
        assert {row["period"] for row in csv.DictReader(file)} == {"2024-01-01"}
