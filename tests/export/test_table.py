from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ilp_models.domain.errors import InputError
from ilp_models.domain.overused_points import OVERUSED_COLUMNS
from ilp_models.export.marking import mark
from ilp_models.export.reader import read_stored
from ilp_models.export.table import COLUMNS, CellTable, risk_table
from ilp_models.export.writers import Export
from tests.builders import forecast_on, square_grid
from tests.export.decisions import provenance_of

GRID = square_grid(2, 2)


def table_of(forecast, grid=GRID):
    return risk_table(forecast, CellTable.from_grid(grid), mark(forecast, provenance_of(forecast), None, "research"))


def test_one_cell_by_hand():
    table = table_of(forecast_on(GRID, types=("Assault",), expected=[0.1, 0.4, 0.3, 0.2]))
    assert tuple(table.columns) == COLUMNS
    row = table.set_index("cell").loc["r0c1"]
    assert (row["area"], row["crime_type"], row["period"]) == ("East", "Assault", "2022-01-03")
    assert row["expected"] == 0.4
    assert row["rank"] == 1
    assert row["share"] == pytest.approx(0.4)
    assert (row["q05"], row["q50"], row["q95"]) == (0, 0, 2)  # Poisson(0.4): F(0) = 0.67, F(1) = 0.938, F(2) = 0.992
    assert row["geometry"].equals(GRID.geometry[1])
    assert (row["grade"], row["decision"]) == ("research", "none")


def test_ties_have_the_better_rank():
    table = table_of(forecast_on(GRID, types=("Assault",), expected=[0.1, 0.4, 0.4, 0.2]))
    assert table["rank"].tolist() == [4, 1, 1, 3]


@settings(max_examples=30)
@given(arrays(float, (2, 4, 3), elements=st.floats(0, 50, allow_subnormal=False)))
def test_shares_add_up_and_ranks_follow_the_expected_count(expected):
    table = table_of(forecast_on(GRID, periods=3, expected=expected))
    for _, rows in table.groupby(["crime_type", "period"]):
        total = rows["expected"].sum()
        assert rows["share"].sum() == pytest.approx(1.0 if total > 0 else 0.0)
        above = [(rows["expected"] > value).sum() + 1 for value in rows["expected"]]
        assert rows["rank"].tolist() == above


def test_every_unit_has_its_own_value():
    forecast = forecast_on(GRID, periods=3)
    table = table_of(forecast)
    assert not table.duplicated(["crime_type", "cell", "period"]).any()
    for row in table.itertuples():
        assert row.expected == forecast.expected.sel(
            crime_type=row.crime_type, cell=row.cell, period=pd.Period(row.period, "W-SUN")
        )


def test_a_grid_of_other_cells_is_an_error():
    with pytest.raises(InputError, match="different cells"):
        table_of(forecast_on(GRID), square_grid(2, 3))


def test_a_grid_without_parents_has_empty_areas():
    bare = replace(GRID, parents=pd.DataFrame())
    assert np.unique(table_of(forecast_on(GRID), bare)["area"]).tolist() == [""]


def test_the_share_at_overused_points_is_a_column_and_survives_the_file(tmp_path):
    grid = square_grid()
    forecast = forecast_on(grid, periods=2)
    kind = str(forecast.expected.indexes["crime_type"][-1])
    rows = pd.DataFrame(
        [(kind, str(grid.cells[3]), 911, 911, 1.0), (kind, "elsewhere", 60, 60, 1.0)],
        columns=list(OVERUSED_COLUMNS),
    )
    places = CellTable.from_grid(grid, rows)
    assert places.digest() == CellTable.from_grid(grid).digest()  # decisions bind where cells lie, not this
    Export(("parquet", "csv", "geojson", "gpkg")).write(forecast, places, provenance_of(forecast), None, tmp_path)
    table = gpd.read_parquet(tmp_path / "forecast.parquet")
    marked = table[table["overused_points"] > 0]
    assert set(marked["cell"]) == {str(grid.cells[3])}
    assert set(marked["crime_type"]) == {kind}
    assert len(marked) == 2
    assert "overused_points" in pd.read_csv(tmp_path / "grid.csv")
    again = read_stored(tmp_path / "forecast.parquet")[1]
    assert again.overused[kind].tolist() == places.overused[kind].tolist()
    Export(("parquet",)).write(forecast, again, provenance_of(forecast), None, tmp_path / "again")
    second = gpd.read_parquet(tmp_path / "again" / "forecast.parquet")
    pd.testing.assert_series_equal(second["overused_points"], table["overused_points"])
