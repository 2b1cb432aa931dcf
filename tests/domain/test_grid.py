from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from ilp_models.domain.errors import InputError
from ilp_models.domain.grid import parent_labels
from ilp_models.grid.square import SquareGrid
from tests.builders import events_at, square_grid


def test_events_in_another_crs_are_not_located():
    grid = SquareGrid(500).build(events_at([500_100], [4_800_100]))
    with pytest.raises(InputError, match=r"Events are in EPSG:32618 and the grid in EPSG:32617"):
        grid.locate(events_at([500_100], [4_800_100], crs="EPSG:32618"))


def test_a_subset_keeps_everything_of_its_cells():
    grid = replace(square_grid(), population=np.arange(12.0))
    mask = np.arange(12) % 5 == 0
    part = grid.subset(mask)
    assert part.cells.tolist() == ["r0c0", "r1c1", "r2c2"]
    assert part.population.tolist() == [0.0, 5.0, 10.0]
    assert parent_labels(part).tolist() == ["West", "West", "East"]
    assert part.geometry.tolist() == grid.geometry[mask].tolist()
    assert part.subset(np.array([False, True, True])).locator_cells.tolist() == [5, 10]


def test_an_event_in_a_removed_cell_is_outside():
    events = events_at([500_100, 500_600, 501_100], [4_800_100] * 3)
    part = SquareGrid(500).build(events).subset(np.array([True, False, True]))
    assert part.locate(events).tolist() == [0, -1, 1]
    assert part.locate(events.known_at(pd.Timestamp("2021-01-01"))).tolist() == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"cells": pd.Index(["r0c0"] * 12)}, r"Cell names repeat: \['r0c0'"),
        ({"area_m2": np.ones(11)}, r"A grid of 12 cells has parts of another length: {'area_m2': 11}"),
        ({"neighbours": csr_matrix((3, 3))}, "'neighbours': 3"),
        ({"population": np.ones(2)}, "'population': 2"),
        ({"parents": pd.DataFrame({"hood": ["a"]})}, "'parents': 1"),
        ({"cells": pd.Index([])}, "The grid has no cell"),
    ],
)
def test_parts_that_do_not_describe_the_same_cells_are_refused(wrong, words):
    with pytest.raises(InputError, match=words):
        replace(square_grid(), **wrong)


def test_every_change_of_the_cells_changes_the_digest():
    grid = square_grid()
    labels = grid.parents["neighbourhood"]
    others = [
        replace(grid, cells=grid.cells[::-1]),
        replace(grid, area_m2=grid.area_m2 * 1.001),
        replace(grid, crs="EPSG:32618"),
        grid.subset(np.arange(12) > 0),
        replace(grid, geometry=grid.geometry[::-1]),
        replace(grid, neighbours=csr_matrix((12, 12))),
        replace(grid, parents=pd.DataFrame({"neighbourhood": labels[::-1].to_numpy()})),
        replace(grid, parents=pd.DataFrame({"division": labels})),
        replace(grid, parents=pd.DataFrame({"neighbourhood": labels, "division": labels})),
        replace(grid, parents=pd.DataFrame()),
        replace(grid, population=np.zeros(12)),
        replace(grid, population=np.arange(12.0)),
    ]
    assert len({grid.digest(), *(other.digest() for other in others)}) == 13
    assert square_grid().digest() == grid.digest()


def test_labels_of_parents_are_text_at_any_level():
    parents = pd.DataFrame({"hood": [None] * 6 + ["Annex"] * 6, "division": ["D1"] * 12})
    grid = replace(square_grid(), parents=parents)
    assert parent_labels(grid).tolist() == [""] * 6 + ["Annex"] * 6
    assert set(parent_labels(grid, "division")) == {"D1"}
    assert set(parent_labels(replace(grid, parents=pd.DataFrame()))) == {""}


def test_a_grid_prints_its_size_and_parent_levels():
    grid = replace(square_grid(), population=np.arange(12.0))
    assert repr(grid) == "<Grid: 12 cells, 3 km2, parent areas neighbourhood, EPSG:32617>"
    html = replace(grid, parents=grid.parents.rename(columns={"neighbourhood": "a<b"}))._repr_html_()
    assert "a&lt;b" in html
    assert '<th scope="row">residents</th><td>66</td>' in html
    assert "none" in replace(grid, parents=pd.DataFrame())._repr_html_()


def test_the_frame_of_a_grid_has_one_row_per_cell():
    grid = replace(square_grid(), population=np.arange(12.0))
    frame = grid.to_frame()
    assert frame.columns.tolist() == ["area_m2", "population", "neighbourhood", "geometry"]
    assert frame.index.equals(grid.cells)
    assert frame["geometry"].iloc[3] is grid.geometry[3]
    assert frame["neighbourhood"].tolist() == parent_labels(grid).tolist()
