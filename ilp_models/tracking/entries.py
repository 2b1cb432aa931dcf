"""Settings and numbers in the shape that a tracking store accepts."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

LONGEST_NAME = 250
LONGEST_VALUE = 500
_FORBIDDEN = re.compile(r"[^\w\-. :/]")
_PATH_STEPS = re.compile(r"(?:^|(?<=/))\.*(?:/|$)")


def flatten(values: Mapping[str, Any]) -> dict[str, str]:
    """Return nested settings as one level of short strings."""
    return {clean_name(name): shorten(_text(value)) for name, value in _leaves(values, "")}


def clean_name(name: str) -> str:
    """Return a name with only the characters that a store accepts."""
    cleaned = _PATH_STEPS.sub("", _FORBIDDEN.sub("_", name)) or "_"
    return cleaned.removesuffix("/")[:LONGEST_NAME]


def shorten(text: str) -> str:
    """Return a text of at most 500 characters."""
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def in_batches(values: Sequence[Any], size: int) -> Iterator[list[Any]]:
    """Yield the values in lists of at most a given size."""
    left = iter(values)
    while batch := list(islice(left, size)):
        yield batch


def _leaves(node: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        name = f"{where}.{key}" if where else str(key)
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, name)
        else:
            yield name, value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
