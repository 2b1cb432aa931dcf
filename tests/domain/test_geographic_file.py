import os
import sqlite3
from zipfile import ZipFile

import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.geographic_file import GeographicFile, no_network

SHAPE = b"\x00\x00\x27\x0a"


def read(path, content):
    path.write_bytes(content)
    return GeographicFile.from_path(path, "data.path=")


@pytest.mark.parametrize(
    ("name", "content", "driver"),
    [
        ("a.geojson", b'{"type": "FeatureCollection"}', "GeoJSON"),
        ("a.JSON", b'\xef\xbb\xbf {"type": "FeatureCollection"}', "GeoJSON"),
        ("a.fgb", b"fgb\x03fgb\x01", "FlatGeobuf"),
        ("a.shp", SHAPE, "ESRI Shapefile"),
        ("a.osm", b'<?xml version="1.0"?><osm><node/>', "OSM"),
        ("a.pbf", b"\x00\x00\x00\x0d\x0a\x09OSMHeader", "OSM"),
    ],
)
def test_the_driver_follows_from_name_and_content(name, content, driver, tmp_path):
    file = read(tmp_path / name, content)
    assert file.driver == driver
    assert file.source == f"{'GeoJSON:' * (driver == 'GeoJSON')}{tmp_path / name}"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.geojson", b"", "the file is empty"),
        ("a.geojson", b"<OGRVRTDataSource/>", "its content is not GeoJSON"),
        ("a.geojson", b'{"crs": {"type": "link", "properties": {"href": "x"}}}', "its crs is not a name"),
        ("a.gpkg", b"not a database", "its content is not GeoPackage"),
        ("a.shp", b"fgb\x03fgb", "its content is not ESRI Shapefile"),
        ("a.zip", b"PK", "not a zip file"),
        ("a.osm", b"<osm><script/></osm>", "its content is not OpenStreetMap"),
        ("a.kml", b"<kml/>", "its name is not that of"),
    ],
)
def test_other_content_is_refused_with_the_file_and_a_way_out(name, content, words, tmp_path):
    with pytest.raises(InputError, match=words) as caught:
        read(tmp_path / name, content)
    assert str(caught.value).startswith(f"data.path={tmp_path / name} cannot be read")
    assert "onvert it to GeoPackage." in str(caught.value)


def test_a_geopackage_needs_its_table_of_contents(tmp_path):
    path = tmp_path / "a.gpkg"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE other (a)")
    database.commit()
    with pytest.raises(InputError, match="its content is not GeoPackage"):
        GeographicFile.from_path(path, "")
    database.execute("CREATE TABLE gpkg_contents (a)")
    database.commit()
    database.close()
    assert GeographicFile.from_path(path, "").driver == "GPKG"


def test_an_archive_is_repacked_with_the_parts_of_its_shapefile_only(tmp_path):
    path = tmp_path / "a.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr("folder/A.SHP", SHAPE)
        archive.writestr("readme.txt", "x")
    source = tmp_path / "clean.zip"
    source.write_bytes(GeographicFile.from_path(path, "").source)
    with ZipFile(source) as archive:
        assert archive.namelist() == ["A.shp"]


def test_the_network_is_off_inside_only(monkeypatch):
    monkeypatch.setenv("PROJ_NETWORK", "ON")
    monkeypatch.delenv("GDAL_HTTP_PROXY", raising=False)
    with no_network():
        assert os.environ["PROJ_NETWORK"] == "OFF"
        assert os.environ["GDAL_HTTP_PROXY"] == "none://none"
    assert os.environ["PROJ_NETWORK"] == "ON"
    assert "GDAL_HTTP_PROXY" not in os.environ
