"""A geographic file must not open an address or another file, under any name and with any content it contains."""

import contextlib
import json
import os
import sqlite3
import zipfile

import geopandas as gpd
import pyogrio
import pytest
import shapely

from ilp_models.data.layers import read_layers
from ilp_models.domain.errors import InputError
from ilp_models.domain.geographic_file import GeographicFile, no_network
from ilp_models.grid.polygons import PolygonFile, read_polygons
from tests.attacks.web_server import web_server
from tests.builders import events_at

SQUARE = {"type": "Polygon", "coordinates": [[[-79.4, 43.6], [-79.3, 43.6], [-79.3, 43.7], [-79.4, 43.6]]]}
FEATURES = [{"type": "Feature", "properties": {"name": "secret"}, "geometry": SQUARE}]
COLLECTION = {"type": "FeatureCollection", "features": FEATURES}


@pytest.fixture(scope="module")
def server():
    with web_server() as (address, requests):
        yield address, requests


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "elsewhere" / "secret.geojson"
    path.parent.mkdir()
    path.write_text(json.dumps(COLLECTION))
    return path


def vrt(source):
    layer = f'<OGRVRTLayer name="x"><SrcDataSource>{source}</SrcDataSource></OGRVRTLayer>'
    return f"<OGRVRTDataSource>{layer}</OGRVRTDataSource>"


def virtual_files(address, secret):
    """Return files by kind: each makes GDAL open an address or another file."""
    service = f"{address}/service"
    named = {"type": "name", "properties": {"name": f"{address}/crs"}}
    link = {"type": "link", "properties": {"href": f"{address}/crs", "type": "ogcwkt"}}
    url = {"type": "URL", "properties": {"url": f"{address}/crs"}}
    as_json = json.dumps({**COLLECTION, "crs": link})
    return {
        "VRT of a URL": vrt(f"/vsicurl/{service}.geojson"),
        "VRT of a file": vrt(secret),
        "VRT after blanks": "\n\n  " + vrt(secret),
        "VRT in a JSON text": json.dumps({**COLLECTION, "note": vrt(f"/vsicurl/{service}.geojson")}),
        "VRT in a comment of OSM": f"<osm><!-- {vrt(secret)} --></osm>",
        "VRT in an element of OSM": f"<?xml version='1.0'?><osm version='0.6'>{vrt(service)}</osm>",
        "WFS": f"<OGRWFSDataSource><URL>{service}</URL></OGRWFSDataSource>",
        "GML with a schema": f'<gml:Feature xmlns:gml="http://www.opengis.net/gml" schemaLocation="{service}"/>',
        "KML with a network link": f"<kml><NetworkLink><Link><href>{service}</href></Link></NetworkLink></kml>",
        "OGC API": json.dumps({"links": [{"rel": "data", "href": service}], "conformsTo": []}),
        "GDALG": json.dumps({"type": "gdal_streamed_alg", "command_line": f"gdal vector pipeline ! read {service}"}),
        "ESRI service": json.dumps(
            {"geometryType": "esriGeometryPoint", "features": [], "exceededTransferLimit": True}
        ),
        "TopoJSON": json.dumps({"type": "Topology", "objects": {}, "arcs": []}),
        "CRS by link": as_json,
        "CRS by URL": json.dumps({**COLLECTION, "crs": url}),
        "CRS with the name of an address": json.dumps({**COLLECTION, "crs": named}),
        "CRS in capitals": as_json.replace('"crs"', '"CRS"'),
        "CRS with escapes": as_json.replace('"crs"', '"\\u0063r\\u0073"'),
        "CRS with spaces": as_json.replace('"crs":', '"crs" \n :'),
        "CRS of a feature": json.dumps({**COLLECTION, "features": [{**FEATURES[0], "crs": link}]}),
        "CRS with two types": as_json.replace('"type": "link"', '"type": "name", "type": "link"'),
        "an address as text": service,
        "nothing": "",
    }


KINDS = list(virtual_files("", ""))
NAMES = ["areas.geojson", "areas.json", "areas.gpkg", "areas.shp", "areas.fgb", "areas.osm", "areas.vrt", "areas.xml"]


@pytest.mark.parametrize("kind", KINDS)
def test_virtual_files_read_nothing_else(kind, server, secret, tmp_path, monkeypatch):
    address, requests = server
    monkeypatch.setenv("GDAL_HTTP_TIMEOUT", "5")
    events, seen = events_at([500_000.0], [4_800_000.0]), len(requests)
    for name in NAMES:
        path = tmp_path / name
        path.write_text(virtual_files(address, secret)[kind])
        for read in (
            lambda path=path: read_polygons(str(path), "EPSG:32617", "name").names,
            lambda path=path: read_layers({"bars": {"path": str(path)}}, events),
        ):
            with contextlib.suppress(InputError):
                assert read() == ("secret",)  # its own feature
                assert kind == "VRT in a JSON text"  # a plain GeoJSON with an odd text in it
    assert len(requests) == seen


@pytest.mark.parametrize(
    "text",
    [
        "WFS:{}",
        "/vsicurl/{}/a.geojson",
        "{}/a.geojson",
        "GeoJSON:{}/a",
        "OAPIF:{}",
        "/vsizip//vsicurl/{}/a.zip",
        "//{}",
    ],
)
def test_addresses_are_refused_with_advice(text, server):
    address, requests = server
    seen = len(requests)
    for read in (lambda path: PolygonFile(path), lambda path: read_polygons(path, "EPSG:32617")):
        with pytest.raises(InputError, match=r"Download the file|no such file"):
            read(text.format(address))
    assert len(requests) == seen


