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
    """Return nested settings as one level of short strings.

    Parameters
    ----------
    values : mapping
        Plain values.

    Returns
    -------
    dict
        String by dotted name; lists are written as JSON, and what is longer than 500 characters ends in ``...``.

    Examples
    --------
    >>> flatten({"model": {"ewma": {"half_life": 8}}, "types": ["assault", "robbery"], "seed": None})
    {'model.ewma.half_life': '8', 'types': '["assault", "robbery"]', 'seed': 'null'}
    """
    return {clean_name(name): shorten(_text(value)) for name, value in _leaves(values, "")}


def clean_name(name: str) -> str:
    """Return a name with only the characters that a store accepts.

    Parameters
    ----------
    name : str
        Any name.

    Returns
    -------
    str
        At most 250 characters; others than letters, digits, ``_-. :/`` are replaced by ``_``.

    Examples
    --------
    >>> clean_name("hit rate@5%")
    'hit rate_5_'
    """
    cleaned = _PATH_STEPS.sub("", _FORBIDDEN.sub("_", name)) or "_"
    return cleaned.removesuffix("/")[:LONGEST_NAME]


def shorten(text: str) -> str:
    """Return a text of at most 500 characters.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text, or its beginning and ``...``.
    """
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def in_batches(values: Sequence[Any], size: int) -> Iterator[list[Any]]:
    """Yield the values in lists of at most a given size.

    Parameters
    ----------
    values : sequence
        What to hand over.
    size : int
        The most that a store takes at once.

    Yields
    ------
    list
        The next values.
    """
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
