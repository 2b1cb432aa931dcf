import numpy as np
import pytest
import shapely
from scipy.spatial import cKDTree

from ilp_models.grid.hexagon import HexagonLattice, HexGrid
from ilp_models.grid.lattice import cells_within, columns_and_rows
from tests.builders import events_at


def test_a_point_belongs_to_the_hexagon_with_the_nearest_centre():
    lattice = HexagonLattice(400.0, (13.0, 7.0))
    keys = cells_within(lattice, (-5_000, -5_000, 5_000, 5_000))
    centres = np.column_stack(lattice.centres(*columns_and_rows(keys)))
    places = np.random.default_rng(1).uniform(-4_500, 4_500, (20_000, 2))
    nearest = cKDTree(centres).query(places)[1]
    column, row = lattice.index(places[:, 0], places[:, 1])
    assert (np.stack(columns_and_rows(keys))[:, nearest] == np.stack([column, row])).all()


def test_hexagons_tile_without_gap_or_overlap():
    x, y = np.meshgrid(np.arange(500_000, 503_000, 50.0), np.arange(4_800_000, 4_803_000, 50.0))
    grid = HexGrid(500).build(events_at(x.ravel(), y.ravel()))
    union = shapely.union_all(grid.geometry)
    assert union.geom_type == "Polygon"
    assert len(union.interiors) == 0
    assert union.area == pytest.approx(shapely.area(grid.geometry).sum(), rel=1e-12)
    assert shapely.coverage_is_valid(grid.geometry)
    assert np.asarray(grid.neighbours.sum(axis=1)).max() == 6


def test_a_hexagon_of_size_500_has_the_area_of_the_square_and_the_stated_width():
    lattice = HexagonLattice(500.0, (0.0, 0.0))
    (cell,) = lattice.polygons(np.array([0]), np.array([0]))
    assert cell.area == pytest.approx(250_000)
    assert lattice.width == pytest.approx(537.285, abs=0.001)
    left, _, right, _ = cell.bounds
    assert right - left == pytest.approx(lattice.width)
    assert shapely.get_coordinates(cell)[0].tolist() == pytest.approx([lattice.width / 2, lattice.side / 2])


def test_hexagons_are_named_after_their_centre():
    grid = HexGrid(500, origin=(630_612, 4_833_498)).build(events_at([630_700], [4_833_400]))
    assert grid.cells.tolist() == ["E630612N4833498"]
    assert shapely.centroid(grid.geometry[0]).coords[0] == pytest.approx((630_612, 4_833_498))
