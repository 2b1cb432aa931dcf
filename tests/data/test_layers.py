import datetime
import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from ilp_models.data.layers import LayerFile, read_layers
from ilp_models.domain.errors import InputError
from tests.builders import events_at

CRS = "EPSG:32617"
X, Y = 630_000.0, 4_834_000.0  # in Toronto
EVENTS = events_at([X, X + 4000], [Y, Y + 4000])

OSM = """<?xml version='1.0' encoding='UTF-8'?>
<osm version="0.6" generator="by hand">
<node id="1" lat="43.65" lon="-79.38" version="1"><tag k="amenity" v="bar"/><tag k="phone" v="555"/></node>
<node id="2" lat="43.66" lon="-79.39" version="1"><tag k="amenity" v="cafe"/></node>
<node id="3" lat="43.660" lon="-79.400" version="1"/>
<node id="4" lat="43.661" lon="-79.400" version="1"/>
<node id="5" lat="43.661" lon="-79.401" version="1"/>
<way id="10" version="1"><nd ref="3"/><nd ref="4"/><nd ref="5"/><nd ref="3"/>
<tag k="building" v="yes"/><tag k="amenity" v="bar"/></way>
<way id="11" version="1"><nd ref="3"/><nd ref="4"/><tag k="highway" v="residential"/></way>
</osm>
"""


def frame_of(*shapes, crs=CRS, **columns):
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=crs)


def point(east, north):
    return shapely.Point(X + east, Y + north)


BARS = frame_of(
    point(100, 100), point(200, 300), point(900, 0), kind=["bar", "pub", "cafe"], Owner=["Smith, A", "Lee, B", "Wu, C"]
)


def write(frame, path):
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".csv":
        lonlat = frame.to_crs("EPSG:4326").geometry
        table = pd.DataFrame(frame.drop(columns="geometry")).assign(Longitude=lonlat.x, Latitude=lonlat.y)
        table.to_csv(path, index=False)
    else:
        (frame.to_crs("EPSG:4326") if path.suffix == ".geojson" else frame).to_file(path)
    return str(path)


def places(layer):
    return sorted(map(tuple, (shapely.get_coordinates(layer.geometry) - [X, Y]).round(1).tolist()))


@pytest.mark.parametrize("name", ["bars.geojson", "bars.gpkg", "bars.shp", "bars.fgb", "bars.parquet", "bars.csv"])
def test_every_format_gives_the_same_geometry(name, tmp_path):
    columns = {"lon": "Longitude", "lat": "Latitude"} if name.endswith("csv") else {}
    settings = {"path": write(BARS, tmp_path / name), "filters": {"kind": ["bar", "pub"]}, "columns": columns}
    layer = LayerFile.from_settings("bars", settings).read(EVENTS)
    assert places(layer) == [(100, 100), (200, 300)]
    assert (layer.crs, layer.known_from) == (CRS, None)
    assert layer.note == f"Layer bars: 2 features of {name}, 1 excluded by filters; counts as known at all times."


def test_only_geometry_and_the_columns_of_the_filter_are_read(tmp_path, monkeypatch):
    path, read, asked = write(BARS, tmp_path / "bars.gpkg"), pyogrio.read_dataframe, []
    monkeypatch.setattr(pyogrio, "read_dataframe", lambda *a, **k: (asked.append(k["columns"]), read(*a, **k))[1])
    LayerFile("bars", path, filters={"kind": "bar"}).read(EVENTS)
    LayerFile("bars", path).read(EVENTS)
    assert asked == [["kind"], []]
    with pytest.raises(InputError, match=r"layers\.bars\.filters='Victim Name' looks like personal data"):
        LayerFile("bars", path, filters={"Victim Name": "Smith"})


