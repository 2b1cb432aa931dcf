"""The records of the cases: the bundled city, or a small simulated city in a quick run."""

from typing import Any, Final

from hydra import compose, initialize_config_dir

from ilp_models.backtest.replay import BacktestData
from ilp_models.cli.app import find_configs
from ilp_models.cli.instantiate import build_parts, resolve
from ilp_models.domain.history import History

SMALL_CITY: Final = (
    "data=simulated",
    "data.size_km=4",
    "data.districts=2",
    "data.population=30000",
    "data.weeks=130",
    "model.lightgbm.n_estimators=20",
    "model.lightgbm.holdout=8",
)
_WANTED: Final = ("data", "calendar", "grid", "model", "backtest")


def study(*overrides: str, quick: bool) -> tuple[BacktestData, dict[str, Any]]:
    """Return the data and parts of the task ``backtest`` with LightGBM and the default settings."""
    parts = configured("model=[lightgbm]", *overrides, *(SMALL_CITY if quick else ()))
    events = parts["data"].read()
    cutoff = parts["backtest"].folds(events, parts["calendar"])[0].cutoff
    return BacktestData(events, parts["grid"].build(events.known_at(cutoff)), parts["calendar"]), parts


def configured(*overrides: str) -> dict[str, Any]:
    """Return the parts of the task ``backtest`` that affect its numbers, with the default settings."""
    with initialize_config_dir(config_dir=str(find_configs()), version_base="1.3"):
        settings = resolve(compose(config_name="backtest", overrides=list(overrides)))
    return build_parts({name: settings[name] for name in _WANTED})


def first_history(world: BacktestData, parts: dict[str, Any]) -> History:
    """Return what was known at the first cutoff of the backtest."""
    cutoff = parts["backtest"].folds(world.events, world.calendar)[0].cutoff
    return History.from_events(cutoff, world.events, world.grid, world.calendar)
