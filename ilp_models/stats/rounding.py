"""Exact rounding, half up: as published indices round, and as floating point numbers do not."""

from decimal import Decimal
from fractions import Fraction
from math import floor


def round_half_up(value: Fraction, decimals: int) -> Decimal:
    """Return a number with so many decimals; halves are rounded up, such as 2.005 to 2.01."""
    scaled = floor(value * 10**decimals + Fraction(1, 2))
    return Decimal(scaled).scaleb(-decimals)
