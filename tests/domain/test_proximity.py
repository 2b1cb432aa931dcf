from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.layer import Layer
from ilp_models.domain.proximity import check_near, densities, distances
from tests.builders import square_grid

GRID = square_grid(1, 3)  # centres 500 m apart
LEFT, MIDDLE, RIGHT = (np.array([one.centroid.x, one.centroid.y]) for one in GRID.geometry)


def moved(place, east, north):
    return place + np.array([east, north])


def layer_of(*shapes, crs="EPSG:32617"):
    return Layer("things", np.array(shapes, dtype=object), crs)


def test_distances_by_hand():
    points = layer_of(shapely.Point(moved(LEFT, 30, 40)), shapely.Point(moved(LEFT, 0, 60)))
    np.testing.assert_allclose(distances(points, GRID, 600.0), [50, np.hypot(470, 40), 600])
    ground = layer_of(shapely.box(*(MIDDLE - 100), *(MIDDLE + 100)))
    np.testing.assert_allclose(distances(ground, GRID, 1000.0), [400, 0, 400])


def test_points_are_counted_on_the_edge_too():
    points = layer_of(*(shapely.Point(moved(MIDDLE, step, 0)) for step in (0, 250, 250.1, -499)))
    np.testing.assert_array_equal(densities(points, GRID, 250.0), [1, 2, 2])


def test_lines_are_measured_inside_the_circle():
    line = shapely.LineString([moved(LEFT, -1000, 30), moved(LEFT, -20, 30), moved(MIDDLE, 0, 30), moved(RIGHT, 0, 30)])
    chord = 2 * np.sqrt(50**2 - 30**2)
    np.testing.assert_allclose(densities(layer_of(line), GRID, 50.0), [chord / 1e3, chord / 1e3, chord / 2e3])
    resting = shapely.LineString([RIGHT, RIGHT, moved(RIGHT, 0, 10)])
    np.testing.assert_allclose(densities(layer_of(resting), GRID, 50.0), [0, 0, 0.01])


def test_polygons_are_measured_inside_the_circle():
    everywhere, half = shapely.box(*(LEFT - 9e3), *(RIGHT + 9e3)), shapely.box(*MIDDLE, *(MIDDLE + 9e3))
    np.testing.assert_allclose(densities(layer_of(everywhere), GRID, 100.0), np.pi, rtol=1e-3)
    np.testing.assert_allclose(densities(layer_of(half), GRID, 100.0), [0, np.pi / 4, np.pi / 2], rtol=1e-3)


@given(st.lists(st.tuples(st.floats(-900, 900), st.floats(-900, 900)), min_size=2, max_size=6, unique=True))
@settings(max_examples=40)
def test_line_lengths_equal_the_intersection_with_a_disc(corners):
    line = shapely.LineString([MIDDLE + corner for corner in corners])
    if not line.is_valid or line.length < 1:
        return
    disc = shapely.buffer(shapely.Point(MIDDLE), 400.0, quad_segs=400)
    expected = (
        sum(shapely.LineString([MIDDLE + a, MIDDLE + b]).intersection(disc).length for a, b in pairwise(corners)) / 1e3
    )
    assert densities(layer_of(line), GRID, 400.0)[1] == pytest.approx(expected, abs=2e-3)


def test_measures_are_cached_and_read_only():
    points = layer_of(shapely.Point(LEFT))
    assert distances(points, GRID, 600.0) is distances(points, GRID, 600.0)
    with pytest.raises(ValueError, match="read-only"):
        densities(points, GRID, 600.0)[0] = 1


def test_ranges_and_layers_out_of_reach_are_refused():
    points = layer_of(shapely.Point(moved(RIGHT, 1000, 0)))
    for wrong in (0.0, -1.0, np.nan, 20_001.0):
        with pytest.raises(InputError, match="must be above 0 and at most 20000"):
            distances(points, GRID, wrong)
    with pytest.raises(InputError, match="is in EPSG:26917 and the grid in EPSG:32617"):
        densities(layer_of(shapely.Point(RIGHT), crs="EPSG:26917"), GRID, 10.0)
    with pytest.raises(NotRunError, match="things has no feature within 900 m of any cell"):
        check_near(points, GRID, 900.0)
    assert check_near(points, GRID, 1100.0) is None
    assert not densities(points, GRID, 900.0).any()
