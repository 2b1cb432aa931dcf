"""One setting gives all tables of backtest, compare and tune decimal commas."""

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from tests.pipeline.small_city import build_task, run_task
from tests.pipeline.test_tune import TUNE

_MODELS = ("model=[moving_average,ewma]",)
_TASKS = {"backtest": _MODELS, "compare": _MODELS, "tune": (*TUNE, "tuning.trials=2")}


@pytest.mark.parametrize("task", _TASKS)
def test_every_table_has_semicolons_and_decimal_commas(tmp_path, task):
    done = run_task(task, tmp_path, *_TASKS[task], "decimal=comma")
    tables = sorted(done.folder.glob("*.csv"))
    assert len(tables) >= 2
    for path in tables:
        table = pd.read_csv(path, sep=";", decimal=",")
        assert len(table.columns) > 1, path.name
        numbers = table.select_dtypes("number")
        assert table.empty or len(numbers.columns), path.name
        assert not path.read_text(encoding="utf-8-sig").splitlines()[0].count(",")


@pytest.mark.parametrize("task", _TASKS)
def test_the_mark_follows_the_exports_of_a_jurisdiction(task):
    config, _ = build_task(task, *_TASKS[task], "+export.decimal=comma")
    assert config["decimal"] == "comma"


@pytest.mark.parametrize("task", _TASKS)
def test_an_unknown_mark_is_refused_before_the_work(tmp_path, task):
    with pytest.raises(InputError, match="decimal='tab' is unknown"):
        run_task(task, tmp_path, *_TASKS[task], "decimal=tab")
    assert not list(tmp_path.rglob("*.csv"))
