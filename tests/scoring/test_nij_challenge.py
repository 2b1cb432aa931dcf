from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ilp_models.domain.errors import InputError
from ilp_models.grid.hexagon import HexGrid
from ilp_models.grid.rectangle import RectangleGrid
from ilp_models.scoring.nij_challenge import (
    FOOT,
    NijScorer,
    cell_square_feet,
    expected_within,
    forecast_square_miles,
    least_cells,
    pai,
    pei,
    pooled_ratio,
)
from ilp_models.stats.bootstrap import Bootstrap
from tests.builders import SquareLocator, events_at, forecast_on, square_grid

MONDAY = pd.Timestamp("2021-01-04")
SIDE = 600 * FOOT
CORNER = (630_000.0, 4_834_000.0)
DOWN = np.arange(30.0, 0.0, -1.0)[None, :]  # forecasts the first cells


def grid_30():
    """Return 5 x 6 squares of 600 feet."""
    return replace(square_grid(5, 6, SIDE), locator=SquareLocator(5, 6, SIDE))


def events_in(cells, days=None):
    """Return an event in each of these cells of the grid, -1 for outside, at noon some days after the Monday."""
    cells = np.asarray(cells)
    x = np.where(cells < 0, CORNER[0] - 50, CORNER[0] + (cells % 6 + 0.5) * SIDE)
    y = CORNER[1] + (cells // 6 + 0.5) * SIDE
    after = np.zeros(len(cells)) if days is None else np.asarray(days)
    return events_at(x, y, MONDAY + pd.to_timedelta(after, unit="D") + pd.Timedelta(hours=12), types=("Theft",))


def test_n_and_the_indices_by_hand():
    # 3 of 8 events in the 20 cells forecast; who knew would have caught the 6 inside the grid; 2 fell outside it
    referee = NijScorer(grid_30(), events_in([0, 0, 0, 25, 25, 29, -1, -1]), 20)
    row = referee.count_hits(DOWN, MONDAY, 7).iloc[0]
    assert row[["caught", "events", "best"]].tolist() == [3, 8, 6]
    assert referee.square_miles == pytest.approx(20 * 360_000 / 27_878_400)
    # A = 147.71 and a = 0.258264 square miles: 571.93 times the share of 3 / 8
    assert pai(row["caught"], row["events"], referee.square_miles) == pytest.approx(214.475, abs=1e-3)
    assert pei(row["caught"], row["best"]) == pytest.approx(0.5)


def test_only_events_of_the_horizon_count():
    referee = NijScorer(grid_30(), events_in([0, 1, 2, 3], days=[6.4, 6.6, 13.4, -0.4 + 14]), 20)
    assert referee.count_hits(DOWN, MONDAY, 7)["events"].tolist() == [1]
    assert referee.count_hits(DOWN, MONDAY, 14)["events"].tolist() == [3]


def test_horizon_that_the_records_do_not_cover_is_refused():
    with pytest.raises(InputError, match=r"2021-02-01 .not included., not 2021-01-04 to 2021-02-04"):
        NijScorer(grid_30(), events_in([0]), 20).count_hits(DOWN, MONDAY, 31)


def test_ties_go_by_the_order_of_the_grid():
    referee = NijScorer(grid_30(), events_in([19, 20]), 20)
    assert referee.count_hits(np.ones((1, 30)), MONDAY, 7)["caught"].tolist() == [1]


@settings(max_examples=40)
@given(arrays(int, 30, elements=st.integers(0, 4)), arrays(float, (1, 30), elements=st.floats(0, 9)))
def test_oracle_has_a_pei_of_one_and_others_less(counts, expected):
    cells = np.repeat(np.arange(30), counts)
    referee = NijScorer(grid_30(), events_in([*cells, -1]), 20)
    knowing, other = (referee.count_hits(map_, MONDAY, 7).iloc[0] for map_ in (counts[None, :].astype(float), expected))
    assert knowing["caught"] == knowing["best"] == other["best"]
    assert 0 <= other["caught"] <= other["best"] <= other["events"] == len(cells) + 1
    if len(cells):
        assert pei(knowing["caught"], knowing["best"]) == 1


@settings(max_examples=20)
@given(arrays(float, (1, 30), elements=st.floats(0, 9), unique=True))
def test_order_of_a_forecast_is_all_that_counts(expected):
    referee = NijScorer(grid_30(), events_in([0, 3, 3, 7, 18, 29]), 20)
    caught = [
        referee.count_hits(one, MONDAY, 7)["caught"].item()
        for one in (expected, np.argsort(np.argsort(expected)) * 7.0)
    ]
    assert caught[0] == caught[1]


def test_indices_without_events_are_nan():
    assert np.isnan(pai(0, 0, 0.25))
    assert np.isnan(pei(np.zeros(2), np.zeros(2))).all()


@pytest.mark.parametrize(("feet", "cells"), [(250, 112), (600, 20), (300, 78), (500, 28)])
def test_smallest_number_of_cells_covers_a_quarter_square_mile(feet, cells):
    assert least_cells(feet**2) == cells
    assert cells * feet**2 >= 0.25 * 5280**2 > (cells - 1) * feet**2


def test_cells_are_measured_in_square_feet_on_the_map():
    assert cell_square_feet(square_grid(2, 2, SIDE)) == pytest.approx(360_000)


@pytest.mark.parametrize("shape", [(125, 500, 17.0), (400, 156.25, 80.0), (250, 250, 45.0)])
def test_rectangles_of_the_smallest_area_are_allowed_at_any_angle(shape):
    width, height, angle = shape
    grid = RectangleGrid(width * FOOT, height * FOOT, angle, active="closing").build(events_at([0, 300], [0, 300]))
    assert cell_square_feet(grid) == pytest.approx(62_500)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (RectangleGrid(249 * FOOT, 249 * FOOT), "62,500 to 360,000 sq ft, not 62,001"),
        (RectangleGrid(601 * FOOT, 601 * FOOT), "62,500 to 360,000 sq ft, not 361,201"),
        (RectangleGrid(124 * FOOT, 600 * FOOT, 30), "at least 125 ft wide, not 124.0"),
    ],
)
def test_cells_against_the_rules_are_refused(spec, said):
    events = events_at([0, 100], [0, 100])
    with pytest.raises(InputError, match=said):
        NijScorer(spec.build(events), events, 20)


