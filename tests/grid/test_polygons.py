import geopandas as gpd
import pandas as pd
import pytest
import shapely

from ilp_models.domain.errors import InputError
from ilp_models.grid.polygons import PolygonFile, read_polygons

CRS = "EPSG:32617"
BOX = shapely.box(500_000, 4_800_000, 501_000, 4_801_000)
BOW_TIE = shapely.Polygon([(500_000, 4_800_000), (501_000, 4_801_000), (501_000, 4_800_000), (500_000, 4_801_000)])


@pytest.mark.parametrize("file", ["areas.gpkg", "areas.geojson", "areas.shp", "areas.shp.zip"])
def test_polygons_are_projected(file, polygon_file):
    areas = read_polygons(polygon_file([BOX], ["Annex"], file), CRS, "name")
    assert areas.names == ("Annex",)
    assert areas.geometry[0].area == pytest.approx(1e6, rel=1e-4)
    assert shapely.hausdorff_distance(areas.geometry[0], BOX) < 1.0


def test_numbers_can_be_names(polygon_file):
    assert read_polygons(polygon_file([BOX], hood=[75]), CRS, "hood").names == ("75",)


def test_a_self_crossing_outline_is_repaired(polygon_file):
    areas = read_polygons(polygon_file([BOW_TIE], ["Bow"]), CRS, "name")
    assert shapely.is_valid(areas.geometry).all()
    assert areas.geometry[0].area == pytest.approx(0.5e6, rel=1e-3)


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match=r"polygon file nowhere\.gpkg: there is no such file in"):
        read_polygons("nowhere.gpkg", CRS)


def test_a_file_of_another_kind_is_named(tmp_path):
    (tmp_path / "notes.geojson").write_text("no polygons here")
    with pytest.raises(InputError, match=r"notes\.geojson cannot be read \(its content is not GeoJSON\)"):
        read_polygons(str(tmp_path / "notes.geojson"), CRS)


def test_a_table_without_geometry_is_named(tmp_path):
    (tmp_path / "areas.csv").write_text("name\nAnnex\n")
    with pytest.raises(InputError, match=r"areas\.csv cannot be read: its name is not that of GeoJSON"):
        read_polygons(str(tmp_path / "areas.csv"), CRS)


def test_an_empty_layer_is_named(tmp_path):
    (tmp_path / "areas.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(InputError, match=r"areas\.geojson holds no polygon"):
        read_polygons(str(tmp_path / "areas.geojson"), CRS)


def test_a_file_without_crs_is_named(tmp_path, polygon_file):
    path = polygon_file([BOX], ["Annex"], "areas.shp")
    (tmp_path / "areas.prj").unlink()
    with pytest.raises(InputError, match=r"areas\.shp has no CRS; add the \.prj file"):
        read_polygons(path, CRS, "name")


def test_a_missing_name_column_lists_those_there(polygon_file):
    with pytest.raises(InputError, match=r"areas\.gpkg has no column 'hood'; choose one of name, code"):
        read_polygons(polygon_file([BOX], ["Annex"], code=[1]), CRS, "hood")


def test_a_polygon_without_a_name_is_refused(polygon_file):
    with pytest.raises(InputError, match="column 'name' is empty in row 2"):
        read_polygons(polygon_file([BOX, BOX], ["Annex", None]), CRS, "name")


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (shapely.Point(500_000, 4_800_000), "a point without area"),
        (shapely.LineString([(500_000, 4_800_000), (501_000, 4_800_000)]), "a linestring without area"),
        (None, "nothing"),
    ],
)
def test_other_geometries_are_refused(odd, words, polygon_file):
    with pytest.raises(InputError, match=f"row 2 holds {words}; keep polygons only"):
        read_polygons(polygon_file([BOX, odd], ["Annex", "Odd"], "areas.geojson"), CRS)


def test_lines_in_collections_are_dropped(polygon_file):
    line = shapely.LineString([(501_000, 4_800_000), (502_000, 4_800_000)])
    mixed = shapely.GeometryCollection([shapely.MultiPolygon([BOX]), line])
    areas = read_polygons(polygon_file([mixed], ["Annex"], "areas.geojson"), CRS, "name")
    assert areas.geometry[0].geom_type in ("Polygon", "MultiPolygon")
    assert areas.geometry[0].area == pytest.approx(1e6, rel=1e-4)


def test_heights_are_ignored(tmp_path):
    raised = shapely.force_3d(BOX, 76.0)
    gpd.GeoDataFrame(pd.DataFrame({"name": ["Annex"]}), geometry=[raised], crs=CRS).to_file(tmp_path / "areas.gpkg")
    assert not shapely.has_z(read_polygons(str(tmp_path / "areas.gpkg"), CRS).geometry).any()


def test_a_polygon_file_is_read_when_needed(polygon_file):
    assert PolygonFile().read(CRS) is None
    assert PolygonFile().digest() == ""
    path = polygon_file([BOX, BOX], ["Annex", "Moss Park"], homes=[10, 30])
    areas = PolygonFile(path, weight="homes").read(CRS)
    assert areas.names == ("Annex", "Moss Park")
    assert areas.weights.tolist() == [10, 30]
    assert PolygonFile(path).read(CRS).weights is None
    assert PolygonFile(path).digest() != PolygonFile(path, weight="homes").digest()
    with pytest.raises(InputError, match=r"polygon file nowhere\.gpkg: there is no such file in"):
        PolygonFile("nowhere.gpkg")


@pytest.mark.parametrize("homes", [[10, -1], [10, float("nan")], ["10", "many"]])
def test_unusable_weights_are_refused(homes, polygon_file):
    path = polygon_file([BOX, BOX], ["Annex", "Moss Park"], homes=homes)
    with pytest.raises(InputError, match="'homes' is not a number >= 0 in row 2"):
        read_polygons(path, CRS, "name", "homes")
    with pytest.raises(InputError, match="has no column 'flats'; choose one of name, homes"):
        read_polygons(path, CRS, "name", "flats")
