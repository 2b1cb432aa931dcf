import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import rasterio
import shapely

from ilp_models.domain.disclaimers import CAVEAT, RESEARCH_ONLY
from ilp_models.domain.errors import InputError
from ilp_models.domain.recent_counts import RecentCounts
from ilp_models.export import gis_formats
from ilp_models.export.table import CellTable
from ilp_models.export.writers import Export
from ilp_models.stats.map_classes import class_edges
from tests.builders import TYPES, city, forecast_on, history_of, square_grid
from tests.export.decisions import provenance_of

GRID = square_grid()
HOSTILE = 'Break, "Enter" <b>'


@pytest.fixture(scope="module")
def forecast():
    return forecast_on(GRID, types=("Assault", HOSTILE))


def written(forecast, folder, form, grid=GRID):
    return Export((form,)).write(forecast, grid, provenance_of(forecast), None, folder)[0]


def degrees(x, y):
    return pyproj.Transformer.from_crs("EPSG:32617", "EPSG:4326", always_xy=True).transform(x, y)


def test_geojson_follows_rfc_7946(forecast, tmp_path):
    text = written(forecast, tmp_path, "geojson").read_text(encoding="utf-8")
    collection = json.loads(text)
    assert collection["type"] == "FeatureCollection"
    assert "crs" not in collection
    assert len(collection["features"]) == 2 * len(GRID)
    for feature in collection["features"]:
        assert set(feature) == {"type", "geometry", "properties"}
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.is_valid
        assert shape.exterior.is_ccw
        for longitude, latitude in feature["geometry"]["coordinates"][0]:
            assert -80 < longitude < -79
            assert 43 < latitude < 44
            assert longitude == round(longitude, 6)


def test_geojson_corner_and_facts(forecast, tmp_path):
    path = written(forecast, tmp_path, "geojson")
    collection = json.loads(path.read_text(encoding="utf-8"))
    first = shapely.geometry.shape(collection["features"][0]["geometry"])
    corners = np.array(first.exterior.coords)
    expected = np.array(degrees(630_000.0, 4_834_000.0))
    assert np.abs(corners - expected).max(axis=1).min() <= 0.5e-6
    assert collection["title"].startswith(RESEARCH_ONLY)
    assert collection["provenance"]["caveat"] == CAVEAT
    assert gpd.read_file(path).crs == "EPSG:4326"


def test_geojson_has_a_style_of_the_same_name_with_one_rule_a_type_and_period(tmp_path):
    forecast = forecast_on(GRID, types=("Assault", "Robber's \\"), periods=2)
    path = written(forecast, tmp_path, "geojson")
    root = ET.parse(path.with_suffix(".qml")).getroot()  # noqa: S314 - written by this test
    rules = root.findall("renderer-v2/rules/rule")
    assert [(rule.get("label"), rule.get("checkstate")) for rule in rules] == [
        ("Assault, 2022-01-03", None),
        ("Assault, 2022-01-10", "0"),
        ("Robber's \\, 2022-01-03", "0"),
        ("Robber's \\, 2022-01-10", "0"),
    ]
    assert rules[2].get("filter") == """"crime_type" = 'Robber''s \\\\' AND "period" = '2022-01-03'"""
    edges = class_edges(forecast.expected.values[1, :, 0])
    limits = [re.findall(r"[<>]=? ([-\de.]+)", rule.get("filter")) for rule in rules[2]]
    assert [float(low) for low, *_ in limits[1:]] == edges[1:-1].tolist()  # the lowest and highest class are open
    assert [float(parts[-1]) for parts in limits[:-1]] == edges[1:-1].tolist()
    assert RESEARCH_ONLY in root.findtext("resourceMetadata/abstract")
    columns = {alias.get("field") for alias in root.findall("aliases/alias")}
    assert columns == set(json.loads(path.read_text())["features"][0]["properties"])


def test_unknown_counts_are_null_and_days_are_iso_dates(tmp_path):
    grid, forecast = city(), forecast_on(city(), types=("a", "b"))
    recent = RecentCounts.from_history(history_of(np.ones((2, 12, 5), dtype=int), grid), forecast.periods)
    places = CellTable.from_grid(grid, recent=recent)
    path = Export(("geojson",)).write(forecast, places, provenance_of(forecast), None, tmp_path)[0]
    first = json.loads(path.read_text())["features"][0]["properties"]
    assert (first["last_week"], first["last_4_weeks"], first["same_week_last_year"]) == (1, 4, None)
    assert (first["start"], first["end"]) == ("2022-01-03", "2022-01-09")


def test_geojson_of_a_large_grid_is_an_error(forecast, tmp_path, monkeypatch):
    monkeypatch.setattr(gis_formats, "MAX_GEOJSON_CELLS", len(GRID) - 1)
    with pytest.raises(InputError, match="Use formats parquet, gpkg or geotiff"):
        written(forecast, tmp_path, "geojson")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(gis_formats, "MAX_GEOJSON_CELLS", len(GRID))
    assert written(forecast, tmp_path, "geojson").exists()


def test_the_geojson_limit_is_fifty_thousand_cells():
    assert gis_formats.MAX_GEOJSON_CELLS == 50_000


def test_geotiff_gives_each_cell_its_value(tmp_path):
    inside = np.ones(len(GRID), dtype=bool)
    inside[[0, 5]] = False
    grid = GRID.subset(inside)
    forecast = forecast_on(grid, types=TYPES, periods=2)
    with rasterio.open(written(forecast, tmp_path, "geotiff", grid)) as raster:
        assert raster.descriptions == tuple(f"{kind} {week}" for kind in TYPES for week in ("2022-01-03", "2022-01-10"))
        assert raster.crs.to_epsg() == 32617
        assert raster.res == (500.0, 500.0)
        assert raster.tags()["use"] == RESEARCH_ONLY
        assert raster.tags()["caveat"] == CAVEAT
        image = raster.read(4)
        centres = [(shape.centroid.x, shape.centroid.y) for shape in grid.geometry]
        values = [sample[3] for sample in raster.sample(centres)]
        np.testing.assert_allclose(values, forecast.expected.values[1, :, 1], rtol=1e-6)
        assert (image == raster.nodata).sum() == 2
        outside = next(raster.sample([(GRID.geometry[5].centroid.x, GRID.geometry[5].centroid.y)]))
        assert (outside == raster.nodata).all()


@pytest.mark.parametrize("change", [lambda s: shapely.affinity.scale(s, 0.9), lambda s: s.buffer(1.0, quad_segs=1)])
def test_geotiff_of_cells_that_are_not_square_is_an_error(tmp_path, change):
    geometry = GRID.geometry.copy()
    geometry[2] = change(geometry[2])
    grid = replace(GRID, geometry=geometry)
    with pytest.raises(InputError, match="needs square cells"):
        written(forecast_on(grid), tmp_path, "geotiff", grid)
    assert list(tmp_path.iterdir()) == []
