import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.stats.suppression import suppressed

NAN = np.nan


@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        ([9, 7, 5], []),
        ([9, 7, 4], [1, 2]),  # 4 alone follows from a total of 20
        ([9, 4, 4], [1, 2]),
        ([9, 1, 2], [0, 1, 2]),  # 1 + 2 events are fewer than 5: the next smallest is hidden too
        ([9, 8, 1, 2], [1, 2, 3]),
        ([0, 9, 9], [0, 1]),
        ([3], [0]),
        ([NAN, 3, 9], [1, 2]),
        ([NAN, NAN], []),
        ([], []),
    ],
)
def test_small_counts_and_their_complement_are_hidden(counts, hidden):
    assert np.flatnonzero(suppressed(np.array(counts, dtype=float))).tolist() == hidden


def test_marked_counts_are_hidden_and_a_limit_of_zero_hides_nothing():
    counts = np.array([50.0, 60.0, 70.0])
    assert suppressed(counts, 5, np.array([False, True, False])).tolist() == [True, True, False]
    assert not suppressed(np.array([0.0, 1.0]), 0).any()


@settings(max_examples=60)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=12), st.integers(1, 9))
def test_a_total_reveals_no_small_count(counts, limit):
    values = np.array(counts, dtype=float)
    hidden = suppressed(values, limit)
    assert not (values[~hidden] < limit).any()
    if hidden.any():
        assert hidden.sum() > 1
        assert values[hidden].sum() >= limit or hidden.all()
