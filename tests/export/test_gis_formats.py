import json
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pyogrio
import pyproj
import pytest
import rasterio
import shapely

from ilp_models.domain.disclaimers import CAVEAT, RESEARCH_ONLY
from ilp_models.domain.errors import InputError
from ilp_models.export import gis_formats
from ilp_models.export.writers import Export
from tests.builders import TYPES, forecast_on, square_grid
from tests.export.decisions import provenance_of

GRID = square_grid()
HOSTILE = 'Break, "Enter" <b>'
LAYER = "Break, Enter b"


@pytest.fixture(scope="module")
def forecast():
    return forecast_on(GRID, types=("Assault", HOSTILE))


def written(forecast, folder, form, grid=GRID):
    return Export((form,)).write(forecast, grid, provenance_of(forecast), None, folder)[0]


def degrees(x, y):
    return pyproj.Transformer.from_crs("EPSG:32617", "EPSG:4326", always_xy=True).transform(x, y)


def test_geopackage_has_one_layer_per_crime_type(forecast, tmp_path):
    path = written(forecast, tmp_path, "gpkg")
    assert [name for name, _ in pyogrio.list_layers(path)] == ["Assault", LAYER]
    layer = gpd.read_file(path, layer=LAYER)
    assert layer["crime_type"].unique().tolist() == [HOSTILE]
    assert pyogrio.read_info(path, layer=LAYER)["layer_metadata"]["IDENTIFIER"].startswith(f"{HOSTILE}: ")
    assert layer.crs == GRID.crs
    assert layer["cell"].tolist() == GRID.cells.tolist()
    np.testing.assert_array_equal(layer["expected"], forecast.expected.sel(crime_type=HOSTILE).values[:, 0])
    assert layer.geometry.geom_equals(gpd.GeoSeries(list(GRID.geometry), crs=GRID.crs)).all()


def test_geopackage_is_marked_in_layer_metadata(forecast, tmp_path):
    path = written(forecast, tmp_path, "gpkg")
    info = pyogrio.read_info(path, layer="Assault")
    assert info["dataset_metadata"]["use"] == RESEARCH_ONLY
    assert info["dataset_metadata"]["recipe"] == forecast.recipe
    assert info["layer_metadata"]["IDENTIFIER"].startswith(f"Assault: {RESEARCH_ONLY}")
    assert info["layer_metadata"]["DESCRIPTION"] == CAVEAT


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
