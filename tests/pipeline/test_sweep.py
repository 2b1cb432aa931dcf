"""The table of a sweep: paired with one baseline where the units are equal, and honest where they are not."""

import pandas as pd
import pytest

from ilp_models.pipeline.sweep import SweepRun, write_sweep
from tests.pipeline.small_city import run_task

MODELS = ("model=[moving_average,last_period]", "scoring.baseline=moving_average", "backtest.test_periods=6")
WORDS = {"0": (), "1": ("model.moving_average.window=13",), "2": ("grid.size=800",)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    shelf = tmp_path_factory.mktemp("sweep")
    done = {name: run_task("backtest", shelf, *MODELS, *words) for name, words in WORDS.items()}
    found = [SweepRun(name, one.folder, (*MODELS, *WORDS[name])) for name, one in done.items()]
    return [*found, SweepRun("3", shelf, (*MODELS, "model.moving_average.window=0"), "window=0 must be at least 1.")]


@pytest.fixture(scope="module")
def table(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    text = write_sweep(runs, folder)
    return text, pd.read_csv(folder / "sweep.csv", dtype={"run": str}, keep_default_na=False, na_values={"low": ""})


def own_skill(run):
    table = pd.read_csv(run.folder / "skill.csv").query("crime_type == 'all' and lead == 1")
    return table.set_index("forecaster").loc["last_period"]


def test_a_paired_row_equals_the_comparison_inside_one_run(runs, table):
    row, own = table[1].query("forecaster == 'last_period' and run == '0'").iloc[0], own_skill(runs[0])
    assert (row["comparison"], row["verdict"]) == ("paired", own["verdict"])
    assert [float(row[one]) for one in ("skill", "low", "high")] == pytest.approx(
        own[["skill", "low", "high"]].tolist(), rel=1e-12
    )


def test_runs_with_equal_units_are_measured_against_the_first_baseline(runs, table):
    rows = table[1]
    first = rows.query("run == '0' and forecaster == 'moving_average'").iloc[0]
    assert (first["verdict"], float(first["skill"])) == ("baseline", 0)
    changed = rows.query("run == '1'").set_index("forecaster")
    assert list(changed.index) == ["moving_average", "last_period"]  # this baseline is another one
    for _, row in changed.iterrows():
        assert float(row["skill"]) == pytest.approx(1 - float(row["deviance"]) / float(first["deviance"]), rel=1e-9)
    assert float(changed.loc["last_period", "skill"]) != pytest.approx(own_skill(runs[1])["skill"], rel=1e-6)
    assert float(changed.loc["moving_average", "low"]) < float(changed.loc["moving_average", "skill"]) < 0


def test_other_cells_are_not_paired_and_failures_are_named(runs, table):
    text, rows = table
    other = rows.query("run == '2'").iloc[0]
    assert other["comparison"] == "over moving_average of the same run: other cells, periods or records"
    assert float(other["skill"]) == pytest.approx(own_skill(runs[2])["skill"], rel=1e-12)
    failed = rows.query("run == '3'").iloc[0]
    assert (failed["reason"], failed["deviance"]) == ("window=0 must be at least 1.", "")
    assert "3  model.moving_average.window=0  FAILED: window=0 must be at least 1." in text
    assert "model=[" not in text  # all runs have it


def test_runs_without_scores_are_listed(tmp_path):
    text = write_sweep([SweepRun("0", tmp_path, ("a=1",)), SweepRun("1", tmp_path, ("a=2",), "no")], tmp_path)
    assert text.splitlines()[1:3] == ["    0  a=1  done, without scores", "    1  a=2  FAILED: no"]
