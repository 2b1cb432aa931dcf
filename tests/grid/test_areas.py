import pickle
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from ilp_models.domain.errors import InputError
from ilp_models.grid.areas import AreaGrid, PointLocator
from ilp_models.grid.parents import ByOverlay
from ilp_models.model.means.ewma import EWMA
from ilp_models.pipeline.study import Study
from tests.builders import events_at

SHARED = Path(__file__).parents[3] / "shared" / "data" / "toronto_demography"
# Three beats in a row, the third 15 m off as after simplification, the fourth far away.
BEATS = [shapely.box(left, 4_800_000, left + 1_000, 4_801_000) for left in (501_000.0, 500_000.0, 502_015.0, 509_000.0)]
NAMES = ["B2", "B1", "B3", "B4"]


@pytest.fixture
def beats(polygon_file):
    return polygon_file(BEATS, NAMES)


def test_areas_are_cells_ordered_by_name(beats):
    events = events_at([500_500, 501_500, 503_900], [4_800_500] * 3)
    grid = AreaGrid(beats, "name").build(events)
    assert grid.cells.tolist() == ["B1", "B2", "B3", "B4"]
    assert grid.locate(events).tolist() == [0, 1, -1]
    assert grid.area_m2 == pytest.approx(1e6, rel=0.002)
    assert pickle.loads(pickle.dumps(grid)).locate(events).tolist() == [0, 1, -1]  # noqa: S301 - our own bytes


def test_borders_closer_than_the_tolerance_make_neighbours(beats):
    events = events_at([500_500], [4_800_500])
    near = AreaGrid(beats, "name").build(events).neighbours.toarray()
    assert near.tolist() == [[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    strict = AreaGrid(beats, "name", tolerance=1).build(events).neighbours.toarray()
    assert strict.tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_active_events_selects_areas_with_known_events(beats):
    events = events_at([509_500, 500_500, 501_500], [4_800_500] * 3, ["2021-01-05", "2021-01-06", "2021-01-20"])
    grid = AreaGrid(beats, "name", active="events").build(events.known_at(pd.Timestamp("2021-01-11")))
    assert grid.cells.tolist() == ["B1", "B4"]
    assert grid.locate(events).tolist() == [1, 0, -1]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 5)), min_size=1, max_size=30), st.permutations(range(4)))
def test_a_point_on_a_border_belongs_to_the_first_area_that_covers_it(places, order):
    quarters = [shapely.box(x, y, x + 2, y + 2) for x in (0, 2) for y in (0, 2)]
    geometry = np.array([quarters[position] for position in order], dtype=object)
    x, y = np.array(places).T
    found = PointLocator(geometry).locate(events_at(x, y))
    covers = [[cell.covers(shapely.Point(place)) for cell in geometry] for place in places]
    assert found.tolist() == [row.index(True) if any(row) else -1 for row in covers]


def test_cached_points_and_new_points_are_located():
    rng = np.random.default_rng(3)
    x, y = rng.uniform(499_500, 503_500, 400), rng.uniform(4_799_500, 4_801_500, 400)
    locator = PointLocator(np.array(BEATS))
    for part in (slice(0, 100), slice(50, 400), slice(0, 400)):
        some = events_at(x[part], y[part])
        assert locator.locate(some).tolist() == PointLocator(np.array(BEATS)).locate(some).tolist()


def test_events_can_be_joined_by_label(beats):
    labels = ["B4", "beat one", "NSA", None, "B1"]
    events = events_at([500_500] * 5, [4_800_500] * 5, area=labels)
    spec = AreaGrid(beats, "name", join="label", aliases={"beat one": "B1", "NSA": None})
    assert spec.build(events).locate(events).tolist() == [3, 0, -1, -1, 0]
    later = events_at([500_500] * 2, [4_800_500] * 2, area=["B2", "B5, founded later"])
    assert spec.build(events).locate(later).tolist() == [1, -1]