def test_xy_of_delimited_text_needs_a_crs(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text(f"e;n;kind\n{X};{Y};bar\n;;bar\n")
    spec = {"path": str(path), "columns": {"x": "e", "y": "n"}}
    assert places(LayerFile.from_settings("bars", {**spec, "crs": CRS}).read(EVENTS)) == [(0, 0)]
    with pytest.raises(InputError, match=r"has no CRS; set it, such as layers\.bars\.crs"):
        LayerFile.from_settings("bars", spec).read(EVENTS)
    with pytest.raises(InputError, match=r"name its coordinate columns, such as 'layers\.bars\.columns="):
        LayerFile("bars", str(path)).read(EVENTS)


osm_driver = pytest.mark.skipif("OSM" not in pyogrio.list_drivers(), reason="this GDAL reads no OpenStreetMap files")


@osm_driver
def test_any_openstreetmap_tag_can_be_filtered(tmp_path):
    path = tmp_path / "extract.osm"
    path.write_text(OSM)
    bars = LayerFile("bars", str(path), filters={"amenity": "bar"}, sublayer="points").read(EVENTS)
    assert len(bars) == 1
    lonlat = gpd.GeoSeries(bars.geometry, crs=CRS).to_crs("EPSG:4326")
    assert (lonlat.x[0], lonlat.y[0]) == pytest.approx((-79.38, 43.65))
    both = LayerFile("bars", str(path), {"amenity": "bar"}, ["points", "multipolygons"], as_points=True).read(EVENTS)
    assert (len(both), both.kind) == (2, "points")
    with pytest.raises(InputError, match=r"mixes points and polygons; set layers\.bars\.as_points=true"):
        LayerFile("bars", str(path), {"amenity": "bar"}, ["points", "multipolygons"]).read(EVENTS)
    roads = LayerFile("roads", str(path), {"highway": "residential"}, "lines").read(EVENTS)
    assert (len(roads), roads.kind) == (1, "lines")
    with pytest.raises(InputError, match=r"holds several layers; set layers\.bars\.sublayer to one or more of points"):
        LayerFile("bars", str(path), {"amenity": "bar"}).read(EVENTS)
    with pytest.raises(InputError, match="has no layer 'point'"):
        LayerFile("bars", str(path), {"amenity": "bar"}, "point").read(EVENTS)


def test_multipart_features_are_split_and_outlines_repaired(tmp_path):
    bow = shapely.Polygon([(X, Y), (X + 100, Y + 100), (X + 100, Y), (X, Y + 100)])
    both = shapely.MultiPolygon([shapely.box(X, Y, X + 9, Y + 9), shapely.box(X + 50, Y, X + 59, Y + 9)])
    parks = LayerFile("parks", write(frame_of(bow, both), tmp_path / "parks.gpkg")).read(EVENTS)
    assert (parks.kind, len(parks)) == ("polygons", 4)
    assert shapely.is_valid(parks.geometry).all()
    assert shapely.area(parks.geometry).sum() == pytest.approx(2 * 50 * 100 / 2 + 2 * 81, rel=1e-6)
    assert "1 invalid outlines repaired" in parks.note


def test_an_outline_that_cannot_be_repaired_is_named(tmp_path):
    flat = shapely.Polygon([(X, Y), (X + 100, Y), (X, Y)])
    path = write(frame_of(shapely.box(X, Y, X + 9, Y + 9), flat), tmp_path / "parks.gpkg")
    with pytest.raises(InputError, match=r"layers\.parks: the geometry of feature 2 of .* cannot be repaired"):
        LayerFile("parks", path).read(EVENTS)


def test_distant_features_are_excluded_and_a_distant_layer_is_refused(tmp_path):
    paris, here = shapely.Point(2.35, 48.86), shapely.Point(-79.38, 43.65)
    world = frame_of(paris, here, shapely.Point(179.9, -89.0), crs="EPSG:4326")
    layer = LayerFile("bars", write(world, tmp_path / "world.geojson")).read(EVENTS)
    assert len(layer) == 1
    assert "2 farther than 20 km excluded" in layer.note
    path = write(frame_of(paris, crs="EPSG:4326"), tmp_path / "paris.geojson")
    with pytest.raises(InputError, match=r"no feature of .* lies within 20 km of the study area; they span 2\.35, 48"):
        LayerFile("bars", path).read(EVENTS)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, r"layers\.bars needs a file; set layers\.bars\.path=FILE"),
        ("bars.geojson", r"layers\.bars needs a file"),
        ({"pth": "b.gpkg"}, r"layers\.bars\.pth is not a setting of a layer \(did you mean 'path'\?\)"),
        (
            {"path": "b.gpkg", "filter": {}},
            r"layers\.bars\.filter is not a setting of a layer \(did you mean 'filters'\?\)",
        ),
        ({"path": "b.gpkg", "crs": "EPSG:9"}, r"layers\.bars\.crs=EPSG:9 is not a coordinate reference system"),
        ({"path": "b.gpkg", "known_from": "soon"}, r"layers\.bars\.known_from='soon' is not a day"),
        ({"path": "b.gpkg", "known_from": "2020-01-01T00:00Z"}, r"known_from='2020-01-01T00:00Z' has a time zone"),
    ],
)
def test_wrong_layer_settings_are_refused(settings, said):
    with pytest.raises(InputError, match=said):
        LayerFile.from_settings("bars", settings)


@pytest.mark.parametrize("said", [2030, 20300101, 2030.5, True, np.nan, pd.NaT, "NaT", "now", "01/02/2030"])
def test_known_from_must_be_a_day(said):
    with pytest.raises(InputError) as told:
        LayerFile.from_settings("bars", {"path": "b.gpkg", "known_from": said})
    assert str(told.value) == f"layers.bars.known_from={said!r} is not a day; write it in quotes, as '2019-01-31'."


