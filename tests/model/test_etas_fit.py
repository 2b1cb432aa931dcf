import numpy as np
import pytest

from ilp_models.model.point_processes.etas_fit import background_shape, gamma_shape
from ilp_models.model.point_processes.etas_raster import EtasRaster
from tests.builders import square_grid

WEST, SOUTH = 630_000.0, 4_834_000.0


def test_the_background_is_positive_and_knows_each_contribution():
    raster = EtasRaster.from_grid(square_grid(6, 6), 250.0, 800.0)
    squares = raster.square_of(np.array([WEST + 300.0, WEST + 2600.0]), np.array([SOUTH + 300.0, SOUTH + 2600.0]))
    shape, own, mixture = background_shape(raster, squares, np.ones(2), [400.0], 5.0)
    assert shape.sum() == pytest.approx(1.0)
    assert (shape[raster.inside.ravel() > 0] > 0).all()
    assert (shape[raster.inside.ravel() == 0] == 0).all()
    assert mixture[0] > 0.9  # one incident does not predict the location of the other
    np.testing.assert_allclose((1 - own) * shape[squares], mixture[0] / 144, rtol=0.05)


def test_the_background_is_as_smooth_as_the_incidents_are():
    rng = np.random.default_rng(0)
    raster = EtasRaster.from_grid(square_grid(12, 12), 100.0, 800.0)
    centre = rng.uniform(1000, 5000, (12, 2))[rng.integers(0, 12, 6000)]
    mixtures = []
    for width in (150, 900):
        x, y = np.clip(centre + rng.normal(0, width, (6000, 2)), 1, 5999).T
        squares = raster.square_of(WEST + x, SOUTH + y)
        mixtures.append(background_shape(raster, squares, np.ones(6000), [100.0, 400.0], 50.0)[2])
    assert mixtures[0][1] > 0.6 > mixtures[1][1]


def test_the_gamma_shape_is_recovered_from_uncertain_counts():
    rng = np.random.default_rng(0)
    expected = rng.gamma(2.0, 2.0, 20_000)
    counts = rng.poisson(expected * rng.gamma(3.0, 1 / 3.0, 20_000)).astype(float)
    found = gamma_shape(counts, np.zeros(20_000), expected, 2.0)
    assert found == pytest.approx(3.0, rel=0.1)
    assert gamma_shape(rng.poisson(expected).astype(float), np.zeros(20_000), expected, 2.0) > 50
    halved = counts / 2  # each belongs to the background with probability one half
    assert gamma_shape(halved, counts / 4, expected / 2, 2.0) == pytest.approx(3.0, rel=0.1)
