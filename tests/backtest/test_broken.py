"""A forecaster of one's own that breaks during a replay."""

import numpy as np
import pytest

from ilp_models.backtest.replay import BacktestData, replay
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.model.means.moving_average import MovingAverage
from tests.builders import city, events_of, poisson_counts

COUNTS = poisson_counts((1, 4, 40), np.ones((1, 4, 1)))
PLAN = RollingOrigin(test_periods=4, refit_every=2)


class Broken(MovingAverage):
    """A mean that breaks while it learns, sees newer counts or forecasts."""

    def __init__(self, error=None, while_="_fit"):
        super().__init__()
        self.error = error
        self.while_ = while_

    def _fit(self, history):
        self._break("_fit")
        super()._fit(history)

    def _predict(self, periods, steps):
        self._break("_predict")
        return super()._predict(periods, steps)

    def _break(self, where):
        if where == self.while_:
            raise self.error


def run(store, *broken):
    grid = city(2, 2)
    models = {"mine": Broken(*broken), "mean": MovingAverage()}
    world = BacktestData(events_of(COUNTS, grid), grid, Calendar())
    return replay(models, {"mine": "m" * 16, "mean": "n" * 16}, PLAN, world, store, LocalProcesses(1))


@pytest.mark.parametrize("where", ["_fit", "_predict"])
def test_it_has_its_row_with_cutoff_and_error_and_the_others_go_on(where, tmp_path, caplog):
    outcome = run(tmp_path, RuntimeError("my model\nbroke"), where)
    assert {one.forecaster for one in outcome.replays} == {"mean"}
    said = "failed at cutoff 2018-09-10: RuntimeError: my model broke (--debug shows the trace)"
    assert outcome.not_run == {"mine": said}
    kept = [one.getMessage() for one in caplog.records if one.name == "ilp.trace"]
    assert kept[0].startswith(f"mine {said}\nTraceback")
    assert where in kept[0]


@pytest.mark.parametrize("error", [InputError("window=3 is odd."), MemoryError(), KeyboardInterrupt()])
def test_refused_settings_no_memory_and_interrupts_stop_the_run(error, tmp_path):
    with pytest.raises(type(error)):
        run(tmp_path, error)


def test_under_debug_the_error_comes_through(tmp_path, monkeypatch):
    monkeypatch.setenv("ILP_DEBUG", "1")
    with pytest.raises(RuntimeError, match="my model broke"):
        run(tmp_path, RuntimeError("my model broke"))