def test_hexagons_are_equal_cells_too_and_their_width_is_that_between_sides():
    assert cell_square_feet(HexGrid(300 * FOOT).build(events_at([0, 500], [0, 0]))) == pytest.approx(90_000)


def test_unequal_cells_are_refused_by_name():
    grid = grid_30()
    shapes = grid.geometry.copy()
    shapes[7] = shapely.box(*(shapes[7].bounds + np.array([0, 0, 1.0, 0])))
    with pytest.raises(InputError, match="equal cells: r1c1 has 361,969 sq ft, most have 360,000"):
        cell_square_feet(replace(grid, geometry=shapes))


@pytest.mark.parametrize("cells", [19, 59])
def test_too_little_and_too_much_area_is_refused(cells):
    with pytest.raises(InputError, match=r"0.25 to 0.75 square miles"):
        forecast_square_miles(cells, 360_000, 100)


def test_more_cells_than_available_are_refused():
    with pytest.raises(InputError, match="the grid has 30"):
        NijScorer(grid_30(), events_in([0]), 31)


def test_last_week_of_a_horizon_counts_in_part():
    grid = square_grid(1, 2)
    forecast = forecast_on(grid, ("Theft",), 5, expected=np.array([[[1, 2, 3, 4, 7], [0, 0, 0, 0, 14]]]))
    assert expected_within(forecast, 7) == pytest.approx(np.array([[1, 0]]))
    assert expected_within(forecast, 31) == pytest.approx(np.array([[10 + 3, 6]]))
    with pytest.raises(InputError, match="not the 61 days from 2022-01-03"):
        expected_within(forecast, 61)


def test_pooled_scores_are_ratios_of_sums():
    one = pooled_ratio([1, 2, 3, 0], [2, 2, 4, 2], Bootstrap(block=1))
    assert one.value == pytest.approx(0.6)
    assert one.low <= one.value <= one.high
    assert one.error > 0


def test_standard_error_of_independent_origins_is_exact():
    values = np.random.default_rng(3).normal(0, 1, 400)
    found = pooled_ratio(values, np.ones(400), Bootstrap(block=1, draws=4000))
    assert found.error == pytest.approx(values.std() / 20, rel=0.05)


def test_differences_are_paired():
    generator = np.random.default_rng(5)
    events = generator.poisson(50, 40).astype(float)
    caught = generator.binomial(50, 0.4, 40) + events * generator.normal(0, 0.2, 40)
    how = Bootstrap(block=2)
    more = pooled_ratio(caught + 2, events, how, minus=(caught, events))
    assert more.value == pytest.approx(80 / events.sum())
    assert more.error < pooled_ratio(caught, events, how).error / 5
    same = pooled_ratio(caught, events, how, minus=(caught, events))
    assert (same.value, same.error, same.low, same.high) == (0, 0, 0, 0)


def test_fewer_than_three_blocks_have_no_interval():
    few = pooled_ratio([1.0, 2.0], [2.0, 2.0], Bootstrap(block=1))
    assert few.value == 0.75
    assert np.isnan([few.error, few.low, few.high]).all()
