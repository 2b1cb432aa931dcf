from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilp_models.stats.rounding import round_half_up


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        ("2.005", 2, "2.01"),
        ("1.115", 2, "1.12"),
        ("0.5", 0, "1"),
        ("2.5", 0, "3"),
        ("4.8749", 2, "4.87"),
        ("7", 2, "7.00"),
    ],
)
def test_halves_go_up_where_floating_point_numbers_fall(value, decimals, expected):
    assert str(round_half_up(Fraction(value), decimals)) == expected


@given(st.integers(0, 10**9), st.integers(0, 4))
def test_equals_the_rounding_of_the_decimal_module(thousandths, decimals):
    exact = Decimal(thousandths).scaleb(-3)
    expected = exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    assert round_half_up(Fraction(thousandths, 1000), decimals) == expected
