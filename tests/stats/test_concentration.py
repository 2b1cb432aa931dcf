"""Concentration over areas, by hand and by its limits."""

import numpy as np
import pytest

from ilp_models.stats.concentration import areas_with_half, generalised_gini


def test_even_counts_are_not_concentrated_and_one_area_is():
    assert generalised_gini(np.full(10, 5.0)) == pytest.approx(0)
    assert generalised_gini(np.r_[np.zeros(99), 500.0]) == pytest.approx(0.99)


def test_fewer_crimes_than_areas_are_not_concentration():
    # three crimes in three of 100 areas are as spread as they can be
    assert generalised_gini(np.r_[np.zeros(97), np.ones(3)]) == pytest.approx(0)


def test_a_value_by_hand():
    # ordered 1, 2, 7: 2 (1 + 4 + 21) / (3 x 10) - 4 / 3
    assert generalised_gini(np.array([7.0, 1, 2])) == pytest.approx(52 / 30 - 4 / 3)


@pytest.mark.parametrize(("counts", "half"), [([5, 5], 1), ([1, 1, 1, 1], 2), ([7, 1, 2], 1), ([4, 3, 3], 2)])
def test_areas_that_hold_half(counts, half):
    assert areas_with_half(np.array(counts, dtype=float)) == half


def test_no_crimes_or_one_area_have_no_concentration():
    assert np.isnan(generalised_gini(np.zeros(4)))
    assert np.isnan(areas_with_half(np.array([3.0])))
