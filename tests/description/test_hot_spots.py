from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely

from ilp_models.description.hot_spots import HotSpots
from ilp_models.domain.description import DescriptionData
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.report.hot_spot_view import hot_spot_sentences
from tests.description.memphis import PUBLISHED, SHARED, grid_of, locate, neighbours_of, robberies

START = pd.Timestamp("2024-01-01")
SIDE = 12  # cells


class Located:
    """Finds the cell of a point on squares."""

    def __init__(self, columns, rows, corner):
        self.parts = (columns, rows, corner)

    def locate(self, events):
        return locate(events.table["x"].to_numpy(), events.table["y"].to_numpy(), *self.parts)


def squares(columns, rows, corner, crs):
    west, south, cell_m = corner
    x, y = west + columns * cell_m, south + rows * cell_m
    return Grid(
        cells=pd.Index([f"{column},{row}" for column, row in zip(columns, rows, strict=True)]),
        geometry=shapely.box(x, y, x + cell_m, y + cell_m),
        area_m2=np.full(len(columns), float(cell_m) ** 2),
        crs=crs,
        neighbours=neighbours_of(columns, rows),
        locator=Located(columns, rows, corner),
        locator_cells=np.arange(len(columns)),
        parents=pd.DataFrame({"half": np.where(columns < columns.max() / 2, "west", "east")}),
    )


def events_of(x, y, when, kinds, crs, span):
    table = pd.DataFrame({"occurred_at": when, "reported_at": when, "x": x, "y": y}).astype({"x": float, "y": float})
    table["crime_type"] = pd.Categorical(np.broadcast_to(kinds, len(table)))
    return Events(table, crs, "America/Chicago", *span)


def city(blocks, days=280, noise=0.2, seed=0):
    """Return data of random events, with more in 3 x 3 cells: ``blocks`` holds (column, row, first day, last day)."""
    rng = np.random.default_rng(seed)
    size = int(noise * SIDE**2 * days / 28)
    cell, day = rng.integers(0, SIDE, (size, 2)), rng.integers(0, days, size)
    for column, row, first, last in blocks:
        extra = int((last - first) / 28 * 25)
        cell = np.concatenate([cell, rng.integers(-1, 2, (extra, 2)) + np.array([column, row])])
        day = np.concatenate([day, rng.integers(first, last, extra)])
    columns, rows = (part.ravel() for part in np.meshgrid(np.arange(SIDE), np.arange(SIDE)))
    grid = squares(columns, rows, (0.0, 0.0, 100), "EPSG:32615")
    when = START + pd.to_timedelta(day, unit="D")
    span = (START, START + pd.Timedelta(days=days))
    events = events_of(cell[:, 0] * 100 + 50, cell[:, 1] * 100 + 50, when, "robbery", "EPSG:32615", span)
    return DescriptionData(events, grid, "half")


def classes(part):
    return part.tables["hot_cells"].set_index("cell")["class"]


@PUBLISHED
@pytest.mark.parametrize(
    ("correction", "column", "expected"),
    [
        ("none", "class_unadjusted", {"former": 371, "intermittent": 253, "emerging": 139, "persistent": 14}),
        ("holm", "class_holm", {"former": 222, "intermittent": 123, "emerging": 95, "persistent": 12}),
    ],
)
def test_classes_of_memphis_follow_the_stated_rules(correction, column, expected):
    table = robberies()
    columns, rows, west, south = grid_of(table, 500)
    grid = squares(columns, rows, (west, south, 500), "EPSG:32615")
    span = (pd.Timestamp("2019-01-01"), pd.Timestamp("2019-12-31"))  # the day that fills no period is left out
    events = events_of(table["x_m"], table["y_m"], table["time"], "robbery", "EPSG:32615", span)
    part = HotSpots(correction=correction, correct_over="periods", method="normal", min_events=0).describe(
        DescriptionData(events, grid)
    )
    found = classes(part).replace({"first time": "emerging"})  # it is a part of emerging
    assert {name: int((found == name).sum()) for name in expected} == expected
    golden = pd.read_csv(SHARED / "classes_own.csv")
    golden.index = golden["ix"].astype(str) + "," + golden["iy"].astype(str)
    golden = golden[golden[column] != "no pattern"][column].str.removesuffix(" hot")
    assert found[golden.index].tolist() == golden.tolist()


