"""Convert settings and metric names to the form that a tracking store accepts."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

MAX_NAME_LENGTH = 250
MAX_VALUE_LENGTH = 500
_FORBIDDEN = re.compile(r"[^\w\-. :/]")
_PATH_STEPS = re.compile(r"(?:^|(?<=/))\.*(?:/|$)")
_TWO_DOTS = re.compile(r"^\.\.")  # at the start a store takes the whole name for a path


def flatten(values: Mapping[str, Any]) -> dict[str, str]:
    """Flatten nested settings to dotted names with short text values."""
    return {clean_name(name): shorten(_text(value)) for name, value in _leaves(values, "")}


def clean_name(name: str) -> str:
    """Replace the characters of a name that a store does not accept, and cut it to 250 characters."""
    cleaned = _PATH_STEPS.sub("", _FORBIDDEN.sub("_", name)) or "_"
    return _TWO_DOTS.sub("_.", cleaned.removesuffix("/"))[:MAX_NAME_LENGTH]


def shorten(text: str) -> str:
    """Cut a text to 500 characters."""
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[: MAX_VALUE_LENGTH - 3]}..."


def in_batches(values: Sequence[Any], size: int) -> Iterator[list[Any]]:
    """Yield the values in lists of at most ``size`` values."""
    remaining = iter(values)
    while batch := list(islice(remaining, size)):
        yield batch


def _leaves(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            yield from _leaves({str(place): item for place, item in enumerate(value)}, name)
        elif isinstance(value, Mapping) and value:
            yield from _leaves(value, name)
        else:
            yield name, value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