@pytest.mark.parametrize("said", ["2020-05-01", datetime.date(2020, 5, 1), pd.Timestamp("2020-05-01")])
def test_known_from_takes_iso_text_and_dates(said, tmp_path):
    path = write(BARS, tmp_path / "bars.gpkg")
    assert LayerFile("bars", path, known_from=said).read(EVENTS).known_from == pd.Timestamp("2020-05-01")


def test_features_without_geometry_are_counted_separately(tmp_path):
    path = write(
        frame_of(point(100, 100), None, None, point(900, 0), kind=["bar", "bar", "cafe", "cafe"]), tmp_path / "b.gpkg"
    )
    every, bars = LayerFile("bars", path).read(EVENTS), LayerFile("bars", path, filters={"kind": "bar"}).read(EVENTS)
    assert every.note == "Layer bars: 2 features of b.gpkg, 2 without geometry excluded; counts as known at all times."
    assert "1 features of b.gpkg, 1 without geometry excluded, 2 excluded by filters;" in bars.note


def test_unusable_layer_files_are_refused(tmp_path):
    def complaint(path, **settings):
        with pytest.raises(InputError) as told:
            LayerFile.from_settings("bars", {"path": str(path), **settings}).read(EVENTS)
        assert "\n" not in str(told.value)
        return str(told.value)

    assert "there is no such file" in complaint(tmp_path / "none.gpkg")
    bad = tmp_path / "bad.geojson"
    bad.write_text("{nothing")
    assert f"layers.bars.path={bad} cannot be read" in complaint(bad)
    bars = write(BARS, tmp_path / "bars.gpkg")
    assert "has no column 'kin' (did you mean 'kind'?)" in complaint(bars, filters={"kin": "bar"})
    assert "no feature of" in complaint(bars, filters={"kind": "church"})
    assert "columns is for delimited text" in complaint(bars, columns={"x": "kind", "y": "kind"})
    empty = tmp_path / "empty.geojson"
    empty.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    assert "holds no feature with a geometry" in complaint(empty)
    lost = write(BARS, tmp_path / "lost.shp")
    (tmp_path / "lost.prj").unlink()
    assert "has no CRS" in complaint(lost)
    plain = tmp_path / "plain.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(plain)
    assert "is Parquet without geometry" in complaint(plain)


def test_all_layers_of_the_settings_are_read(tmp_path):
    path = write(BARS, tmp_path / "bars.gpkg")
    settings = {"pubs": {"path": path, "known_from": "2020-05-01"}, "bars": {"path": path}}
    layers = read_layers(settings, EVENTS)
    assert [layer.name for layer in layers.known] == ["pubs", "bars"]
    assert layers.known_at(pd.Timestamp("2020-04-30")).known_later == {"pubs": pd.Timestamp("2020-05-01")}
    assert layers.known[0].note.endswith("known from 2020-05-01.")
    assert np.isfinite(shapely.get_coordinates(layers.known[0].geometry)).all()


def test_names_of_places_follow_the_parts_and_are_in_no_digest(tmp_path):
    both = shapely.MultiPoint([point(100, 100), point(300, 300)])
    path = write(frame_of(both, point(900, 0), label=["Market Street", None]), tmp_path / "b.gpkg")
    plain, named = LayerFile("bars", path).read(EVENTS), LayerFile("bars", path, names="label").read(EVENTS)
    assert named.names.tolist() == ["Market Street", "Market Street", ""]
    assert plain.names is None
    assert named.digest == plain.digest


@pytest.mark.parametrize("column", ["victim_name", "suspect"])
def test_a_column_of_persons_names_no_place(column):
    with pytest.raises(InputError, match="looks like personal data"):
        LayerFile("bars", "bars.gpkg", names=column)


def test_names_of_persons_are_refused_as_names_of_places(tmp_path):
    people = ["John Smith", "Mary Jones", "Peter Brown", "Susan Clark", "David Evans", "Emma Wilson"] * 3
    path = write(frame_of(*[point(10 * n, 0) for n in range(18)], label=people), tmp_path / "b.gpkg")
    with pytest.raises(InputError, match=r"layers.bars.names"):
        LayerFile("bars", path, names="label").read(EVENTS)


def test_names_of_streets_pass(tmp_path):
    streets = [
        "King Street West",
        "Queen Street",
        "St. Clair Avenue",
        "Bathurst Street",
        "O'Connor Drive",
        "Jane Street",
    ]
    path = write(frame_of(*[point(10 * n, 0) for n in range(6)], label=streets), tmp_path / "b.gpkg")
    assert LayerFile("bars", path, names="label").read(EVENTS).names.tolist() == streets
