import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.data.masking import MAX_SHAPE, mask_value


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("31/02/2021", "99/99/9999"),
        ("O'Brien, Anna", "A'AAAAA, AAAA"),
        ("José Müller 3", "AAAA AAAAAA 9"),
        ("12 Mill Road, Flat 3B, Leeds", "99 AAAA AAAA, AAAA 9..."),
        ("\x1b[31mred\x07", "[99AAAA"),
        (43.65, "99.99"),
        (-79, "-99"),
        (pd.Timestamp("1980-02-01"), "9999-99-99 99:99:99"),
        ("a\nb\u2028c\u200bd", "AA AA"),
        ("€5 \u2019", "?9 ?"),
        (None, "(empty)"),
        (np.nan, "(empty)"),
        (pd.NaT, "(empty)"),
        ("", ""),
    ],
)
def test_masked_values_keep_their_form_only(value, shape):
    assert mask_value(value) == shape


@settings(max_examples=60)
@given(st.text(max_size=60))
def test_a_mask_holds_no_character_of_the_value(text):
    masked = mask_value(text)
    assert len(masked) <= MAX_SHAPE + 3
    assert masked.isprintable()
    assert masked.isascii()
    letters = {one for one in masked if one.isalpha()}
    assert letters <= {"A"}
    assert {one for one in masked if one.isdigit()} <= {"9"}
