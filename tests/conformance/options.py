"""Every option of configs/model, built as Hydra would, small enough for a test."""

from pathlib import Path

from hydra.utils import instantiate
from omegaconf import OmegaConf

FOLDER = Path(__file__).parents[2] / "configs" / "model"
CITY_ONLY = "true_intensity"  # it knows one simulated city, and forecasts no other records
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem != CITY_ONLY)

_SMALL = {
    "n_estimators": 12,
    "min_child_samples": 40,
    "train_periods": 60,
    "holdout": 13,
    "half_lives": [8, 52],
    "level_half_lives": [4, 52],
    "bandwidths": [150, 500],
    "ranges_m": [300, 800],
}
_AROUND = {
    "seed": 0,
    "data": {"country": "CA", "subdivision": "ON"},
    "backtest": {"horizon": 2},
}


def forecaster(name, **settings):
    """Return the unfitted forecaster of an option; ``settings`` override those of the same key at any depth."""
    config = OmegaConf.merge(OmegaConf.create(_AROUND), {"model": OmegaConf.load(FOLDER / f"{name}.yaml")})
    plain = OmegaConf.to_container(config, resolve=True)["model"]
    _shrink(plain, _SMALL | settings)
    return instantiate(plain, _convert_="all")


def _shrink(node, settings):
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in list(children):
        if key in settings:
            node[key] = settings[key]
        else:
            _shrink(child, settings)
