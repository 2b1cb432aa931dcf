import numpy as np
import pandas as pd
import pytest

from ilp_models.compute.local import LocalProcesses
from tests.pipeline.small_city import MODELS, WEEKS, run_task, scores_of

pytestmark = pytest.mark.usefixtures("undrawn")


REPLAY = ("backtest.test_periods=4", "backtest.refit_every=2")
LIGHT = (*REPLAY, "model=[moving_average,ewma]")


class Counted:
    """Processes that note what they were given."""

    def __init__(self):
        self.given = []

    def map(self, function, tasks, description):
        self.given += [(task.name, len(task.chain)) for task in tasks]
        return LocalProcesses(1).map(function, tasks, description)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Return a folder that holds the forecasts of one forecaster."""
    place = tmp_path_factory.mktemp("stored")
    run_task("backtest", place, *REPLAY, "model=[ewma]")
    return place


def test_stored_forecasts_are_used_again(tmp_path):
    first, second = Counted(), Counted()
    one = run_task("backtest", tmp_path, *LIGHT, compute=first)
    two = run_task("backtest", tmp_path, *LIGHT, compute=second)
    assert first.given == [("moving_average", 2), ("moving_average", 2), ("ewma", 2), ("ewma", 2)]
    assert second.given == []
    assert scores_of(one) == scores_of(two)


def test_another_forecaster_is_made_beside_those_stored(tmp_path):
    run_task("backtest", tmp_path, *REPLAY, "model=[ewma]")
    counted = Counted()
    run_task("backtest", tmp_path, *LIGHT, compute=counted)
    assert {name for name, _ in counted.given} == {"moving_average"}


@pytest.mark.parametrize(
    "change",
    ["data.seed=2", "grid.size=1000", "model.ewma.reach_cells=2.0", "calendar.week_start=sunday", "backtest.horizon=2"],
)
def test_a_changed_recipe_uses_nothing_stored(change, stored):
    counted = Counted()
    run_task("backtest", stored, *REPLAY, "model=[ewma]", change, compute=counted)
    assert counted.given == [("ewma", 2), ("ewma", 2)]


def test_what_decides_no_number_changes_no_recipe(stored):
    counted = Counted()
    run_task("backtest", stored, *REPLAY, "model=[ewma]", "name=other", "bootstrap.draws=100", compute=counted)
    assert counted.given == []


def test_a_missing_partition_is_made_again_alone(tmp_path):
    settings = (*REPLAY, "model=[ewma]")
    one = run_task("backtest", tmp_path, *settings)
    (gone, *_) = sorted((tmp_path / "forecasts").rglob("cutoff=*/part-0.parquet"))
    before = pd.read_parquet(gone)
    gone.unlink()
    counted = Counted()
    two = run_task("backtest", tmp_path, *settings, compute=counted)
    assert counted.given == [("ewma", 2)]
    pd.testing.assert_frame_equal(pd.read_parquet(gone), before)  # only what it cost may differ
    assert scores_of(one) == scores_of(two)


@pytest.mark.slow
def test_the_truth_stands_beside_the_others(tmp_path):
    done = run_task("backtest", tmp_path, "model=[moving_average,ewma,true_intensity]")
    skill = pd.read_csv(done.folder / "skill.csv").query("crime_type == 'all'").set_index("forecaster")["skill"]
    assert skill["true_intensity"] == max(skill[name] for name in ("moving_average", "ewma", "true_intensity"))
    table = pd.read_parquet(tmp_path / "forecasts")
    assert table.groupby("forecaster", observed=True)["cutoff"].nunique().eq(WEEKS).all()
    assert np.isfinite(table["expected"]).all()
    assert table["observed"].notna().all()
    assert [child.name for child in done.run.children] == ["moving_average", "ewma", "true_intensity"]


def test_a_forecaster_that_cannot_run_keeps_its_row_and_its_reason(tmp_path):
    done = run_task("backtest", tmp_path, *REPLAY, f"model=[{','.join(MODELS)}]", "model.lightgbm.train_periods=1")
    (row,) = [line for line in done.text.splitlines() if line.startswith("lightgbm")]
    assert "did not run: " in row
    assert "leave 1 to learn from" in row
    assert set(pd.read_csv(done.folder / "scores.csv")["forecaster"]) >= {"moving_average", "ewma"}
