"""From composed settings to the objects that a task is given."""

import keyword
import os
from collections.abc import Collection, Iterator
from typing import Any

from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from ilp_models.cli.errors import UsageError

DOOR_KEYS = ("output", "name", "seed", "bootstrap")  # only referred to by other settings
_ALLOWED = ("ilp_models.", "sklearn.", "lightgbm.", "interpret.glassbox.")
_ALLOW_MORE = "ILP_TARGETS"


def resolve(cfg: DictConfig) -> dict[str, Any]:
    """Return settings as plain values, with every reference followed."""
    plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    if not isinstance(plain, dict):
        msg = "The settings of a task must be a mapping."
        raise UsageError(msg)
    return {str(key): value for key, value in plain.items()}


def build_parts(config: dict[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of a task, built from its settings."""
    for where, target in _find_targets(config, ""):
        _check_target(where, target)
    wanted = {key: value for key, value in config.items() if key not in DOOR_KEYS}
    parts: dict[str, Any] = instantiate(wanted, _convert_="all")
    return {argument(key): part for key, part in parts.items()}


def narrowed(
    config: dict[str, Any], accepted: Collection[str], elsewhere: Collection[str], methods: Collection[str]
) -> dict[str, Any]:
    """Return the settings without what an experiment says of parts and methods that this run has not.

    An experiment serves several tasks and any choice of methods. What nobody knows stays, and is refused as ever.
    """
    taken = (*accepted, *DOOR_KEYS)
    kept = {key: value for key, value in config.items() if argument(key) in taken or key not in elsewhere}
    if "model" in kept:
        chosen = {name: one for name, one in kept["model"].items() if name not in methods or "_target_" in one}
        kept["model"] = chosen
    return kept


def argument(setting: str) -> str:
    """Return the name under which a task is given a setting."""
    return f"{setting}_" if keyword.iskeyword(setting) else setting


def _find_targets(node: Any, where: str) -> Iterator[tuple[str, str]]:
    children: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        path = f"{where}.{key}".lstrip(".")
        if key == "_target_":
            yield where, str(child)
        else:
            yield from _find_targets(child, path)


def _check_target(where: str, target: str) -> None:
    """Refuse what lies outside the allowed packages, under its own name or under a borrowed one."""
    more = tuple(word.strip() for word in os.environ.get(_ALLOW_MORE, "").split(",") if word.strip())
    allowed = _ALLOWED + more
    home = target
    if target.startswith(allowed):
        home = f"{getattr(get_object(target), '__module__', target)}."
    if not home.startswith(allowed):
        names = ", ".join(allowed)
        msg = f"{where}._target_={target} is outside the packages allowed ({names}); add a prefix to {_ALLOW_MORE}."
        raise UsageError(msg)
