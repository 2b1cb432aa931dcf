"""Build the objects of a task from its composed settings."""

import os
from collections.abc import Collection, Iterator
from typing import Any

from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from ilp_models.cli.errors import UsageError

SHARED_KEYS = ("output", "name", "seed", "bootstrap")  # only other settings refer to them
_ALLOWED = ("ilp_models.", "sklearn.", "lightgbm.", "interpret.glassbox.")
_ALLOW_MORE = "ILP_TARGETS"


def resolve(cfg: DictConfig) -> dict[str, Any]:
    """Return the settings as plain values with all references resolved."""
    plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    if not isinstance(plain, dict):
        msg = "The settings of a task must be a mapping."
        raise UsageError(msg)
    return {str(key): value for key, value in plain.items()}


def build_parts(config: dict[str, Any]) -> dict[str, Any]:
    """Create the keyword arguments of a task from its settings."""
    for where, target in _find_targets(config, ""):
        _check_target(where, target)
    needed = {key: value for key, value in config.items() if key not in SHARED_KEYS}
    parts: dict[str, Any] = instantiate(needed, _convert_="all")
    return parts


def drop_unused(
    config: dict[str, Any], accepted: Collection[str], known: Collection[str], models: Collection[str]
) -> dict[str, Any]:
    """Remove settings that an experiment has for other tasks and for models that are not chosen.

    Keys that no task knows stay, so that the task refuses them.
    """
    used = (*accepted, *SHARED_KEYS)
    settings = {key: value for key, value in config.items() if key in used or key not in known}
    if "model" in settings:
        chosen = {name: one for name, one in settings["model"].items() if name not in models or "_target_" in one}
        settings["model"] = chosen
    return settings


def _find_targets(node: Any, where: str) -> Iterator[tuple[str, str]]:
    children: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        path = f"{where}.{key}".lstrip(".")
        if key == "_target_":
            yield where, str(child)
        else:
            yield from _find_targets(child, path)


def _check_target(where: str, target: str) -> None:
    """Raise UsageError for a target outside the allowed packages, also where it is re-exported by an allowed one."""
    more = tuple(word.strip() for word in os.environ.get(_ALLOW_MORE, "").split(",") if word.strip())
    allowed = _ALLOWED + more
    home = target
    if target.startswith(allowed):
        home = f"{getattr(get_object(target), '__module__', target)}."
    if not home.startswith(allowed):
        names = ", ".join(allowed)
        msg = (
            f"{where}._target_={target} is outside the allowed packages ({names}). Add its prefix to the environment "
            f"variable {_ALLOW_MORE}."
        )
        raise UsageError(msg)
