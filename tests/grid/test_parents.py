import pandas as pd
import shapely

from ilp_models.domain.grid import parent_labels
from ilp_models.grid.parents import ByLabel, ByOverlay
from ilp_models.grid.square import SquareGrid
from tests.builders import events_at


def test_the_most_frequent_label_wins_and_ties_go_to_the_first_by_name():
    x = [500_100] * 3 + [500_600] * 2 + [501_100]
    labels = ["Annex", "Wychwood", "Wychwood", "Wychwood", "Annex", None]
    events = events_at(x, [4_800_100] * 6, area=labels)
    grid = SquareGrid(500, parents={"hood": ByLabel()}).build(events)
    assert parent_labels(grid).tolist() == ["Wychwood", "Annex", ""]
    assert grid.parents["hood"].tolist() == ["Wychwood", "Annex", None]


def test_labels_of_later_events_do_not_count():
    events = events_at([500_100] * 3, [4_800_100] * 3, ["2021-01-05", "2021-01-20", "2021-01-20"], area=list("abb"))
    grid = SquareGrid(500, parents={"hood": ByLabel()}).build(events.known_at(pd.Timestamp("2021-01-10")))
    assert grid.parents["hood"].tolist() == ["a"]


def test_events_without_labels_give_no_level(polygon_file):
    path = polygon_file([shapely.box(499_000, 4_799_000, 502_000, 4_802_000)], ["West"])
    rules = {"hood": ByLabel(), "district": ByOverlay(path, "name")}
    grid = SquareGrid(500, parents=rules).build(events_at([500_100], [4_800_100]))
    assert grid.parents.columns.tolist() == ["district"]
    assert SquareGrid(500, parents={"hood": ByLabel()}).build(events_at([500_100], [4_800_100])).parents.empty


def test_the_largest_share_of_a_cell_decides(polygon_file):
    # West holds two fifths of the second square in each of two parts, East three fifths of it; nothing meets the last.
    west = [shapely.box(499_000, 4_799_000, 500_700, 4_800_250), shapely.box(499_000, 4_800_250, 500_700, 4_802_000)]
    east = shapely.box(500_700, 4_799_000, 501_600, 4_802_000)
    path = polygon_file([east, *west], ["East", "West", "West"])
    events = events_at([500_100, 500_600, 501_100, 501_600, 502_100], [4_800_100] * 5)
    grid = SquareGrid(500, parents={"side": ByOverlay(path, "name")}).build(events)
    assert grid.parents["side"].tolist() == ["West", "East", "East", "East", None]


def test_parts_of_one_name_are_summed(polygon_file):
    thirds = [
        shapely.box(500_000, 4_800_000 + s, 500_500, 4_800_000 + n) for s, n in ((0, 150), (150, 350), (350, 500))
    ]
    path = polygon_file(thirds, ["split", "whole", "split"])
    grid = SquareGrid(500, parents={"part": ByOverlay(path, "name")}).build(events_at([500_100], [4_800_100]))
    assert grid.parents["part"].tolist() == ["split"]


def test_overlapping_areas_are_ranked_by_name(polygon_file):
    around = shapely.box(499_000, 4_799_000, 502_000, 4_802_000)
    path = polygon_file([around, around], ["Overlap B", "Overlap A"])
    grid = SquareGrid(500, parents={"hood": ByOverlay(path, "name")}).build(events_at([500_100], [4_800_100]))
    assert grid.parents["hood"].tolist() == ["Overlap A"]


def test_several_levels_keep_their_order(polygon_file):
    path = polygon_file([shapely.box(499_000, 4_799_000, 502_000, 4_802_000)], ["14"], division=["D5"])
    rules = {"hood": ByOverlay(path, "name"), "division": ByOverlay(path, "division"), "label": ByLabel()}
    grid = SquareGrid(500, parents=rules).build(events_at([500_100], [4_800_100], area=["Annex"]))
    assert grid.parents.to_dict("records") == [{"hood": "14", "division": "D5", "label": "Annex"}]
    assert parent_labels(grid, "division").tolist() == ["D5"]
