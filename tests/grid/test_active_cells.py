import pandas as pd
import pytest
import shapely

from ilp_models.domain.errors import InputError
from ilp_models.grid.hexagon import HexGrid
from ilp_models.grid.square import SquareGrid
from tests.builders import events_at

# 1.9 km x 1 km: the last column of 500 m squares lies inside by four fifths, the sliver above by 2 %.
STUDY = shapely.box(500_000, 4_800_000, 501_900, 4_801_010)


def test_active_all_does_not_depend_on_events(polygon_file):
    path = polygon_file([STUDY])
    events = events_at([500_100], [4_800_100])
    centre = SquareGrid(500, active="all", area=path, edge="centre").build(events)
    assert len(centre) == 4 * 2
    overlap = SquareGrid(500, active="all", area=path).build(events)
    assert len(overlap) == 4 * 3
    assert shapely.covers(shapely.buffer(shapely.union_all(overlap.geometry), 0.01), STUDY)


def test_every_hexagon_of_the_study_area_overlaps_it_and_together_they_cover_it(polygon_file):
    grid = HexGrid(300, active="all", area=polygon_file([STUDY])).build(events_at([500_100], [4_800_100]))
    assert (shapely.area(shapely.intersection(grid.geometry, STUDY)) > 0).all()
    assert shapely.covers(shapely.buffer(shapely.union_all(grid.geometry), 0.01), STUDY)


def test_a_study_area_can_be_tiled_before_any_event_is_known(polygon_file):
    none = events_at([500_100], [4_800_100]).known_at(pd.Timestamp("2021-01-05"))
    assert len(none) == 0
    assert len(SquareGrid(500, active="all", area=polygon_file([STUDY]), edge="centre").build(none)) == 8


def test_cells_outside_the_study_area_are_excluded(polygon_file):
    events = events_at([500_100, 501_950, 502_100], [4_800_100, 4_800_100, 4_800_100])
    grid = SquareGrid(500, area=polygon_file([STUDY])).build(events)
    assert grid.cells.tolist() == ["E500000N4800000", "E501500N4800000"]
    assert grid.locate(events).tolist() == [0, 1, -1]


def test_active_all_without_a_study_area_fills_the_rectangle():
    grid = SquareGrid(500, active="all").build(events_at([500_100, 501_600], [4_800_100, 4_800_600]))
    assert {"E500000N4800000", "E501500N4800500", "E500500N4800500"} <= set(grid.cells)


@pytest.mark.parametrize("active", ["events", "all"])
def test_events_far_from_the_study_area_are_named(active, polygon_file):
    with pytest.raises(
        InputError, match=r"None of the 1 events lies in an active cell of the study area .*areas\.gpkg"
    ):
        SquareGrid(500, active=active, area=polygon_file([STUDY])).build(events_at([600_000], [4_800_100]))


@pytest.mark.parametrize("active", ["events", "closing", "all"])
def test_no_known_event_is_refused(active):
    none = events_at([500_100], [4_800_100]).known_at(pd.Timestamp("2021-01-05"))
    with pytest.raises(InputError, match="No event is known before 2021-01-05"):
        SquareGrid(500, active=active).build(none)


@pytest.mark.parametrize("wrong", [{"active": "some"}, {"edge": "inside"}])
def test_an_unknown_rule_is_refused(wrong):
    (name,) = wrong
    with pytest.raises(InputError, match=rf"grid\.{name}='\w+' is unknown; choose one of"):
        HexGrid(500, **wrong)
