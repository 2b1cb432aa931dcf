import numpy as np
import pytest

from ilp_models.allocation.objective import Objective
from ilp_models.domain.errors import InputError

EXPECTED = np.array([[[1.0], [2.0]], [[3.0], [0.5]]])


def test_counts_add_up_over_crime_types():
    np.testing.assert_allclose(Objective().value(EXPECTED, ("a", "b")), [[4.0], [2.5]])


def test_harm_weights_types_and_names_the_source():
    harm = Objective({"a": 10, "b": 1}, "a court")
    np.testing.assert_allclose(harm.value(EXPECTED, ("a", "b")), [[13.0], [20.5]])
    assert harm.name == "expected harm covered (a court)"
    assert Objective().name == "expected count covered"


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": -1, "b": 2}, {"a": float("nan")}])
def test_missing_weights_are_refused(weights):
    with pytest.raises(InputError, match=r"objective\.harm"):
        Objective(weights, "a court")


def test_weights_without_source_or_type_are_refused():
    with pytest.raises(InputError, match=r"objective\.source"):
        Objective({"a": 1})
    with pytest.raises(InputError, match="has no weight for b"):
        Objective({"a": 1}, "a court").value(EXPECTED, ("a", "b"))