def test_a_folder_with_the_name_of_an_address_is_no_way_out(server, tmp_path, monkeypatch):
    address, requests = server
    seen = len(requests)
    path = tmp_path / address.replace("//", "/") / "a.geojson"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(COLLECTION))
    monkeypatch.chdir(tmp_path)
    assert read_polygons(f"{address}/a.geojson", "EPSG:32617", "name").names == ("secret",)  # the local file
    assert len(requests) == seen


@pytest.mark.parametrize("text", ["WFS", "VRT of a URL", "CRS by link", "CRS by URL"])
def test_the_network_is_off_even_if_a_file_passes_the_check(text, server, secret, tmp_path, monkeypatch):
    address, requests = server
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    path, seen = tmp_path / "a.geojson", len(requests)
    path.write_text(virtual_files(address, secret)[text])
    with no_network(), contextlib.suppress(pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError):
        pyogrio.read_dataframe(path)
    assert len(requests) == seen
    assert os.environ["NO_PROXY"] == "127.0.0.1,localhost"


def test_the_attack_works_without_the_check(server, secret, tmp_path):
    """The server sees what GDAL alone would do, so that the tests above prove something."""
    address, requests = server
    path, seen = tmp_path / "a.geojson", len(requests)
    path.write_text(virtual_files(address, secret)["WFS"])
    with pytest.raises(pyogrio.errors.DataSourceError):
        pyogrio.read_dataframe(path)
    assert len(requests) > seen


@pytest.fixture
def package(tmp_path):
    path = tmp_path / "areas.gpkg"
    frame = gpd.GeoDataFrame({"name": ["A"]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:32617")
    frame.to_file(path, layer="areas", driver="GPKG")
    return path


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW v AS SELECT ogr_geocode('here') AS name",
        "CREATE VIEW v AS SELECT * FROM areas",
        "CREATE TABLE t (a TEXT, b TEXT GENERATED ALWAYS AS (upper(a)))",
        "CREATE TABLE t (a TEXT, b TEXT AS (lower(a)) STORED)",
        "CREATE VIRTUAL TABLE t USING fts3(a)",
    ],
)
def test_databases_that_compute_while_they_are_read_are_refused(statement, package):
    with sqlite3.connect(package) as database:
        database.execute(statement)
    database.close()
    with pytest.raises(InputError, match=r"view|virtual|computed"):
        read_polygons(str(package), "EPSG:32617", "name")


def test_a_plain_geopackage_passes(package):
    assert read_polygons(str(package), "EPSG:32617", "name").names == ("A",)


def test_a_database_that_is_no_geopackage_is_refused(tmp_path):
    path = tmp_path / "other.gpkg"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t (a TEXT)")
    database.close()
    with pytest.raises(InputError, match="not GeoPackage"):
        read_polygons(str(path), "EPSG:32617")


@pytest.mark.parametrize("ending", [".dbf", ".shx", ".prj", ".cpg", ".DBF"])
def test_a_pipe_beside_a_shapefile_does_not_block(ending, tmp_path):
    frame = gpd.GeoDataFrame({"name": ["A"]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:32617")
    frame.to_file(tmp_path / "areas.shp")
    (tmp_path / f"areas{ending}").unlink(missing_ok=True)
    os.mkfifo(tmp_path / f"areas{ending}")
    with pytest.raises(InputError, match="named pipe"):
        read_polygons(str(tmp_path / "areas.shp"), "EPSG:32617", "name")


@pytest.mark.parametrize("content", ["virtual", "two", "nested"])
def test_a_zipped_file_other_than_one_shapefile_is_refused(content, server, secret, tmp_path):
    address, requests = server
    seen, path = len(requests), tmp_path / "areas.shp.zip"
    members = {
        "virtual": {"areas.shp": vrt(f"/vsicurl/{address}/a")},
        "two": {"a.shp": "x", "b.shp": "x"},
        "nested": {"a.geojson": json.dumps(COLLECTION), "b.vrt": vrt(secret)},
    }[content]
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    with pytest.raises(InputError, match="cannot be read"):
        read_polygons(str(path), "EPSG:32617")
    assert len(requests) == seen


def test_only_the_checked_shapefile_of_an_archive_reaches_gdal(secret, tmp_path):
    frame = gpd.GeoDataFrame({"name": ["A"]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:32617")
    frame.to_file(tmp_path / "areas.shp")
    path = tmp_path / "areas.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("aaa.vrt", vrt(secret))
        for part in tmp_path.glob("areas.???"):
            if part != path:
                archive.write(part, part.name)
    assert read_polygons(str(path), "EPSG:32617", "name").names == ("A",)


@pytest.mark.parametrize("crs", ["EPSG:4326", "urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::32617"])
def test_a_crs_by_name_passes(crs, tmp_path):
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({**COLLECTION, "crs": {"type": "name", "properties": {"name": crs}}}))
    assert GeographicFile.from_path(path, "").driver == "GeoJSON"
    assert len(read_polygons(str(path), "EPSG:32617").geometry) == 1


def test_a_file_with_several_layers_needs_a_choice(tmp_path):
    path = tmp_path / "areas.gpkg"
    for layer in ("beats", "districts"):
        frame = gpd.GeoDataFrame({"name": [layer]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:32617")
        frame.to_file(path, layer=layer, driver="GPKG")
    with pytest.raises(
        InputError, match=r"several layers\. Set layer to one of beats, districts, such as grid\.layer="
    ):
        read_polygons(str(path), "EPSG:32617", "name")
    with pytest.raises(InputError, match=r"no layer 'areas'\. Set layer to one of beats, districts"):
        read_polygons(str(path), "EPSG:32617", "name", layer="areas")
    assert read_polygons(str(path), "EPSG:32617", "name", layer="districts").names == ("districts",)
    digests = {PolygonFile(str(path), layer=layer).digest() for layer in ("beats", "districts")}
    assert len(digests) == 2
