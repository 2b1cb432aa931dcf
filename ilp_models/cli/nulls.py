"""Refuse null where a setting needs a value."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from hydra.utils import get_object

from ilp_models.cli.errors import UsageError

_UNIONS: Final = (Union, UnionType)
_OF_MAPPING: Final = 2  # types of key and value


def check_nulls(config: Mapping[str, Any], task: Callable[..., Any] | None = None) -> None:
    """Raise UsageError for a null setting that the class of a part, or the function of the task, does not accept."""
    for key, default in _find_nulls(config, task, ""):
        known = default != "" and isinstance(default, bool | int | float | str)
        fix = f"Set a value, such as {default}." if known else "Set a value, or leave the setting out."
        msg = f"{key}=null is not possible: the setting needs a value. {fix}"
        raise UsageError(msg)


def _find_nulls(
    settings: Mapping[str, Any], target: Callable[..., Any] | None, where: str
) -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the default of each null that the annotations of a function or class exclude."""
    hints = {} if target is None else _annotations(target)
    parameters = {} if target is None else inspect.signature(target).parameters
    for name, value in settings.items():
        path = f"{where}.{name}".lstrip(".")
        hint = hints.get(name, Any)
        if value is None and not _accepts_null(hint) and name in parameters:
            yield path, parameters[name].default
        elif isinstance(value, Mapping):
            yield from _find_in_mapping(value, hint, path)


def _find_in_mapping(value: Mapping[str, Any], hint: Any, path: str) -> Iterator[tuple[str, Any]]:
    if "_target_" in value:
        yield from _find_nulls(value, get_object(value["_target_"]), path)
        return
    items = next((get_args(one)[1] for one in _alternatives(hint) if len(get_args(one)) == _OF_MAPPING), Any)
    for name, child in value.items():
        if child is None and not _accepts_null(items):
            yield f"{path}.{name}", None
        elif isinstance(child, Mapping):
            yield from _find_in_mapping(child, items, f"{path}.{name}")


def _annotations(target: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of the arguments; none where they cannot be resolved."""
    with suppress(NameError, TypeError):
        return get_type_hints(getattr(target, "__init__", target) if isinstance(target, type) else target)
    return {}


def _accepts_null(hint: Any) -> bool:
    return any(one in (Any, NoneType, inspect.Parameter.empty) for one in _alternatives(hint))


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if hint is not Any and get_origin(hint) in _UNIONS else (hint,)
