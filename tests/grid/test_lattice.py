import pickle

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.errors import InputError
from ilp_models.grid.hexagon import HexagonLattice, HexGrid
from ilp_models.grid.lattice import cells_within, columns_and_rows
from ilp_models.grid.rectangle import RectangleLattice
from ilp_models.grid.square import SquareGrid
from tests.builders import events_at

SPECS = st.sampled_from([SquareGrid, HexGrid])
SIZES = st.sampled_from([182.88, 250.0, 500.0, 333.3])
PLACES = st.lists(
    st.tuples(st.floats(620_000, 630_000), st.floats(4_830_000, 4_840_000)), min_size=1, max_size=30, unique=True
)


def points(places):
    x, y = np.array(places).T
    return events_at(x, y)


@settings(max_examples=25)
@given(SPECS, SIZES, PLACES)
def test_every_event_is_located_in_the_cell_that_covers_it(spec, size, places):
    events = points(places)
    grid = spec(size).build(events)
    position = grid.locate(events)
    assert (position >= 0).all()
    where = shapely.points(places)
    assert (shapely.distance(grid.geometry[position], where) < 1e-6).all()
    strictly = shapely.contains_properly(grid.geometry[:, None], where[None, :])
    assert (strictly.sum(axis=0) <= 1).all()


@settings(max_examples=25)
@given(SPECS, SIZES, PLACES)
def test_neighbours_are_the_cells_that_touch(spec, size, places):
    grid = spec(size, active="closing").build(points(places))
    apart = shapely.distance(grid.geometry[:, None], grid.geometry[None, :])
    touching = (apart < 1e-6) & ~np.eye(len(grid), dtype=bool)
    assert (grid.neighbours.toarray() == touching).all()
    assert (grid.neighbours != grid.neighbours.T).nnz == 0
    assert grid.neighbours.diagonal().sum() == 0


@settings(max_examples=25)
@given(SPECS, PLACES, st.data())
def test_a_subset_locates_events_as_the_whole_grid_does(spec, places, data):
    events = points(places)
    grid = spec(500).build(events)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(grid), max_size=len(grid)).filter(any)))
    part = grid.subset(mask)
    names = [grid.cells[position] for position in grid.locate(events)]
    inside = [part.cells[position] if position >= 0 else None for position in part.locate(events)]
    assert inside == [name if name in part.cells else None for name in names]
    assert (part.neighbours.toarray() == grid.neighbours.toarray()[np.ix_(mask, mask)]).all()


@settings(max_examples=25)
@given(SPECS, SIZES, PLACES)
def test_names_do_not_depend_on_other_events(spec, size, places):
    whole, first = points(places), points(places[:1])
    grid = spec(size).build(whole)
    assert spec(size).build(first).cells[0] == grid.cells[grid.locate(first)[0]]
    assert spec(size).build(points(places[::-1])).cells.tolist() == grid.cells.tolist()


@settings(max_examples=25)
@given(SPECS, SIZES, PLACES)
def test_closing_keeps_every_cell_and_is_idempotent(spec, size, places):
    events = points(places)
    closed = spec(size, active="closing").build(events)
    assert set(spec(size).build(events).cells) <= set(closed.cells)
    x, y = shapely.get_coordinates(shapely.centroid(closed.geometry)).T
    assert spec(size, active="closing").build(events_at(x, y)).cells.tolist() == closed.cells.tolist()


def test_closing_fills_a_gap_as_image_morphology_does():
    from scipy.ndimage import binary_closing

    picture = np.random.default_rng(4).random((20, 24)) < 0.35
    column, row = np.nonzero(picture)
    grid = SquareGrid(100, active="closing").build(events_at(500_050 + 100 * column, 4_800_050 + 100 * row))
    filled = binary_closing(np.pad(picture, 3), np.ones((3, 3)))
    column, row = np.nonzero(filled)
    expected = {f"E{500_000 + 100 * (c - 3)}N{4_800_000 + 100 * (r - 3)}" for c, r in zip(column, row, strict=True)}
    assert set(grid.cells) == expected
    assert len(expected) > picture.sum()


@pytest.mark.parametrize(
    "lattice", [RectangleLattice(500.0, 500.0, 0.0, (0.0, 0.0)), HexagonLattice(500.0, (17.0, -3.0))]
)
def test_cells_over_a_rectangle_cover_it(lattice):
    bounds = (-1_234.0, 40_321.0, 3_210.0, 42_999.0)
    keys = cells_within(lattice, bounds)
    cover = shapely.union_all(lattice.polygons(*columns_and_rows(keys)))
    assert shapely.covers(cover, shapely.box(*bounds))
    assert (np.diff(keys) > 0).all()


def test_a_city_with_too_many_cells_is_refused_before_they_are_made():
    with pytest.raises(InputError, match=r"about 400,\d+,\d+ cells of 10 m; set a larger size"):
        SquareGrid(10, active="all").build(events_at([500_000, 700_000], [4_800_000, 5_000_000]))


@pytest.mark.parametrize("spec", [SquareGrid, HexGrid])
@pytest.mark.parametrize("size", [np.int64(500), np.float32(500)])
def test_a_number_of_numpy_is_a_size(spec, size):
    events = events_at([500_000.0, 501_200.0], [4_800_000.0, 4_800_700.0])
    assert spec(size).build(events).digest() == spec(500).build(events).digest()


@pytest.mark.parametrize("spec", [SquareGrid, HexGrid])
@pytest.mark.parametrize("size", [0.005, -500.0, float("nan"), float("inf"), "500 m"])
def test_an_unusable_size_is_refused(spec, size):
    with pytest.raises(InputError, match=r"grid\.size=.* must be a number of metres, at least 10"):
        spec(size)


@pytest.mark.parametrize("spec", [SquareGrid, HexGrid])
@pytest.mark.parametrize("origin", [[0], ["0", "0"], [0, float("nan")]])
def test_an_unusable_origin_is_refused(spec, origin):
    with pytest.raises(InputError, match=r"grid\.origin=.* must be two numbers of metres, such as \[0, 0\]"):
        spec(origin=origin)


@pytest.mark.parametrize("spec", [SquareGrid, HexGrid])
def test_a_grid_of_one_cell_can_be_pickled(spec):
    events = events_at([630_000.0], [4_834_000.0])
    grid = pickle.loads(pickle.dumps(spec(500).build(events)))  # noqa: S301 - our own bytes
    assert len(grid) == 1
    assert grid.neighbours.shape == (1, 1)
    assert grid.neighbours.nnz == 0
    assert grid.locate(events).tolist() == [0]
    assert grid.locate(events_at([640_000.0], [4_834_000.0])).tolist() == [-1]
