from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ilp_models.domain.aggregate import COLUMNS, area_levels, area_table
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.domain.history import History
from ilp_models.stats.distributions import fit_dispersion, quantiles
from tests.builders import city, events_of, forecast_on, poisson_counts, replay_of, square_grid

labels = st.lists(st.sampled_from(["A", "B", "C", None]), min_size=12, max_size=12)


def with_parents(grid, **levels):
    return replace(grid, parents=pd.DataFrame({name: pd.Series(one, dtype=object) for name, one in levels.items()}))


@settings(max_examples=30)
@given(arrays.arrays(float, (2, 12, 2), elements=st.floats(0, 30)), labels, labels)
def test_the_city_is_the_sum_of_its_districts_and_of_its_cells(expected, beats, districts):
    grid = with_parents(square_grid(), beat=beats, district=districts)
    table = area_table(forecast_on(grid, periods=2, expected=expected), grid)
    assert list(table.columns) == list(COLUMNS)
    assert table["level"].unique().tolist() == ["city", "beat", "district"]
    for level in ("city", "beat", "district"):
        rows = table[table["level"] == level].groupby(["crime_type", "period"], sort=False)["expected"].sum()
        np.testing.assert_allclose(rows.to_numpy().reshape(2, 2), expected.sum(axis=1), rtol=1e-12)
    assert ("(none)" in set(table.loc[table["level"] == "beat", "area"])) == (None in beats)
    for name in {label for label in beats if label}:
        rows = table[(table["level"] == "beat") & (table["area"] == name)]["expected"]
        inside = np.array([label == name for label in beats])
        np.testing.assert_allclose(rows, expected[:, inside].sum(axis=1).ravel(), rtol=1e-12)


def test_a_grid_without_parents_has_only_the_city():
    grid = replace(square_grid(), parents=pd.DataFrame())
    table = area_table(forecast_on(grid), grid)
    assert table["level"].tolist() == ["city", "city"]
    assert table["area"].unique().tolist() == ["(all)"]
    assert table["period"].unique().tolist() == ["2022-01-03"]


def past_of(shocks, cells=12, seed=0):
    """Return a replay whose cells share the shocks of their weeks."""
    expected = np.full((2, cells, len(shocks)), 5.0)
    observed = np.random.default_rng(seed).poisson(expected * shocks)
    past = replay_of(expected, observed)
    names = {"cell": [f"r{row}c{column}" for row in range(3) for column in range(4)][:cells]}
    cubes = {part: getattr(past, part).assign_coords(names) for part in ("expected", "observed")}
    return replace(past, **cubes)


def test_shared_shocks_widen_the_intervals_of_sums():
    grid = square_grid()
    forecast = forecast_on(grid, expected=np.full((2, 12, 1), 5.0))
    shocks = np.random.default_rng(1).gamma(25, 1 / 25, 60)
    wide, narrow = (area_table(forecast, grid, [past_of(one)]) for one in (shocks, np.ones(60)))
    ends = [one.query("level == 'city'")[["q05", "q95"]].to_numpy()[0] for one in (wide, narrow)]
    assert ends[0][1] - ends[0][0] > 1.6 * (ends[1][1] - ends[1][0])
    assert ends[1].tolist() == pytest.approx([60 - 1.65 * 60**0.5, 60 + 1.65 * 60**0.5], abs=2)


def test_quantiles_come_from_past_totals_of_the_level():
    grid, past = square_grid(), past_of(np.random.default_rng(1).gamma(25, 1 / 25, 60))
    table = area_table(forecast_on(grid, expected=np.full((2, 12, 1), 5.0)), grid, [past])
    west = np.array([parent == "West" for parent in grid.parents["neighbourhood"]])
    counts = [
        np.stack([one.values[0][part].sum(axis=0) for part in (west, ~west)]) for one in (past.observed, past.expected)
    ]
    dispersion = fit_dispersion(*counts)
    row = table.query("area == 'West'").iloc[0]
    assert row[list(QUANTILE_COLUMNS)].tolist() == quantiles(30.0, dispersion).tolist()


def test_cells_inactive_in_the_past_change_nothing():
    grid = square_grid()
    past = past_of(np.ones(20), cells=8)
    gone = replace(
        past, **{p: getattr(past, p).assign_coords(cell=["gone", *grid.cells[1:8]]) for p in ("expected", "observed")}
    )
    table = area_table(forecast_on(grid), grid, [gone])
    assert table[list(QUANTILE_COLUMNS)].notna().all(axis=None)


@pytest.mark.parametrize("past", [(), [past_of(np.ones(7))], [replace(past_of(np.ones(60)), lead=2)]])
def test_without_enough_past_totals_quantiles_are_missing(past):
    grid = square_grid()
    table = area_table(forecast_on(grid), grid, past)
    assert table[list(QUANTILE_COLUMNS)].isna().all(axis=None)
    assert table["expected"].notna().all()


def test_each_lead_has_the_dispersion_of_its_own_past_totals():
    grid = square_grid()
    near = past_of(np.ones(60))
    far = replace(past_of(np.random.default_rng(1).gamma(25, 1 / 25, 60)), lead=2)
    forecast = forecast_on(grid, periods=3, expected=np.full((2, 12, 3), 5.0))
    table = area_table(forecast, grid, [near, far])
    alone = [area_table(forecast, grid, [one]) for one in (near, far)]
    columns = list(QUANTILE_COLUMNS)
    for lead, period in enumerate(sorted(table["period"].unique())):
        rows = table["period"] == period
        if lead < 2:
            np.testing.assert_array_equal(table.loc[rows, columns], alone[lead].loc[rows, columns])
        else:
            assert table.loc[rows, columns].isna().all(axis=None)  # the backtest had no third lead
    city = table[(table["level"] == "city") & (table["crime_type"] == table["crime_type"].iloc[0])]
    width = (city["q95"] - city["q05"]).to_numpy()
    assert width[1] > 1.6 * width[0]


def test_areas_are_a_grid_with_summed_events():
    grid = with_parents(city(3, 4), beat=["A", "A", "B", None] * 3)
    grid = replace(grid, population=np.arange(12.0))
    events = events_of(poisson_counts((2, 12, 30), 0.7), grid)
    cells = History.from_events(events.end, events, grid, Calendar()).panel.values
    for level in area_levels(grid):
        areas = level.grid(grid)
        counted = History.from_events(events.end, events, areas, Calendar()).panel.values
        np.testing.assert_array_equal(counted, level.sums(cells))
        assert areas.area_m2.sum() == pytest.approx(grid.area_m2.sum())
        assert areas.population.sum() == 66
        assert sum(shape.area for shape in areas.geometry) == pytest.approx(grid.area_m2.sum())
    assert areas.cells.tolist() == ["A", "B", "(none)"]
    np.testing.assert_array_equal(areas.neighbours.toarray(), [[0, 1, 0], [1, 0, 1], [0, 1, 0]])
