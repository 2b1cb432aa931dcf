import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ilp_models.audit.sensitivity.flagged_map import flagged_overlap
from tests.audit.sensitivity.varied_maps import flags


@given(flags, flags, arrays(float, 5, elements=st.floats(0.5, 9)))
def test_overlap_is_symmetric_and_that_of_each_map(first, second, area):
    both, either = flagged_overlap(first, second, area)
    assert all(
        np.allclose(one, other) for one, other in zip((both, either), flagged_overlap(second, first, area), strict=True)
    )
    assert (both <= either + 1e-12).all()
    assert both[:, [1]] == pytest.approx(flagged_overlap(first[1:], second[1:], area)[0])
    again = flagged_overlap(first, first, area)
    assert np.array_equal(*again)
