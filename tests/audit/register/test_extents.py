import pytest

from ilp_models.audit.register.extents import shared_area

SMALL, LARGE = [0.0, 0.0, 1.0, 1.0], [0.5, 0.0, 3.5, 1.0]


def test_the_shared_area_is_a_share_of_the_smaller_or_the_larger_one():
    assert shared_area(SMALL, LARGE) == 0.5
    assert shared_area(LARGE, SMALL) == 0.5
    assert shared_area(SMALL, LARGE, of_larger=True) == pytest.approx(1 / 6)
    assert shared_area(SMALL, SMALL) == 1


def test_areas_apart_or_side_by_side_share_nothing():
    assert shared_area(SMALL, [2.0, 2.0, 3.0, 3.0]) == 0
    assert shared_area(SMALL, [1.0, 0.0, 2.0, 1.0]) == 0


@pytest.mark.parametrize("unknown", [None, "x", [1, 2, 3], [0, 0, 1, float("nan")], 5])
def test_an_unknown_extent_is_everywhere(unknown):
    assert shared_area(SMALL, unknown) == 1


def test_a_point_shares_all_of_itself():
    assert shared_area([1.0, 1.0, 1.0, 1.0], SMALL) == 1
