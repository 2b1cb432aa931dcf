import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.errors import InputError
from ilp_models.grid.lattice import cells_within, columns_and_rows
from ilp_models.grid.rectangle import RectangleGrid, RectangleLattice
from ilp_models.grid.square import SquareGrid
from tests.builders import events_at

PLACES = st.lists(
    st.tuples(st.floats(630_000, 632_000), st.floats(4_834_000, 4_836_000)), min_size=1, max_size=30, unique=True
)
SHAPES = st.tuples(st.floats(50, 300), st.floats(50, 300), st.floats(-180, 180))


def points(places):
    return events_at(*np.array(places).T)


@settings(max_examples=25)
@given(PLACES)
def test_rectangles_without_rotation_are_squares(places):
    events = points(places)
    turned, plain = RectangleGrid(250, 250).build(events), SquareGrid(250).build(events)
    assert turned.cells.equals(plain.cells)
    assert shapely.equals(turned.geometry, plain.geometry).all()
    assert (turned.neighbours != plain.neighbours).nnz == 0


def test_a_rotation_by_90_degrees_points_the_first_side_north():
    grid = RectangleGrid(100, 50, angle=90, origin=(630_000, 4_834_000)).build(events_at([629_990], [4_834_060]))
    assert grid.geometry[0].bounds == pytest.approx((629_950, 4_834_000, 630_000, 4_834_100))
    assert grid.cells.tolist() == ["E630000N4834000"]


def test_a_rotated_rectangle_has_the_expected_corners():
    # 3-4-5: the first side of 50 m leads 40 m east and 30 m north, the second of 25 m 15 m west and 20 m north.
    angle = float(np.degrees(np.arctan2(3, 4)))
    grid = RectangleGrid(50, 25, angle, origin=(630_000, 4_834_000)).build(events_at([630_010], [4_834_020]))
    corners = shapely.get_coordinates(grid.geometry[0])[:4] - (630_000, 4_834_000)
    assert corners == pytest.approx(np.array([(0, 0), (40, 30), (25, 50), (-15, 20)]), abs=1e-6)


@settings(max_examples=25)
@given(SHAPES, PLACES)
def test_every_event_lies_in_its_cell_and_all_cells_are_equal(shape, places):
    width, height, angle = shape
    events = points(places)
    grid = RectangleGrid(width, height, angle).build(events)
    position = grid.locate(events)
    assert (position >= 0).all()
    assert (shapely.distance(grid.geometry[position], shapely.points(places)) < 1e-6).all()
    assert shapely.area(grid.geometry) == pytest.approx(width * height, rel=1e-6)
    assert grid.cells.is_unique


@settings(max_examples=25)
@given(SHAPES, PLACES)
def test_neighbours_are_the_cells_that_touch(shape, places):
    grid = RectangleGrid(*shape, active="closing").build(points(places))
    apart = shapely.distance(grid.geometry[:, None], grid.geometry[None, :])
    touching = (apart < 1e-6) & ~np.eye(len(grid), dtype=bool)
    assert (grid.neighbours.toarray() == touching).all()


@settings(max_examples=25)
@given(st.floats(10, 500), st.floats(10, 500), st.floats(0, 90))
def test_all_rectangles_that_overlap_the_study_area_are_found(width, height, angle):
    lattice = RectangleLattice(width, height, angle, (3.0, 4.0))
    bounds = (0.0, 0.0, 700.0, 400.0)
    met = cells_within(lattice, bounds)
    far = cells_within(lattice, (-1500.0, -1500.0, 2200.0, 1900.0))
    inside = shapely.intersects(lattice.polygons(*columns_and_rows(far)), shapely.box(*bounds))
    assert np.isin(far[inside], met).all()


@pytest.mark.parametrize("shape", [{"width": 5}, {"height": np.nan}, {"width": 10, "height": 101}, {"angle": np.inf}])
def test_unusable_shapes_are_refused(shape):
    with pytest.raises(InputError, match="grid"):
        RectangleGrid(**shape)
