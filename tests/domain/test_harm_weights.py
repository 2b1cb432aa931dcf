import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.harm_weights import align_weights


def test_weights_come_in_the_order_of_the_types():
    assert align_weights({"b": 2, "a": 1, "unused": 9}, ("a", "b")).tolist() == [1.0, 2.0]


def test_types_without_a_weight_are_named():
    with pytest.raises(InputError, match=r"There is no harm weight for c, d\."):
        align_weights({"a": 1}, ("a", "c", "d"))
