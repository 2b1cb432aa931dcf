"""What a result was made from: settings, data and code, and the fingerprint of all three."""

import hashlib
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from pkgutil import resolve_name
from platform import python_version
from typing import Any, Final

_SCIENCE: Final = ("domain", "data", "grid", "features", "model", "backtest")
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
    """Everything that decides the numbers, and nothing that does not.

    Parameters
    ----------
    config : mapping
        Resolved scientific settings (data, calendar, grid, model, backtest); plain JSON values.
    data : str
        Digest of the events.
    code : str
        Digest of the code that turns events into forecasts; see :func:`code_digest`.
    """

    config: Mapping[str, Any]
    data: str
    code: str

    @property
    def fingerprint(self) -> str:
        """The first 16 hexadecimal digits of a SHA-256 over all three; the key of caches and approvals."""
        text = json.dumps([self.config, self.data, self.code], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def code_digest() -> str:
    """Return a SHA-256 over the source of the packages that turn events into forecasts, and their libraries' versions.

    Returns
    -------
    str
        64 hexadecimal digits; a changed method never meets forecasts stored by its predecessor, nor a new release
        of a learner or of the holidays those of an old one.
    """
    root = Path(__file__).resolve().parent.parent
    known = hashlib.sha256()
    for folder in _SCIENCE:
        for path in sorted((root / folder).rglob("*.py")):
            known.update(path.relative_to(root).as_posix().encode())
            known.update(path.read_bytes())
    for name in _LIBRARIES:
        known.update(f"{name}=={version(name)}".encode())
    return known.hexdigest()


def borrowed_code(settings: Any) -> dict[str, str]:
    """Return versions or digests of the code outside this package that settings build things from.

    Parameters
    ----------
    settings : mapping, sequence or plain value
        Settings in which ``_target_`` names what is built.

    Returns
    -------
    dict of str to str
        By package the versions of its distributions; by target, where no distribution holds it, a SHA-256 of the
        file that defines it.
    """
    known = {}
    for target in sorted(set(_targets(settings))):
        package = target.partition(".")[0]
        if package == __name__.partition(".")[0]:
            continue  # see code_digest
        if package in sys.stdlib_module_names:
            known["python"] = python_version()
        elif package in _distributions():
            known[package] = ", ".join(f"{name}=={version(name)}" for name in sorted(set(_distributions()[package])))
        else:
            source = Path(inspect.getfile(resolve_name(target)))
            known[target] = hashlib.sha256(source.read_bytes()).hexdigest()
    return known


def _targets(settings: Any) -> Iterator[str]:
    if isinstance(settings, Mapping):
        if "_target_" in settings:
            yield str(settings["_target_"])
        settings = list(settings.values())
    if isinstance(settings, list | tuple):
        for one in settings:
            yield from _targets(one)


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()