def test_hot_spots_are_classed_by_when_they_were_hot():
    part = HotSpots(periods=10, compare_days=None).describe(
        city([(2, 2, 0, 280), (9, 2, 252, 280), (2, 9, 224, 280), (9, 9, 28, 84), (6, 6, 0, 28)])
    )
    found = classes(part)
    assert [found[cell] for cell in ("2,2", "9,2", "2,9", "9,9", "6,6")] == [
        *("persistent", "first time", "emerging", "former", "former"),
    ]
    changes = part.tables["hot_changes"].set_index("cell")["change"]
    assert [changes[cell] for cell in ("2,2", "9,2", "2,9")] == ["lasting", "new", "lasting"]
    assert "9,9" not in changes.index
    areas = part.tables["hot_areas"].set_index("area")
    assert areas["hot_cells"].sum() == part.facts["hot_spots"] == part.tables["hot_cells"]["hot_now"].sum()
    assert set(areas.index) <= {"west", "east"}
    assert part.tables["hot_classes"]["cells"].sum() == SIDE**2
    assert part.name == "hot_spots"


@pytest.mark.parametrize("family", ["cells", "periods"])
def test_hot_spots_are_compared_with_those_of_a_week_ago(family):
    data = city([(2, 2, 0, 280), *[(9, 2, 273, 280)] * 4, *[(9, 9, 245, 252)] * 4])
    part = HotSpots(periods=4, correct_over=family).describe(data)
    assert part.facts["compared_with"] == "the 28 days that ended 7 days earlier"
    week_ago = replace(data.events, end=data.events.end - pd.Timedelta(days=7))
    week_ago = replace(week_ago, table=week_ago.table[week_ago.table["occurred_at"] < week_ago.end])
    then = HotSpots(periods=4).describe(DescriptionData(week_ago, data.grid, "half"))
    now, before = (set(one.tables["hot_cells"].query("hot_now")["cell"]) for one in (part, then))
    changes = part.tables["hot_changes"].set_index("cell")
    if family == "cells":  # the other family corrects over other periods
        assert set(changes.index[changes["change"] == "new"]) == now - before
        assert set(changes.index[changes["change"] == "gone"]) == before - now
        assert set(changes.index[changes["change"] == "lasting"]) == now & before
        earlier = then.tables["hot_cells"].set_index("cell")
        common = changes.index.intersection(earlier.index)
        np.testing.assert_allclose(changes.loc[common, "earlier_q"], earlier.loc[common, "q"])
        np.testing.assert_array_equal(changes.loc[common, "earlier_count"], earlier.loc[common, "count"])
    assert [changes["change"][cell] for cell in ("2,2", "9,2", "9,9")] == ["lasting", "new", "gone"]


def test_without_a_week_before_the_first_period_nothing_is_compared():
    data = city([(5, 5, 0, 280)])
    part = HotSpots(periods=2, period_days=140, compare_days=150).describe(data)
    assert part.facts["compared_with"] == ""
    assert part.tables["hot_changes"].empty
    assert next(iter(hot_spot_sentences(part))).endswith("There is no earlier period to compare with.")
    months = HotSpots(period_days=None).describe(data)
    assert months.facts["compared_with"] == "the period before"


def test_events_at_random_give_few_hot_spots_and_the_normal_p_many():
    data = city([], noise=0.015)
    shares = []
    for method in ("permutation", "binomial", "normal"):
        part = HotSpots(periods=10, method=method, correction="none", min_events=0).describe(data)
        shares.append(part.tables["hot_periods"]["hot_cells"].sum() / (10 * SIDE**2))
    assert max(shares[:2]) < 0.05
    assert shares[2] > 0.06  # a correct test has half of the level on this side
    corrected = HotSpots(periods=10).describe(city([], noise=0.2))
    assert corrected.tables["hot_periods"]["hot_cells"].sum() <= 9


def test_many_events_in_one_cell_alone_are_a_hot_spot_of_the_binomial_p_only():
    data = city([], noise=0.1)
    mall = data.events.table.sample(60, replace=True, random_state=0).assign(x=550.0, y=550.0)
    table = pd.concat([data.events.table, mall])
    data = DescriptionData(Events(table, "EPSG:32615", "America/Chicago", START, data.events.end), data.grid)
    found = {
        method: set(HotSpots(period_days=280, periods=1, method=method).describe(data).tables["hot_cells"]["cell"])
        for method in ("permutation", "binomial")
    }
    assert "5,5" not in found["permutation"]
    assert found["binomial"] == {f"{column},{row}" for column in (4, 5, 6) for row in (4, 5, 6)}