def test_areas_may_have_parents(beats, polygon_file):
    district = polygon_file([shapely.box(500_500, 4_799_000, 504_000, 4_802_000)], ["D1"], "districts.gpkg")
    spec = AreaGrid(beats, "name", parents={"district": ByOverlay(district, "name")})
    grid = spec.build(events_at([500_500], [4_800_500]))
    assert grid.parents["district"].tolist() == ["D1", "D1", "D1", None]


def test_one_area_is_a_grid(polygon_file):
    grid = AreaGrid(polygon_file(BEATS[:1], ["B2"]), "name").build(events_at([501_500], [4_800_500]))
    assert (len(grid), grid.neighbours.nnz) == (1, 0)


def test_a_repeated_name_is_refused(polygon_file):
    with pytest.raises(InputError, match=r"areas\.gpkg: column 'name' repeats 'B1'; merge its parts"):
        AreaGrid(polygon_file(BEATS, ["B2", "B1", "B1", "B4"]), "name").build(events_at([500_500], [4_800_500]))


def test_a_label_that_names_no_area_is_refused(beats):
    events = events_at([500_500] * 3, [4_800_500] * 3, area=["B1", "Beat 2", "Beat 3"])
    with pytest.raises(InputError, match=r"2 area labels .* such as 'Beat 2'; add each to grid\.aliases"):
        AreaGrid(beats, "name", join="label").build(events)


def test_an_alias_of_an_unknown_area_is_refused(beats):
    with pytest.raises(InputError, match=r"maps 'x' to 'B9', which is not in .*areas\.gpkg"):
        AreaGrid(beats, "name", join="label", aliases={"x": "B9"}).build(events_at([0], [0], area=["B1"]))


def test_a_join_by_label_needs_labels(beats):
    with pytest.raises(InputError, match=r"grid\.join=label needs area labels; set data"):
        AreaGrid(beats, "name", join="label").build(events_at([500_500], [4_800_500]))


def test_events_of_another_city_are_named(beats):
    with pytest.raises(InputError, match=r"None of the 1 events lies in the areas of .*areas\.gpkg"):
        AreaGrid(beats, "name").build(events_at([400_000], [4_900_000]))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"join": "x"}, r"grid\.join='x' is unknown"),
        ({"active": "closing"}, "choose one of all, events"),
        ({"tolerance": -1.0}, r"grid\.tolerance=-1\.0 must be"),
    ],
)
def test_an_unknown_rule_is_refused(wrong, words):
    with pytest.raises(InputError, match=words):
        AreaGrid("areas.gpkg", "name", **wrong)


@pytest.mark.skipif(not SHARED.exists(), reason="needs the Toronto neighbourhood boundaries next to the checkout")
def test_areas_equal_geodesic_areas_in_toronto():
    path = SHARED / "neighbourhoods_140.geojson"
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:32617", always_xy=True).transform(-79.38, 43.65)
    grid = AreaGrid(str(path), "hood_140").build(events_at([x], [y]))
    frame = gpd.read_file(path)
    geodesic = {
        str(name): abs(Geod(ellps="WGS84").geometry_area_perimeter(cell)[0])
        for name, cell in zip(frame["hood_140"], frame.geometry, strict=True)
    }
    assert len(grid) == 140
    assert grid.area_m2 == pytest.approx([geodesic[name] for name in grid.cells], rel=1e-4)
    assert (np.asarray(grid.neighbours.sum(axis=1)) >= 2).all()


def test_a_changed_polygon_file_changes_the_recipe(polygon_file):
    events = events_at([500_500, 501_500], [4_800_500] * 2)
    spec = AreaGrid(polygon_file(BEATS, NAMES), "name")

    def recipe():
        return Study(events, spec).recipe(EWMA())

    before = recipe()
    assert recipe() == before
    turned = [BEATS[position] for position in (1, 0, 2, 3)]  # the same names and sizes, two of them exchanged
    polygon_file(turned, NAMES)
    assert recipe() != before
