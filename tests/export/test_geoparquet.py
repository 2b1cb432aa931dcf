import json

import geopandas as gpd
import pyarrow.parquet as pq

from ilp_models.export.writers import Export
from tests.builders import forecast_on, square_grid
from tests.export.decisions import provenance_of

GRID = square_grid()


def stored(folder, forecast):
    return Export(("parquet",)).write(forecast, GRID, provenance_of(forecast), None, folder)[0]


def test_geopandas_opens_the_file(tmp_path):
    table = gpd.read_parquet(stored(tmp_path, forecast_on(GRID)))
    assert table.crs == GRID.crs
    assert len(table) == 2 * len(GRID)
    assert set(table["grade"]) == {"research"}


def test_the_file_contains_its_facts(tmp_path):
    record = json.loads(pq.read_schema(stored(tmp_path, forecast_on(GRID))).metadata[b"ilp_models"])
    assert record["facts"]["use"] == "research only - not for resource allocation"
    assert record["facts"]["caveat"].startswith("Groups are residents of areas.")