def test_a_period_without_events_and_equal_counts_are_not_defined():
    data = city([(5, 5, 0, 28)], days=84)
    table = data.events.table
    early = table[table["occurred_at"] < START + pd.Timedelta(days=28)]
    columns, rows = (part.ravel() for part in np.meshgrid(np.arange(SIDE), np.arange(SIDE)))
    late = pd.Timestamp("2024-02-10")
    even = events_of(columns * 100 + 50, rows * 100 + 50, [late] * SIDE**2, "robbery", "EPSG:32615", (START, late))
    events = Events(pd.concat([early, even.table]), "EPSG:32615", "America/Chicago", START, data.events.end)
    part = HotSpots(periods=3).describe(DescriptionData(events, data.grid))
    periods = part.tables["hot_periods"]
    assert periods["state"].tolist() == ["tested", "equal counts in all cells: not defined", "no events"]
    assert periods["hot_cells"].tolist()[1:] == [0, 0]
    assert part.facts["hot_spots"] == 0
    cells = part.tables["hot_cells"]
    assert len(cells)
    assert cells["q"].tolist() == [1.0] * len(cells)


@pytest.mark.parametrize("number", [0, 1, 40])
def test_no_event_one_event_and_one_point(number):
    data = city([])
    table = data.events.table.head(number).assign(x=50.0, y=50.0, occurred_at=data.events.end - pd.Timedelta(days=1))
    table["reported_at"] = table["occurred_at"]
    one = Events(table, "EPSG:32615", "America/Chicago", START, data.events.end)
    part = HotSpots(periods=10).describe(DescriptionData(one, data.grid))
    assert all(len(table.columns) for table in part.tables.values())
    # all events are in one cell: four cells drawn at random hold it with a chance of 4 in 144, which is not rare enough
    assert part.tables["hot_cells"].empty
    assert part.facts["hot_spots"] == 0


def test_too_few_days_are_named():
    data = city([(5, 5, 0, 280)])
    part = HotSpots(period_days=300).describe(data)
    assert "less than one period" in part.notes[0]
    assert all(table.empty for name, table in part.tables.items() if name != "hot_classes")
    part = HotSpots(period_days=200, periods=5, compare_days=None).describe(data)
    assert "The records do not cover 5 periods." in part.notes[0]
    assert set(part.tables["hot_cells"]["class"]) == {"not classed"}
    assert part.tables["hot_changes"].empty


def test_counts_that_are_too_large_for_an_exact_p_have_a_normal_one(monkeypatch):
    monkeypatch.setattr("ilp_models.stats.getis_ord._LARGEST_TABLE", 10)
    part = HotSpots(periods=2).describe(city([(5, 5, 0, 280)]))
    assert any("The normal p-value is used" in note for note in part.notes)
    assert part.facts["hot_spots"] > 0


def test_places_outside_the_grid_are_counted_in_a_note():
    data = city([])
    table = data.events.table.assign(x=data.events.table["x"] + 400)
    moved = Events(table, "EPSG:32615", "America/Chicago", START, data.events.end)
    notes = HotSpots(periods=10).describe(DescriptionData(moved, data.grid)).notes
    assert notes[-1] == f"Hot spots do not count records outside the grid: {int((table['x'] > 1200).sum()):,}."


def test_periods_end_with_what_is_completely_reported():
    data = city([(5, 5, 0, 280)])
    late = replace(data.events, settles_after=pd.Timedelta(days=14))
    part = HotSpots(periods=3).describe(DescriptionData(late, data.grid))
    assert part.tables["hot_periods"]["last"].max() == data.events.end - pd.Timedelta(days=15)
    left = (data.events.table["occurred_at"] >= data.events.end - pd.Timedelta(days=14)).sum()
    assert f"Later records, whose period is not complete or not completely reported: {left:,}." in part.notes[0]


def test_periods_can_be_calendar_months():
    data = city([(5, 5, 0, 280)])  # from 1 January 2024, at any time of the day, to 7 October
    part = HotSpots(period_days=None, periods=4).describe(data)
    periods = part.tables["hot_periods"]
    assert [f"{day:%m-%d}" for day in periods["first"].unique()] == ["06-01", "07-01", "08-01", "09-01"]
    assert periods["last"].max() == pd.Timestamp("2024-09-30")
    month = data.events.table["occurred_at"].dt.month
    assert periods["events"].sum() == month.between(6, 9).sum()
    assert part.facts["period_length"] == "one month"
    assert f"not complete or not completely reported: {(month == 10).sum():,}." in part.notes[0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "student"}, "permutation, binomial, normal"),
        ({"correction": "bonferroni"}, "fdr_bh, holm, none"),
        ({"correct_over": "types"}, "cells, periods"),
        ({"period_days": 0}, "period_days=0"),
        ({"period_days": 10**12}, "description.hot_spots.period_days=1000000000000"),
        ({"periods": 2.5}, "whole number"),
        ({"significance": 5}, "between 0 and 1"),
        ({"hot_share": "10 %"}, "hot_share='10 %'"),
        ({"persistent_share": 80}, "persistent_share"),
    ],
)
def test_unusable_settings_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        HotSpots(**settings)
