from types import SimpleNamespace

import pytest

from ilp_models.domain.errors import InputError
from ilp_models.explain.explain import Explain
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.pipeline import auditing
from ilp_models.pipeline.auditing import audit_plan, explanation_or_none
from ilp_models.pipeline.forecasting import make_forecast
from tests.builders import city, events_of, poisson_counts

EVENTS = events_of(poisson_counts((1, 4, 40), 3.0), city(1, 4))


@pytest.fixture(scope="module")
def forecast():
    return make_forecast(MovingAverage(), EVENTS, SquareGrid(500), name="mean")


def backtest(**recipes):
    """Return a backtest that knows its forecasters by their recipes only."""
    return SimpleNamespace(recipes=recipes, models={name: MovingAverage() for name in recipes})


def test_a_forecaster_that_cannot_be_explained_is_told_and_stops_nothing(forecast, monkeypatch, caplog):
    def refuse(*_, **__):
        msg = "no features"
        raise InputError(msg)

    monkeypatch.setattr(auditing, "explain_forecast", refuse)
    assert explanation_or_none(forecast, Explain()) is None
    assert "No explanation: no features" in caplog.text


@pytest.mark.parametrize(
    ("tested", "said"),
    [
        (backtest(mean="0" * 16), "The forecast by mean was made from other events, or with another grid"),
        (
            SimpleNamespace(recipes={"ewma": "0" * 16}, models={"ewma": EWMA()}),
            "The forecast by mean is by a forecaster that was not backtested (ewma were)",
        ),
    ],
)
def test_a_forecast_that_was_not_backtested_is_refused(tested, said, forecast, tmp_path):
    with pytest.raises(InputError) as caught:
        audit_plan(tested, forecast, register=tmp_path / "register.jsonl")
    assert str(caught.value).startswith(said)


def test_a_forecaster_is_found_by_its_recipe_whatever_its_name(forecast):
    recipe = forecast.forecast.recipe
    assert auditing._name_in(backtest(other="0" * 16, mean=recipe), forecast) == "mean"
    assert auditing._name_in(backtest(other=recipe), forecast) == "other"
