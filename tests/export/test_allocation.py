import json
import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import xarray as xr

from ilp_models.domain.allocation import Allocation, Override
from ilp_models.domain.disclaimers import CAVEAT, SCOPE
from ilp_models.domain.errors import InputError
from ilp_models.export.allocation import COLUMNS, allocation_marking, allocation_table, write_allocation
from ilp_models.export.csv_tables import write_rows
from ilp_models.export.marking import mark
from ilp_models.export.qgis_style import EFFORT, map_groups
from ilp_models.export.table import CellTable
from ilp_models.stats.map_classes import class_edges
from tests.builders import forecast_on, square_grid
from tests.export.decisions import provenance_of


@pytest.fixture
def plan():
    """Return an allocation of two of twelve cells, its cell table and its marking."""
    grid = square_grid()
    forecast = forecast_on(grid)
    coords = {"cell": grid.cells, "period": forecast.periods}
    effort = np.zeros((12, 1))
    effort[[3, 7]] = 1.0
    cube = xr.DataArray(effort, dims=("cell", "period"), coords=coords)
    overrides = (Override(str(grid.cells[3]), "2022-01-03", 1.0, "S. Ergeant", "a fair"),)
    allocation = Allocation(
        cube, 2.0, "cells", "expected count covered", "top areas", cube * 0.3, cube, "f" * 64, overrides
    )
    marking = allocation_marking(
        mark(forecast, provenance_of(forecast), None, "research"), allocation, {"chosen_by": "A. Planner"}
    )
    return allocation, CellTable.from_grid(grid), marking


def test_every_format_has_every_cell_and_the_facts(plan, tmp_path):
    allocation, cell_table, marking = plan
    files = write_allocation(allocation_table(allocation, cell_table, marking), marking, tmp_path)
    assert [path.name for path in files] == [f"allocation.{form}" for form in ("parquet", "gpkg", "csv", "csv.json")]
    frames = gpd.read_parquet(files[0]), pyogrio.read_dataframe(files[1], layer="allocation"), pd.read_csv(files[2])
    for frame in frames:
        assert len(frame) == 12
        assert frame.loc[frame["effort"] > 0, "cell"].tolist() == ["r0c3", "r1c3"]
        np.testing.assert_allclose(frame["covered"].sum(), 0.6)
    assert frames[2]["caveat"].dropna().tolist() == [SCOPE]
    centres = cell_table.geometry.centroid.to_crs("EPSG:4326")
    np.testing.assert_allclose(frames[2][["lon", "lat"]], np.c_[centres.x, centres.y], rtol=0, atol=1e-6)
    stored = json.loads(pq.read_schema(files[0]).metadata[b"ilp_models"])["facts"]
    for facts in (
        stored,
        json.loads(files[3].read_text()),
        pyogrio.read_info(files[1], layer="allocation")["layer_metadata"],
    ):
        assert (facts["caveat"], facts["budget"]) == (CAVEAT, "2 cells in each period")
        assert facts["overrides"] == "r0c3 in 2022-01-03: 1, S. Ergeant: a fair"
        assert facts["chosen_by"] == "A. Planner"


def test_a_layer_with_missing_rows_is_an_error(plan, tmp_path, monkeypatch):
    allocation, cell_table, marking = plan
    write = pyogrio.write_dataframe
    monkeypatch.setattr(pyogrio, "write_dataframe", lambda rows, *rest, **more: write(rows.iloc[1:], *rest, **more))
    with pytest.raises(OSError, match=r"layer allocation of allocation\.gpkg is incomplete"):
        write_allocation(allocation_table(allocation, cell_table, marking), marking, tmp_path)


def test_other_cells_are_an_error(plan):
    allocation, _, marking = plan
    with pytest.raises(InputError, match="different cells"):
        allocation_table(allocation, CellTable.from_grid(square_grid(2, 2)), marking)


def test_labels_are_not_formulas(plan, tmp_path):
    _, _, marking = plan
    rows = pd.DataFrame({"area": ["=1+1", None], "effort": [1 / 3, 2.0], "under": [True, False]})
    table = pd.read_csv(write_rows(rows, marking, tmp_path / "rows.csv")[0])
    assert table["area"].tolist()[0] == "'=1+1"
    assert table["effort"].tolist() == [0.333333, 2.0]
    assert table["under"].tolist() == [True, False]


def test_the_columns_of_the_package_have_names_in_words(plan, tmp_path):
    allocation, cell_table, marking = plan
    write_allocation(allocation_table(allocation, cell_table, marking), marking, tmp_path)
    with closing(sqlite3.connect(tmp_path / "allocation.gpkg")) as package:
        names = dict(package.execute("SELECT column_name, name FROM gpkg_data_columns"))
    assert names["inclusion"] == "Probability of effort"
    assert set(names) == {*COLUMNS} - {"geometry"}


def test_the_package_opens_with_the_cells_that_have_effort(plan, tmp_path):
    allocation, cell_table, marking = plan
    write_allocation(allocation_table(allocation, cell_table, marking), marking, tmp_path)
    with closing(sqlite3.connect(tmp_path / "allocation.gpkg")) as package:
        ((layer, title, style, note),) = package.execute(
            "SELECT f_table_name, styleName, styleQML, description FROM layer_styles"
        )
    assert (layer, title, note) == ("allocation", "Effort", marking.note)
    assert CAVEAT in note
    root = ET.fromstring(style)  # noqa: S314 - written by this test
    assert root.get("labelsEnabled") == "0"  # the same label in each cell would be no help
    renderer = root.find("renderer-v2")
    assert renderer.get("attr") == "effort"
    (one,) = renderer.findall("ranges/range")  # both cells have 1; those without effort are in no class
    assert (one.get("lower"), one.get("upper"), one.get("label")) == ("1.0", "1.0", "1")


def test_several_periods_show_effort_by_rules_that_leave_out_zero(plan):
    allocation, cell_table, marking = plan
    table = allocation_table(allocation, cell_table, marking)
    later = table.assign(period="2022-01-10", effort=np.arange(12.0))
    groups = map_groups(pd.concat([table, later]), ("period",), EFFORT)
    assert [group.condition for group in groups] == [
        f'"period" = \'{period}\' AND "effort" > 0' for period in ("2022-01-03", "2022-01-10")
    ]
    assert groups[1].edges.tolist() == class_edges(np.arange(1.0, 12.0)).tolist()
    assert map_groups(table.assign(effort=0.0), ("period",), EFFORT) == []
