import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilp_models.domain.audit import Limit, State
from ilp_models.domain.errors import InputError
from tests.domain.gate_example import RATIO

FLOATS = st.floats(allow_nan=True, allow_infinity=True)


@pytest.mark.parametrize(
    ("numbers", "state"),
    [
        ((1.0, 0.9, 1.1), "pass"),
        ((1.05, 1.04, 1.06), "pass"),
        ((1.07, 1.06, 1.08), "review"),
        ((1.2, 1.15, 1.25), "fail"),
        ((1.2, 0.95, 1.45), "review"),
        ((0.8, 0.7, 0.9), "fail"),
        ((0.93, 0.9, 0.96), "review"),
        ((math.nan, 0.9, 1.1), "insufficient"),
        ((1.0, math.nan, math.nan), "insufficient"),
        ((math.inf, 1.0, math.inf), "insufficient"),
    ],
)
def test_states_follow_from_estimate_interval_and_bounds(numbers, state):
    assert RATIO.judge(*numbers) == state


def test_a_decisive_limit_calls_a_tie_no_pass():
    skill = Limit(fail_below=0, neutral=0, decisive=True)
    assert skill.judge(0.02, 0.01, 0.03) == "pass"
    assert skill.judge(0.02, -0.01, 0.05) == "review"
    assert skill.judge(-0.02, -0.05, 0.01) == "review"
    assert skill.judge(-0.02, -0.03, -0.01) == "fail"


@given(FLOATS, FLOATS, FLOATS)
def test_nothing_passes_without_numbers(estimate, low, high):
    if RATIO.judge(estimate, low, high) is State.PASS:
        assert all(map(math.isfinite, (estimate, low, high)))
        assert 0.95 <= estimate <= 1.05


def test_bounds_out_of_order_are_refused():
    with pytest.raises(InputError, match="in the order"):
        Limit(warn_above=1.3, fail_above=1.1)
    with pytest.raises(InputError, match="in the order"):
        Limit(fail_above=math.nan)
    with pytest.raises(InputError, match="neutral nan"):
        Limit(fail_below=0, neutral=math.nan, decisive=True)


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (Limit(0.8, 0.9, 1.1, 1.25), "0.9 to 1.1"),
        (Limit(fail_above=0, neutral=0), "at most 0"),
        (Limit(fail_below=0.7), "at least 0.7"),
        (Limit(fail_below=0, neutral=0, decisive=True), "the whole interval above 0"),
        (Limit(), ""),
    ],
    ids=str,
)
def test_the_acceptable_range_is_what_passes(limit, text):
    assert limit.acceptable() == text
