import numpy as np
import pytest
import shapely
from scipy import stats

from ilp_models.model.point_processes.etas_raster import EtasRaster
from tests.builders import square_grid

WEST, SOUTH = 630_000.0, 4_834_000.0


def test_the_raster_has_the_areas_of_cells_of_any_shape():
    grid = square_grid(2, 2, size=330.0, corner=(WEST + 70, SOUTH + 40))
    raster = EtasRaster.from_grid(grid, 100.0, 400.0)
    area = np.asarray(raster.shares.sum(axis=1)).ravel() * 100.0**2
    np.testing.assert_allclose(area, shapely.area(grid.geometry), rtol=1e-6)
    assert raster.inside.max() == 1.0
    assert (raster.square_of(np.array([WEST - 1e5]), np.array([SOUTH])) == -1).all()


def test_the_mass_inside_is_the_gaussian_mass_of_the_study_area():
    raster = EtasRaster.from_grid(square_grid(3, 4), 250.0, 800.0)
    kept, slope = raster.mass_inside(150.0)
    x, y = np.array([WEST, WEST + 1000, WEST - 250]), np.array([SOUTH, SOUTH + 750, SOUTH + 750])
    exact = stats.norm.cdf(WEST + 2000, x, 150) - stats.norm.cdf(WEST, x, 150)
    exact *= stats.norm.cdf(SOUTH + 1500, y, 150) - stats.norm.cdf(SOUTH, y, 150)
    np.testing.assert_allclose(raster.knots(x, y) @ kept.ravel(), exact, rtol=1e-6)
    moved = (raster.mass_inside(150.0 * np.exp(1e-5))[0] - raster.mass_inside(150.0 * np.exp(-1e-5))[0]) / 2e-5
    np.testing.assert_allclose(slope, moved, atol=1e-6)


def test_spread_is_the_mean_mass_over_the_source_square():
    raster = EtasRaster.from_grid(square_grid(3, 4), 250.0, 800.0)
    rows, _ = raster.spread(120.0)
    from_square, to_square = 5, 6
    points = raster.south + 250 * (from_square + (np.arange(2000) + 0.5) / 2000)
    mass, _ = raster.masses(np.full(2000, WEST), points, 120.0)
    assert rows[to_square, from_square] == pytest.approx(mass[:, to_square].mean(), rel=1e-6)
    np.testing.assert_allclose(rows, rows.T, atol=1e-12)
