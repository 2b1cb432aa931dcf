"""What a result was made from: settings, data and code, and the fingerprint of all three."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

_SCIENCE: Final = ("domain", "data", "grid", "features", "model", "backtest")
_LIBRARIES: Final = (
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
