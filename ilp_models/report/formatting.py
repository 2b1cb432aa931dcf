"""Numbers and names as the pages of this package write them."""

from typing import Final

import numpy as np

from ilp_models.domain.scores import ALL

MISSING: Final = "\N{EN DASH}"


def kind_words(kind: object) -> str:
    """Return a crime type as a reader is told it."""
    return "all types" if kind == ALL else str(kind)


def number(value: float, digits: int = 3) -> str:
    """Return a number as text, a dash where it is not defined."""
    if not np.isfinite(value):
        return MISSING
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:#.{digits}g}"


def percent(value: float, digits: int = 1, *, sign: bool = False) -> str:
    """Return a share as a percentage, a dash where it is not defined."""
    if not np.isfinite(value):
        return MISSING
    return f"{100 * value:{'+' if sign else ''}.{digits}f}\N{NO-BREAK SPACE}%"


def interval(low: float, high: float) -> str:
    """Return an interval in brackets, empty text where an end is not defined."""
    return f"[{number(low)}, {number(high)}]" if np.isfinite(low) and np.isfinite(high) else ""
