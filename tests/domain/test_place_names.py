from dataclasses import replace

import numpy as np
import pandas as pd
import shapely

from ilp_models.domain.layer import Layer
from ilp_models.domain.place_names import place_names
from tests.builders import square_grid


def grid_of(areas):
    """Return a row of 500 m squares, with the area of each; None for no areas at all."""
    grid = square_grid()
    count = len(areas) if areas else 3
    grid = grid.subset(np.arange(len(grid)) < count)
    geometry = shapely.box(500.0 * np.arange(count), 0, 500.0 * np.arange(1, count + 1), 500)
    return replace(grid, geometry=geometry, parents=pd.DataFrame({"area": areas}) if areas else pd.DataFrame())


def layer(name, geometry, *names):
    return Layer(name, np.array(geometry, dtype=object), square_grid().crs, names=np.array(names, dtype=object))


def test_cells_of_an_area_have_directions_and_single_cells_none():
    assert list(place_names(grid_of(["West", "West", "West", "East"]))) == [
        "West, west",
        "West, middle",
        "West, east",
        "East",
    ]


def test_the_longest_street_in_a_cell_names_it():
    streets = layer(
        "streets",
        [shapely.LineString([(0, 100), (1000, 100)]), shapely.LineString([(10, 0), (10, 200)])],
        "King",
        "Short",
    )
    assert list(place_names(grid_of(["A", "B", "C"]), [streets])) == ["King, A", "King, B", "C"]


def test_pieces_of_a_street_count_together():
    pieces = [shapely.LineString([(10 * at, 300), (10 * at + 9, 300)]) for at in range(30)]
    streets = layer("streets", [*pieces, shapely.LineString([(0, 9), (200, 9)])], *["Pieces"] * 30, "Whole")
    assert place_names(grid_of(["A", "B", "C"]), [streets])[0] == "Pieces, A"


def test_polygons_come_before_lines_and_points_and_far_points_name_nothing():
    park = layer("parks", [shapely.box(0, 0, 400, 500)], "Park")
    street = layer("streets", [shapely.LineString([(0, 100), (600, 100)])], "King")
    stops = layer("stops", shapely.points([1250, 9000], [250, 0]), "Union", "Far")
    names = place_names(grid_of(["A", "B", "C"]), [stops, street, park])
    assert list(names) == ["Park, A", "King, B", "near Union, C"]
    assert place_names(grid_of(["A"] + ["B"] * 5), [layer("s", shapely.points([9000], [0]), "Far")])[0] == "A"


def test_without_areas_and_layers_coordinates_stand_beside_the_code():
    grid = grid_of(None)
    for code, name in zip(grid.cells, place_names(grid), strict=True):
        assert name.startswith(f"{code} at ")
    unnamed = Layer("streets", np.array([shapely.LineString([(0, 1), (900, 1)])], dtype=object), grid.crs)
    assert " at " in place_names(grid, [unnamed])[0]
