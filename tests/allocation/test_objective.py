import numpy as np
import pytest

from ilp_models.allocation.objective import ExpectedCount, ExpectedHarm
from ilp_models.domain.errors import InputError

EXPECTED = np.array([[[1.0], [2.0]], [[3.0], [0.5]]])


def test_counts_add_up_over_crime_types():
    np.testing.assert_allclose(ExpectedCount().value(EXPECTED, ("a", "b")), [[4.0], [2.5]])


def test_harm_weighs_each_type_and_names_its_source():
    harm = ExpectedHarm({"a": 10, "b": 1}, "a court")
    np.testing.assert_allclose(harm.value(EXPECTED, ("a", "b")), [[13.0], [20.5]])
    assert "a court" in harm.name


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": -1, "b": 2}, {"a": float("nan")}])
def test_no_weights_are_made_up(weights):
    with pytest.raises(InputError, match=r"objective\.weights"):
        ExpectedHarm(weights, "a court")


def test_nameless_weights_and_types_without_a_weight_are_refused():
    with pytest.raises(InputError, match=r"objective\.source"):
        ExpectedHarm({"a": 1})
    with pytest.raises(InputError, match="gives none to b"):
        ExpectedHarm({"a": 1}, "a court").value(EXPECTED, ("a", "b"))
