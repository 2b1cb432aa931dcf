"""Numbers and names as the pages of this package write them."""

from typing import Final

import numpy as np

from ilp_models.domain.scores import ALL

MISSING: Final = "\N{EN DASH}"


def kind_words(kind: object) -> str:
    """Return a crime type as a reader is told it.

    Parameters
    ----------
    kind : object
        A crime type, or the name of the pool of them.

    Returns
    -------
    str
        ``all types`` for the pool.

    Examples
    --------
    >>> kind_words("all"), kind_words("Assault")
    ('all types', 'Assault')
    """
    return "all types" if kind == ALL else str(kind)


def number(value: float, digits: int = 3) -> str:
    """Return a number as text, a dash where it is not defined.

    Parameters
    ----------
    value : float
        Any number.
    digits : int, default 3
        Significant digits.

    Returns
    -------
    str
        Without an exponent for everyday sizes.

    Examples
    --------
    >>> number(0.033712), number(1234.5), number(float("nan")) == MISSING
    ('0.0337', '1,234', True)
    """
    if not np.isfinite(value):
        return MISSING
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:#.{digits}g}"


def percent(value: float, digits: int = 1, *, sign: bool = False) -> str:
    """Return a share as a percentage, a dash where it is not defined.

    Parameters
    ----------
    value : float
        A share, 1 for all.
    digits : int, default 1
        Decimals.
    sign : bool, default False
        Whether to write a plus sign too.

    Returns
    -------
    str
        With a no-break space before the sign.

    Examples
    --------
    >>> percent(0.0122, 2, sign=True).replace(chr(160), " "), percent(float("nan")) == MISSING
    ('+1.22 %', True)
    """
    if not np.isfinite(value):
        return MISSING
    return f"{100 * value:{'+' if sign else ''}.{digits}f}\N{NO-BREAK SPACE}%"


def interval(low: float, high: float) -> str:
    """Return an interval in brackets, empty text where an end is not defined.

    Parameters
    ----------
    low, high : float
        Its ends.

    Returns
    -------
    str
        Such as ``[0.9, 1.1]``.

    Examples
    --------
    >>> interval(0.9, 1.1), interval(float("nan"), 1.0)
    ('[0.900, 1.10]', '')
    """
    return f"[{number(low)}, {number(high)}]" if np.isfinite(low) and np.isfinite(high) else ""
