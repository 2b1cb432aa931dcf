import numpy as np
import pytest
import shapely

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.layer import Layer
from ilp_models.model.terrain.risk_factors import candidate_factors
from tests.builders import square_grid

GRID = square_grid(1, 6)  # centres 500 m apart
CENTRES = shapely.get_coordinates(shapely.centroid(GRID.geometry))
BAR = Layer("bars", shapely.points(CENTRES[:1] + np.array([[0.0, 100.0]])), GRID.crs)
TWO = Layer("pubs", shapely.points(CENTRES[[5, 5]] + np.array([[0.0, 10.0], [0.0, 20.0]])), GRID.crs)


def told(layers, ranges_m=(600,), kinds=("proximity", "density"), form="binary"):
    found = candidate_factors(layers, GRID, ranges_m, kinds, form)
    return {(factor.layer, factor.kind, factor.range_m): factor.values.round(3).tolist() for factor in found}


def test_near_is_nearer_than_the_range():
    found = told([BAR], (200, 600), ("proximity",))
    assert found == {
        ("bars", "proximity", 200.0): [1, 0, 0, 0, 0, 0],
        ("bars", "proximity", 600.0): [1, 1, 0, 0, 0, 0],
    }


def test_dense_is_two_deviations_above_the_mean():
    found = told([TWO], (200,), ("density",))
    amount = np.array([0, 0, 0, 0, 0, 2])
    assert amount[5] > amount.mean() + 2 * amount.std()
    assert found == {("pubs", "density", 200.0): [0, 0, 0, 0, 0, 1]}
    assert told([TWO], (600,), ("density",)) == {}  # 2 and 2 of six cells are not that far above the mean


def test_continuous_factors_fade_and_grow():
    found = told([BAR], (200, 1000), form="continuous")
    np.testing.assert_allclose(found["bars", "proximity", 200.0], [0.5, 0, 0, 0, 0, 0])
    far = np.hypot(500, 100)
    np.testing.assert_allclose(found["bars", "proximity", 1000.0], [0.9, 1 - far / 1000, 0, 0, 0, 0], atol=1e-3)
    amount = np.array([1.0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(found["bars", "density", 200.0], amount / amount.std(), atol=1e-3)


def test_factors_that_are_alike_are_offered_once():
    assert [key[2] for key in told([BAR], (450, 200, 300), ("proximity",))] == [200.0]


def test_what_cannot_be_offered_is_told():
    with pytest.raises(InputError, match=r"kinds=\['nearness'\] must be some of proximity, density"):
        told([BAR], kinds=("nearness",))
    with pytest.raises(InputError, match="form='round' one of binary, continuous"):
        told([BAR], form="round")
    with pytest.raises(InputError, match=r"ranges_m=\[\] at least one"):
        told([BAR], ())
    with pytest.raises(NotRunError, match="pubs has no feature within 300 m"):
        candidate_factors([TWO], GRID.subset(np.arange(6) < 3), (300,), ("proximity",), "binary")
