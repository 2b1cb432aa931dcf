import numpy as np
import pytest

from ilp_models.allocation.objective import CoverageValue, Objective, harm_covered
from ilp_models.domain.errors import InputError
from tests.builders import harm_sets

EXPECTED = np.array([[[1.0], [2.0]], [[3.0], [0.5]]])
SETS = harm_sets({"a": 10, "b": 1}, {"a": (1, 4), "b": 1})


def test_counts_add_up_over_crime_types():
    np.testing.assert_allclose(CoverageValue().of(EXPECTED, ("a", "b")), [[4.0], [2.5]])


def test_harm_weights_types_and_names_the_set():
    harm = CoverageValue({"a": 10, "b": 1}, "own")
    np.testing.assert_allclose(harm.of(EXPECTED, ("a", "b")), [[13.0], [20.5]])
    assert harm.name == "expected harm covered (harm set own)"
    assert CoverageValue().name == "expected count covered"
    with pytest.raises(InputError, match="no harm weight for c"):
        harm.of(EXPECTED, ("a", "c"))


def test_an_objective_names_one_of_several_sets():
    assert [one.name for one in Objective("second", SETS).weights(("a", "b"))] == ["first", "second"]
    with pytest.raises(InputError, match=r"objective\.harm=third must be the name of one of .* \(first, second\)"):
        Objective("third", SETS)
    with pytest.raises(InputError, match=r"objective\.harm=first must be .* \(none\)"):
        Objective("first")
    with pytest.raises(InputError, match="is one harm set"):
        Objective("first", SETS[:1])


def test_harm_covered_is_shown_under_every_set_and_reading():
    share = np.array([[1.0], [0.5]])  # covered: a 1 + 1 = 2 of 3, b 3 + 0.25 = 3.25 of 3.5
    table = harm_covered(share, EXPECTED, ("a", "b"), Objective(None, SETS).weights(("a", "b")))
    assert list(zip(table["harm_set"], table["reading"], strict=True)) == [
        ("first", "weight"),
        ("second", "low"),
        ("second", "high"),
    ]
    assert table["covered"].tolist() == pytest.approx([23.25, 5.25, 11.25])
    assert table["expected"].tolist() == pytest.approx([33.5, 6.5, 15.5])
    assert table["share"].tolist() == pytest.approx([23.25 / 33.5, 5.25 / 6.5, 11.25 / 15.5])
    assert harm_covered(share, EXPECTED, ("a", "b"), ()).empty
