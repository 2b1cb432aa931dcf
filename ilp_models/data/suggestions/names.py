"""Score column names by the words that publishers use for each role."""

import tomllib
from importlib.resources import files
from typing import Any, Final

from ilp_models.data.personal_data import words_of

_TEXTS: Final[dict[str, Any]] = tomllib.loads(
    files("ilp_models.data").joinpath("column_words.toml").read_text(encoding="utf-8")
)
_AXES: Final = {axis: frozenset(_TEXTS["axes"][axis].split()) for axis in ("x", "y")}


def name_score(role: str, column: str) -> float:
    """Return how well the words of a column name fit a role; 0 without any known word."""
    words = words_of(column)
    return float(sum(weight for text, weight in _TEXTS[role].items() if _contains(words, text.split())))


def axis_of(column: str) -> tuple[str, tuple[str, ...]]:
    """Return which axis a column name means, ``x``, ``y`` or empty, and its other words."""
    words = words_of(column)
    for axis, known in _AXES.items():
        if known & set(words):
            return axis, tuple(word for word in words if word not in known)
    return "", tuple(words)


def _contains(words: list[str], wanted: list[str]) -> bool:
    size = len(wanted)
    return any(words[at : at + size] == wanted for at in range(len(words) - size + 1))
