import json
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import pytest
import rasterio
import shapely

from ilp_models.domain.disclaimers import CAVEAT, RESEARCH_ONLY, SCOPE
from ilp_models.domain.errors import InputError
from ilp_models.export import geojson
from ilp_models.export.writers import Export
from tests.builders import TYPES, forecast_on, square_grid
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


def test_geopackage_holds_a_layer_a_crime_type(forecast, tmp_path):
    path = written(forecast, tmp_path, "gpkg")
    assert [name for name, _ in pyogrio.list_layers(path)] == ["Assault", HOSTILE]
    layer = gpd.read_file(path, layer=HOSTILE)
    assert layer.crs == GRID.crs
    assert layer["cell"].tolist() == GRID.cells.tolist()
    np.testing.assert_array_equal(layer["expected"], forecast.expected.sel(crime_type=HOSTILE).values[:, 0])
    assert layer.geometry.geom_equals(gpd.GeoSeries(list(GRID.geometry), crs=GRID.crs)).all()


def test_geopackage_is_marked_where_a_gis_shows_it(forecast, tmp_path):
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


def test_geojson_refuses_a_grid_too_large_for_browsers(forecast, tmp_path, monkeypatch):
    monkeypatch.setattr(geojson, "MOST_CELLS", len(GRID) - 1)
    with pytest.raises(InputError, match="use formats parquet, gpkg or geotiff"):
        written(forecast, tmp_path, "geojson")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(geojson, "MOST_CELLS", len(GRID))
    assert written(forecast, tmp_path, "geojson").exists()


def test_fifty_thousand_is_the_limit_of_geojson():
    assert geojson.MOST_CELLS == 50_000


def test_csv_has_centres_and_marks_in_each_row(forecast, tmp_path):
    path = written(forecast, tmp_path, "csv")
    table = pd.read_csv(path)
    assert list(table.columns) == (
        [
            "cell",
            "area",
            "crime_type",
            "period",
            "expected",
            "q05",
            "q25",
            "q50",
            "q75",
            "q95",
            "rank",
            "share",
            "lat",
            "lon",
            "caveat",
            "grade",
            "decision",
        ]
    )
    longitude, latitude = degrees(630_250.0, 4_834_250.0)
    assert table.loc[0, "lat"] == pytest.approx(latitude, abs=1e-6)
    assert table.loc[0, "lon"] == pytest.approx(longitude, abs=1e-6)
    assert set(table["grade"]) == {"research"}
    assert set(table["decision"]) == {"none"}
    assert set(table["caveat"]) == {SCOPE}
    np.testing.assert_allclose(table["expected"], forecast.expected.values.ravel(), rtol=1e-5)
    facts = json.loads((tmp_path / "grid.csv.json").read_text(encoding="utf-8"))
    assert facts["caveat"] == CAVEAT
    assert facts["attribution"].endswith("Ontario.")


def test_geotiff_gives_each_cell_its_value(tmp_path):
    kept = np.ones(len(GRID), dtype=bool)
    kept[[0, 5]] = False
    grid = GRID.subset(kept)
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
def test_geotiff_refuses_cells_that_are_no_squares(tmp_path, change):

    geometry = GRID.geometry.copy()
    geometry[2] = change(geometry[2])
    grid = replace(GRID, geometry=geometry)
    with pytest.raises(InputError, match="needs square cells"):
        written(forecast_on(grid), tmp_path, "geotiff", grid)
    assert list(tmp_path.iterdir()) == []


def test_no_label_is_a_formula_in_a_spreadsheet(tmp_path):
    grid = square_grid()
    names = ["=HYPERLINK(1)", "+A2", "-B3", "@SUM(A1)"] * 3
    grid = replace(grid, parents=pd.DataFrame({"beat": names}))
    forecast = forecast_on(grid, types=("=1+1",))
    Export(("csv", "geojson")).write(forecast, grid, provenance_of(forecast), None, tmp_path)
    table = pd.read_csv(tmp_path / "grid.csv")
    assert table["area"].unique().tolist() == [f"'{name}" for name in names[:4]]
    assert set(table["crime_type"]) == {"'=1+1"}
    features = json.loads((tmp_path / "grid.geojson").read_text())["features"]
    assert features[0]["properties"]["area"] == names[0]
