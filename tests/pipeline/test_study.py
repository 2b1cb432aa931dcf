"""What identifies the results of a study, and what stops them."""

from dataclasses import replace

import pytest

from ilp_models.domain.errors import NotRunError
from ilp_models.model.means.ewma import EWMA
from ilp_models.pipeline.study import open_study
from tests.pipeline.small_city import perform, settle


class Broken(EWMA):
    """An EWMA that does not learn."""

    def _fit(self, history):
        super()._fit(history)
        msg = "my model broke"
        raise RuntimeError(msg)


def test_a_method_of_ones_own_that_changed_is_another_recipe(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "method_under_change.py"
    config, parts = settle("backtest", f"output={tmp_path}")
    models = {"mine": {"_target_": "method_under_change.Mine"}, "ewma": config["model"]["ewma"]}
    study = open_study(*(parts[name] for name in ("data", "calendar", "grid")), config, tmp_path, {})
    study = replace(study, config={**config, "model": models})
    path.write_text("class Mine:\n    pass\n")
    before = study.recipes(models)
    path.write_text("class Mine:\n    other = 1\n")
    after = study.recipes(models)
    assert after["mine"] != before["mine"]
    assert after["ewma"] == before["ewma"]


@pytest.mark.parametrize(
    ("task", "more"),
    [("forecast", ()), ("weekly", ("scoring.baseline=moving_average", "audit.baseline=moving_average"))],
)
def test_a_chosen_forecaster_that_breaks_stops_the_run_in_one_line(task, more, tmp_path):
    words = ("forecaster=ewma", "model=[ewma,moving_average]", *more)
    models = {**settle(task, *words)[1]["model"], "ewma": Broken()}
    said = r"ewma could not run: failed at cutoff 2021-04-26: RuntimeError: my model broke \(--debug shows the trace\)"
    with pytest.raises(NotRunError, match=said):
        perform(task, tmp_path, *words, model=models)
