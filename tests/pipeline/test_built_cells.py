from dataclasses import replace

import pandas as pd
import pytest

import ilp_models as ilp
from ilp_models.pipeline.study import open_study

BUILT = []


class CountedSquares(ilp.SquareGrid):
    """Squares that note for which records they were built."""

    def build(self, events):
        BUILT.append((len(events), events.end))
        return super().build(events)


@pytest.fixture(autouse=True)
def _nothing_built():
    BUILT.clear()


@pytest.fixture(scope="module")
def events():
    return ilp.SimulatedCity(size_km=2, districts=2, weeks=30).read()


MODELS = {"mean": ilp.MovingAverage(4), "ewma": ilp.EWMA()}
ONE = ilp.LocalProcesses(1)


def test_a_backtest_builds_the_cells_once_for_its_first_cutoff_and_once_for_the_recipes(events, tmp_path):
    grid = CountedSquares(500)
    backtest = ilp.run_backtest(MODELS, events, grid, test_periods=4, store=tmp_path, compute=ONE)
    first = backtest.plan.folds(events, ilp.Calendar())[0].cutoff
    assert [end for _, end in BUILT] == [first, events.end]


def test_a_task_builds_the_cells_of_a_cutoff_once_for_all_its_functions(events, tmp_path):
    grid = CountedSquares(500)
    study = open_study(events, grid)
    cells = study.grid_at(study.cutoff)
    backtest = ilp.run_backtest(MODELS, study.events, study.cells, test_periods=4, store=tmp_path, compute=ONE)
    forecast = ilp.make_forecast(MODELS["ewma"], study.events, study.cells, name="ewma")
    assert forecast.grid is cells
    assert len(BUILT) == len(set(BUILT)) == 2
    alone = ilp.run_backtest(MODELS, events, grid, test_periods=4, store=tmp_path / "alone", compute=ONE)
    assert backtest.recipes == alone.recipes == {name: study.recipe(model) for name, model in MODELS.items()}
    pd.testing.assert_frame_equal(backtest.skill("mean"), alone.skill("mean"))
    assert backtest.study.grid is grid  # its settings, which the recipe describes


def test_other_events_and_another_grid_get_their_own_cells(events):
    study = open_study(events, CountedSquares(500))
    whole = study.cells.build(events)
    assert replace(study, record_lag=1).cells.build(events) is not whole
    past = replace(study, events=events.known_at(events.start + pd.Timedelta(weeks=9)), shared=study.cells)
    assert past.cells is not study.cells
    assert replace(study, grid=ilp.SquareGrid(1000), shared=study.cells).cells is not study.cells
    assert open_study(events, study.cells).cells is study.cells
    assert open_study(events.known_at(events.end), study.cells).cells is not study.cells


def test_only_the_last_three_cells_are_kept(events):
    study = open_study(events, CountedSquares(500))
    cutoffs = pd.date_range(events.start, periods=5, freq="W-MON")[1:]
    for cutoff in [*cutoffs, cutoffs[-1], cutoffs[1]]:
        study.grid_at(cutoff)
    assert [end for _, end in BUILT] == [*cutoffs]
    study.grid_at(cutoffs[0])
    assert BUILT[-1] == BUILT[0]
