"""Forecasters from the options of configs/model, as Hydra builds them, or with small settings for fast tests."""

import copy
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from ilp_models.compute.local import LocalProcesses
from ilp_models.pipeline.pooled_training import train_pooled, train_pooled_prior
from tests.builders import city, history_of, poisson_counts

FOLDER = Path(__file__).parents[2] / "configs" / "model"
CITY_ONLY = "true_intensity"  # it knows one simulated city, and forecasts no other records
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem != CITY_ONLY)
WHOLE = {"best_past", "recalibrated", "reconciled", "stacked"}  # they fit other options, and take as long as these
SERIES = {"ets", "linear_trend", "seasonal_naive", "series_mean", "stl_ets", "theta"}  # one fit for each cell
MARKED = [pytest.param(name, marks=pytest.mark.slow) if name in WHOLE | SERIES else name for name in NAMES]

_SMALL = {
    "n_estimators": 12,
    "min_child_samples": 40,
    "train_periods": 60,
    "holdout": 13,
    "half_lives": [8, 52],
    "background_reaches_m": [400],
    "rounds": 3,
    "level_half_lives": [4, 52],
    "bandwidths": [150, 500],
    "ranges_m": [300, 800],
    "past_periods": 6,
    "steps": 4,
    "max_iter": 40,
    "max_rounds": 40,
    "min_samples_leaf": 40,
    "max_samples": 500,
}
_SMALLER = {
    # With so few rows of one type, several columns give the same split, and rounding would choose between them.
    "lightgbm_per_type": {"n_estimators": 5},
    "hist_gradient_boosting": {"max_bins": 15},  # binning takes longer than the trees
}
_POOLED = {"pooled_empirical_bayes": train_pooled_prior, "pooled_lightgbm": train_pooled}
_TWO_LEADS = ("+seed=0", "+backtest.horizon=2")


def forecaster(name, **settings):
    """Return the small unfitted forecaster of an option; ``settings`` override keys of the same name at any depth."""
    plain = copy.deepcopy(_composed(name, _TWO_LEADS))
    _shrink(plain, _SMALL | _SMALLER.get(name, {}) | settings)
    if name in _POOLED:
        plain["pool"] = _small_pool(name).name
    return instantiate(plain, _convert_="all")


def shipped_forecaster(name):
    """Return the unfitted forecaster of an option, with its own settings."""
    return instantiate(_composed(name), _convert_="all")


@cache
def _small_pool(name):
    """Return the folder of what two other cities have learned, from before all tests; it is deleted at the end."""
    folder = tempfile.TemporaryDirectory(prefix="pool-")
    plain = copy.deepcopy(_composed(name, _TWO_LEADS))
    _shrink(plain, _SMALL)
    model = instantiate(plain | {"pool": folder.name}, _convert_="all")
    rates = np.random.default_rng(8).gamma(1.0, 0.6, (2, 2, 12, 1))
    counts = [poisson_counts((2, 12, 90), rate, seed=place) for place, rate in enumerate(rates)]
    others = [history_of(one, city(3, 4), start="2000-01-03") for one in counts]
    _POOLED[name](dict(zip(("north", "south"), others, strict=True)), model, compute=LocalProcesses(1))
    return folder


@cache
def _composed(name, overrides=()):
    with initialize_config_dir(config_dir=str(FOLDER.parent), version_base="1.3"):
        config = compose(overrides=[f"+model=[{name}]", *overrides])
    return OmegaConf.to_container(config, resolve=True)["model"][name]


def _shrink(node, settings):
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in list(children):
        # `steps` are a number of one method and the parts of another's pipeline
        alike = not isinstance(child, dict) and isinstance(child, list) == isinstance(settings.get(key), list)
        if key in settings and alike:
            node[key] = settings[key]
        else:
            _shrink(child, settings)
