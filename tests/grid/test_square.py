import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.panel import Panel
from ilp_models.grid.areas import AreaGrid
from ilp_models.grid.hexagon import HexGrid
from ilp_models.grid.random_search import RandomSearchGrid
from ilp_models.grid.rectangle import RectangleGrid
from ilp_models.grid.square import SquareGrid
from tests.builders import events_at

CONFIGS = Path(__file__).parents[2] / "configs" / "grid"


def test_squares_are_named_after_their_lower_left_corner_by_easting_then_northing():
    events = events_at([631_250, 630_500, 630_999.9, 630_700], [4_833_500, 4_834_000, 4_833_500, 4_833_999])
    grid = SquareGrid(500).build(events)
    assert grid.cells.tolist() == ["E630500N4833500", "E630500N4834000", "E631000N4833500"]
    assert grid.locate(events).tolist() == [2, 1, 0, 0]
    assert grid.geometry[1].bounds == (630_500, 4_834_000, 631_000, 4_834_500)


def test_the_origin_shifts_corners_and_names():
    events = events_at([630_500], [4_833_500])
    assert SquareGrid(500, origin=[100, 250]).build(events).cells.tolist() == ["E630100N4833250"]
    assert SquareGrid(500, origin=[100_100, -4_750]).build(events).cells.tolist() == ["E630100N4833250"]


def test_names_are_rounded_to_whole_metres():
    # 600 feet: column 2734 starts at 499,993.92 m and row 26,246 at 4,799,868.48 m.
    assert SquareGrid(182.88).build(events_at([500_000], [4_800_000])).cells.tolist() == ["E499994N4799868"]


def test_negative_coordinates_have_distinct_names():
    events = events_at([500_000, 500_000], [-20, 20], crs="EPSG:32617")
    assert SquareGrid(100).build(events).cells.tolist() == ["E500000N-100", "E500000N0"]


def test_a_square_inside_has_eight_neighbours_and_one_in_the_corner_three():
    x, y = np.meshgrid(np.arange(500_250, 502_000, 500), np.arange(4_800_250, 4_802_000, 500))
    grid = SquareGrid(500).build(events_at(x.ravel(), y.ravel()))
    degree = np.asarray(grid.neighbours.sum(axis=1)).reshape(4, 4)
    assert degree.tolist() == [[3, 5, 5, 3], [5, 8, 8, 5], [5, 8, 8, 5], [3, 5, 5, 3]]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(620_000, 624_000), st.floats(4_830_000, 4_834_000)), min_size=1, max_size=60))
def test_counts_add_up_when_cells_are_halved(places):
    x, y = np.array(places).T
    events = events_at(x, y)
    coarse, fine = SquareGrid(500).build(events), SquareGrid(250).build(events)
    large, small = (Panel.count(events, grid, Calendar()).values for grid in (coarse, fine))
    corner = np.array([cell.bounds[:2] for cell in fine.geometry])
    home = coarse.locate(events_at(*(corner + 125).T))
    summed = np.zeros_like(large)
    np.add.at(summed, (slice(None), home), small)
    assert (summed == large).all()
    assert large.sum() == len(places)


def test_closing_does_not_use_later_events():
    x, y = [500_050, 500_250, 509_950], [4_800_050, 4_800_050, 4_800_050]
    when = ["2021-01-05", "2021-01-06", "2021-01-20"]
    events = events_at(x, y, when)
    known = events.known_at(pd.Timestamp("2021-01-11"))
    assert SquareGrid(100).build(known).cells.tolist() == ["E500000N4800000", "E500200N4800000"]
    assert len(SquareGrid(100, active="closing").build(known)) == 3
    assert len(SquareGrid(100).build(events)) == 3


@pytest.mark.parametrize("name", ["squares", "hexagons"])
def test_the_default_option_has_the_publishers_areas_as_parents(name):
    path = Path(__file__).parents[2] / "configs" / "grid" / f"{name}.yaml"
    spec = instantiate(OmegaConf.load(path), _convert_="all")
    grid = spec.build(events_at([630_100, 640_000], [4_834_100, 4_834_100], area=["Annex", "Malvern"]))
    assert grid.parents["area"].tolist() == ["Annex", "Malvern"]


OPTIONS = {
    "squares": SquareGrid(),
    "hexagons": HexGrid(),
    "rectangles": RectangleGrid(),
    "random_search": RandomSearchGrid(),
    "areas": AreaGrid("areas.gpkg", "name"),
}


def test_every_grid_has_an_option():
    assert set(OPTIONS) == {path.stem for path in CONFIGS.glob("*.yaml")}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_has_the_defaults_of_its_constructor(option):
    config = OmegaConf.create({"grid": OmegaConf.load(CONFIGS / f"{option}.yaml")})
    if option == "areas":
        config.grid.path, config.grid.name = "areas.gpkg", "name"
    built = instantiate(config.grid, _convert_="all")
    assert type(built) is type(OPTIONS[option])
    for field in dataclasses.fields(built):
        given, default = (getattr(grid, field.name) for grid in (built, OPTIONS[option]))
        assert given == default or tuple(given) == tuple(default), field.name
