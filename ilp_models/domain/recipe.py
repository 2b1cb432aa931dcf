"""Recipes: the settings, data and code that a result was computed from, and the fingerprint of all three."""

import contextlib
import glob
import hashlib
import inspect
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, timedelta
from enum import Enum
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from pkgutil import resolve_name
from platform import python_version
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events

_SCIENCE: Final = ("domain", "stats", "data", "grid", "features", "model", "backtest")
_DECIDES: Final = ("domain", "stats", "explain", "audit", "allocation", "pipeline")
_DECIDING_LIBRARIES: Final = ("fairlearn", "lightgbm", "numpy", "pandas", "scikit-learn", "scipy", "shap")
_LIBRARIES: Final = (
    "hierarchicalforecast",
    "holidays",
    "interpret-core",
    "lightgbm",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "shapely",
    "statsmodels",
)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the numbers of a forecast: settings, data and code."""

    settings: Mapping[str, Any]  # plain JSON values, see `describe`
    data: str  # digest of the events
    code: str  # see `code_digest`

    @property
    def fingerprint(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of settings, data and code."""
        text = json.dumps([self.settings, self.data, self.code], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_recipe(events: Events, **parts: Any) -> Recipe:
    """Return the recipe of what is computed from some events by some objects, such as a forecaster and a calendar."""
    settings = describe(parts) | {"holidays": [events.country, events.subdivision]}
    return Recipe(settings | {"external": external_code(settings)}, events.digest(), code_digest())


def describe(value: Any) -> Any:
    """Return an object as plain JSON values: the name of its class and its constructor arguments, nested.

    Estimators answer `get_params`, dataclasses list their fields, and containers, dates and paths are converted.
    Events and tables give the digest of their content, and so do estimators that read files of their own.
    """
    if isinstance(value, Mapping):
        return {str(key): describe(part) for key, part in value.items()}
    if isinstance(value, np.generic | np.ndarray):
        return describe(value.tolist())
    if isinstance(value, Sequence | Set) and not isinstance(value, str):
        return [describe(part) for part in value]
    if value is None or isinstance(value, _PLAIN):
        return _plain(value)
    if isinstance(value, Events):
        return {"class": _plain(type(value)), "digest": value.digest()}
    if isinstance(value, pd.DataFrame | pd.Series):
        return {"class": _plain(type(value)), "digest": _table_digest(value)}
    return {"class": _plain(type(value)), **describe(_arguments(value))}


def without_classes(description: Any) -> Any:
    """Return a description without the names of classes: the settings alone."""
    if isinstance(description, Mapping):
        return {key: without_classes(part) for key, part in description.items() if key != "class"}
    return [without_classes(part) for part in description] if isinstance(description, list) else description


_PLAIN: Final = (bool, int, float, str, date, timedelta, Path, BaseException, type)


def _plain(value: Any) -> Any:
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, BaseException):
        return repr(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, date | timedelta | Path) else value


def _table_digest(table: pd.DataFrame | pd.Series) -> str:
    frame = table.to_frame() if isinstance(table, pd.Series) else table
    labels = [[str(name), str(kind)] for name, kind in frame.dtypes.items()]
    return digest_of(labels, pd.util.hash_pandas_object(frame).to_numpy())


def _arguments(value: Any) -> dict[str, Any]:
    if hasattr(value, "get_params"):
        content = value.content_digests() if hasattr(value, "content_digests") else {}
        return dict(value.get_params(deep=False)) | ({"content": content} if content else {})
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value) if field.init}
    with contextlib.suppress(ValueError):  # a builtin type without a signature
        names = list(inspect.signature(type(value)).parameters)
        if names and all(hasattr(value, name) for name in names):
            return {name: getattr(value, name) for name in names}
    msg = (
        f"{type(value).__name__} cannot be described, so nothing computed with it could be stored. "
        "Make it a dataclass or a scikit-learn estimator."
    )
    raise InputError(msg)


@cache
def code_digest() -> str:
    """Return the SHA-256 of the code that turns events into forecasts, and of the versions of its libraries.

    A change of a comment counts as well: to tell it from a change of code takes seconds in every command.
    """
    return _digest_of(_SCIENCE, _LIBRARIES)


@cache
def decision_digest() -> str:
    """Return the SHA-256 of the code that explains, audits, allocates and decides, and of its libraries' versions."""
    return _digest_of(_DECIDES, _DECIDING_LIBRARIES)


@cache
def program_digest() -> str:
    """Return the SHA-256 of all files of the package and its settings, and of the versions of its libraries."""
    root = Path(__file__).resolve().parent.parent
    files = {
        path.relative_to(base).as_posix(): path.read_bytes()
        for base, folder in ((root, root), (root.parent, root.parent / "configs"))  # settings lie in a wheel's package
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    names = sorted({*_LIBRARIES, *_DECIDING_LIBRARIES})
    return digest_of([[name, files[name]] for name in sorted(files)], [[name, version(name)] for name in names])


def _digest_of(folders: Sequence[str], libraries: Sequence[str]) -> str:
    root = Path(__file__).resolve().parent.parent
    files = [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]
    code = [[path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")] for path in files]
    return digest_of(code, [[name, version(name)] for name in libraries])


def external_code(settings: Any) -> dict[str, str]:
    """Return versions or digests of the code outside this package that described objects come from.

    By package the versions of its distributions; by class, where no distribution holds it, the SHA-256 of its file.
    """
    known = {}
    for name in sorted(set(_classes(settings))):
        package = name.partition(".")[0]
        if package == __name__.partition(".")[0]:
            continue  # see code_digest
        if package in sys.stdlib_module_names:
            known["python"] = python_version()
        elif package in _distributions():
            known[package] = ", ".join(f"{name}=={version(name)}" for name in sorted(set(_distributions()[package])))
        else:
            known[name] = hashlib.sha256(_source_of(name)).hexdigest()
    return known


def file_digests(settings: Any) -> Iterator[tuple[str, str]]:
    """Yield each file that described settings name, with the SHA-256 of its content.

    A Shapefile counts with all files of its name.
    """
    if isinstance(settings, str) and os.path.isfile(settings):  # noqa: PTH113 - no error for a text that is no path
        path = Path(settings)
        files = sorted(path.parent.glob(f"{glob.escape(path.stem)}.*")) if path.suffix.lower() == ".shp" else [path]
        yield settings, digest_of([one.read_bytes() for one in files if one.is_file()])
    elif isinstance(settings, Mapping | list | tuple):
        for one in settings.values() if isinstance(settings, Mapping) else settings:
            yield from file_digests(one)


def _source_of(name: str) -> bytes:
    """Return the file that defines a class, or its source where it was typed into a notebook."""
    found = resolve_name(name) if not name.startswith("__main__.") else None
    try:
        if found is not None:
            return Path(inspect.getfile(found)).read_bytes()
        return inspect.getsource(getattr(sys.modules["__main__"], name.partition(".")[2])).encode()
    except (AttributeError, OSError, TypeError) as error:
        msg = (
            f"{name} has no source file, so a change of it would not be noticed and stored forecasts would be wrong. "
            "Put it into a module."
        )
        raise InputError(msg) from error


def _classes(settings: Any) -> Iterator[str]:
    if isinstance(settings, Mapping):
        if "class" in settings:
            yield str(settings["class"])
        settings = list(settings.values())
    if isinstance(settings, list | tuple):
        for one in settings:
            yield from _classes(one)


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()
