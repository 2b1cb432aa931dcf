"""Mask values of records for outputs that are shared: the form of a value stays, its content does not."""

import unicodedata
from typing import Any, Final

import pandas as pd

MAX_SHAPE: Final = 20  # characters
EMPTY: Final = "(empty)"

_CLASSES: Final = {"L": "A", "M": "", "N": "9", "P": None, "S": None, "Z": " ", "C": ""}  # None keeps the character


def mask_value(value: Any) -> str:
    """Return the shape of a value: letters become A, digits become 9, and only 20 characters stay."""
    if pd.isna(value):
        return EMPTY
    shape = "".join(_mask_character(character) for character in str(value))
    return shape if len(shape) <= MAX_SHAPE else f"{shape[:MAX_SHAPE]}..."


def _mask_character(character: str) -> str:
    replacement = _CLASSES[unicodedata.category(character)[0]]
    if replacement is None:
        return character if character.isascii() else "?"
    return replacement
