"""Build the objects of a task from its composed settings."""

import os
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from hydra.errors import HydraException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from ilp_models.cli.errors import UsageError
from ilp_models.cli.nulls import check_nulls

SHARED_KEYS = (
    "output",
    "name",
    "seed",
    "bootstrap",
    "harm",
    "exit_code",
    "figure_formats",
    "from_run",
)  # only other settings and the command line use them
_GROUPS: Final = (
    *(
        "allocation",
        "audit",
        "backtest",
        "compute",
        "data",
        "description",
        "domain",
        "evaluation",
        "explain",
        "export",
        "features",
    ),
    *("grid", "model", "report", "scoring", "stats", "strategy", "tracking", "tuning"),
)
_OWN: Final = tuple(f"ilp_models.{group}." for group in _GROUPS)
_ESTIMATORS: Final = ("sklearn.", "lightgbm.", "interpret.glassbox.")  # classes that scikit-learn calls estimators
_ALLOW_MORE = "ILP_TARGETS"
_TARGET: Final = "_target_"
_INSTRUCTION: Final = re.compile(r"_[a-z]+_")  # keys that Hydra reads as instructions, such as _partial_


def resolve(cfg: DictConfig) -> dict[str, Any]:
    """Return the settings as plain values with all references resolved."""
    plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    if not isinstance(plain, dict):
        msg = "The settings of a task must be a mapping."
        raise UsageError(msg)
    return {str(key): value for key, value in plain.items()}


def build_parts(config: dict[str, Any], task: Callable[..., Any] | None = None) -> dict[str, Any]:
    """Create the keyword arguments of a task from its settings; nulls are also checked if its function is given."""
    for where, key, value in _find_instructions(config, ""):
        if key != _TARGET:
            msg = f"{where}.{key} is an instruction of Hydra that settings may not contain. Remove it."
            raise UsageError(msg.lstrip("."))
        _check_target(where, value)
    check_nulls(config, task)
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
        unused = [name for name, one in settings["model"].items() if name in models and one and "_target_" not in one]
        settings["model"] = {name: one for name, one in settings["model"].items() if name not in unused}
    return settings


def _find_instructions(node: Any, where: str) -> Iterator[tuple[str, str, Any]]:
    """Yield place, key and value of every key that Hydra acts on, at any depth."""
    children: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        if isinstance(key, str) and _INSTRUCTION.fullmatch(key):
            yield where, key, child
        yield from _find_instructions(child, f"{where}.{key}".lstrip("."))


def _check_target(where: str, target: Any) -> None:
    """Raise UsageError unless a target is a class on the list, also where an allowed module re-exports it."""
    more = tuple(word.strip() for word in os.environ.get(_ALLOW_MORE, "").split(",") if word.strip())
    allowed = (*_OWN, *_ESTIMATORS, *more)
    if isinstance(target, str) and target.startswith(allowed):
        found = _find_object(where, target)
        home = f"{getattr(found, '__module__', '')}."
        if home.startswith(allowed):
            if not isinstance(found, type):
                msg = f"{where}.{_TARGET}={target} is not a class. Settings build objects and call no functions."
                raise UsageError(msg)
            if (
                home.startswith(_ESTIMATORS)
                and not home.startswith((*_OWN, *more))
                and not hasattr(found, "get_params")
            ):
                msg = f"{where}.{_TARGET}={target} is not an estimator. Choose a regressor, or a part of one."
                raise UsageError(msg)
            return
    msg = (
        f"{where}.{_TARGET}={target} is outside the allowed packages (ilp_models, {', '.join((*_ESTIMATORS, *more))}). "
        f"Add its prefix to the environment variable {_ALLOW_MORE}."
    )
    raise UsageError(msg)


def _find_object(where: str, target: str) -> Any:
    try:
        return get_object(target)
    except (HydraException, ImportError, ValueError) as error:
        msg = f"{where}.{_TARGET}={target} does not exist. Correct its name."
        raise UsageError(msg) from error
