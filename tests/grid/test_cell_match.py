import numpy as np
import pytest
import shapely
from pyproj import Transformer

from ilp_models.grid.cell_match import TOLERANCE_M, match_cells
from tests.builders import square_grid

GRID = square_grid(2, 2)


def as_objects(values):
    """Return a list as an array of objects, as a column of a table is."""
    out = np.empty(len(values), dtype=object)
    out[:] = list(values)
    return out


@pytest.mark.parametrize("write", [shapely.to_wkb, shapely.to_wkt])
def test_cells_are_found_in_any_order(write):
    order = [2, 0, 3]
    assert match_cells(as_objects(write(GRID.geometry[order])), GRID).tolist() == order


def test_other_empty_and_missing_shapes_have_no_cell():
    moved = [shapely.transform(GRID.geometry[0], lambda points, by=by: points + by) for by in (0.5, 2.0, 1e6)]
    shapes = [*map(shapely.to_wkb, moved), shapely.to_wkb(shapely.Polygon()), None]
    assert TOLERANCE_M == 1.0
    assert match_cells(as_objects(shapes), GRID).tolist() == [0, -1, -1, -1, -1]


def test_another_coordinate_system_is_projected():
    move = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
    degrees = shapely.transform(GRID.geometry, lambda points: np.column_stack(move.transform(*points.T)))
    assert match_cells(as_objects(shapely.to_wkb(degrees)), GRID, "EPSG:4326").tolist() == [0, 1, 2, 3]
