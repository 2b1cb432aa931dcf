import json
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from ilp_models.export.cell_files import write_cells_geojson, write_cells_parquet, write_shapes_geojson
from tests.builders import square_grid

GRID = square_grid(1, 2)


def test_cells_keep_name_area_parents_and_polygon(tmp_path):
    write_cells_parquet(GRID, tmp_path / "cells.parquet")
    table = gpd.read_parquet(tmp_path / "cells.parquet")
    assert table["cell"].tolist() == list(GRID.cells)
    assert table["neighbourhood"].tolist() == ["West", "East"]
    assert table["area_m2"].tolist() == [250_000, 250_000]
    assert table.crs == GRID.crs
    assert table.geometry.geom_equals(gpd.GeoSeries(list(GRID.geometry), crs=GRID.crs)).all()


def test_geojson_is_in_degrees(tmp_path):
    write_cells_geojson(GRID, tmp_path / "cells.geojson")
    plain = json.loads((tmp_path / "cells.geojson").read_text())
    assert [one["properties"]["cell"] for one in plain["features"]] == list(GRID.cells)
    bounds = gpd.read_file(tmp_path / "cells.geojson").total_bounds
    expected = gpd.GeoSeries(list(GRID.geometry), crs=GRID.crs).to_crs(4326).total_bounds
    assert bounds == pytest.approx(expected)


def test_residents_of_cells_are_not_written(tmp_path):
    write_cells_parquet(replace(GRID, population=np.array([5.0, 7.0])), tmp_path / "cells.parquet")
    assert "population" not in gpd.read_parquet(tmp_path / "cells.parquet")


def test_any_table_of_polygons_can_be_written(tmp_path):
    table = pd.DataFrame({"unit": ["north"], "geometry": GRID.geometry[:1]})
    write_shapes_geojson(table, GRID.crs, tmp_path / "units.geojson")
    (feature,) = json.loads((tmp_path / "units.geojson").read_text())["features"]
    assert feature["properties"] == {"unit": "north"}
