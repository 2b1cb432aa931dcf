import json

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from ilp_models.data.delimited import DelimitedFiles
from ilp_models.data.file_format import find_files
from ilp_models.data.reader import read_records
from ilp_models.domain.errors import InputError

COLUMNS = {"occurred_at": "REPORT_DATE", "crime_type": "OFFENSE", "lat": "geometry_lat", "lon": "geometry_lon"}
FIRST = 1_609_756_200_000  # 2021-01-04 10:30 in UTC


def features(count=3, **changes):
    """Return records as ArcGIS exports them: milliseconds since 1970 and points."""
    for i in range(count):
        properties = {"REPORT_DATE": FIRST + i * 3_600_000, "OFFENSE": "THEFT", "Suspect": "Smith, A", **changes}
        point = {"type": "Point", "coordinates": [-79.4 + i / 100, 43.65]}
        yield {"type": "Feature", "properties": properties, "geometry": point}


def write_geojson(path, lines=None, **more):
    path.write_text(json.dumps({"type": "FeatureCollection", **more, "features": list(lines or features())}))
    return str(path)


def source(path, **changes):
    settings = {"columns": COLUMNS, "time_zone": "America/Toronto", "time_formats": ["epoch_ms"], **changes}
    return DelimitedFiles(path, **settings)


def test_points_with_epoch_times_become_events(tmp_path):
    events = source(write_geojson(tmp_path / "crimes.geojson")).read()
    assert events.table["occurred_at"].tolist() == list(pd.date_range("2021-01-04 05:30", periods=3, freq="h"))
    assert events.crs == "EPSG:32617"
    assert events.table["x"].tolist() == pytest.approx([629_032, 629_838, 630_644], abs=2)
    assert events.intake.person_columns_left == ("Suspect",)


def test_null_and_other_geometries_are_missing_coordinates(tmp_path):
    lines = list(features(30))
    lines[1]["geometry"] = None
    events = source(write_geojson(tmp_path / "crimes.geojson", lines), max_rejected_share=0.2).read()
    (found,) = [one for one in events.intake.findings if one.action == "set aside"]
    assert (found.rule, found.count) == ("coordinates missing or not numeric", 1)


def test_places_of_another_crs_are_converted_to_degrees(tmp_path):
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(630_084, 4_833_438)], crs="EPSG:32617")
    for name in ("crimes.gpkg", "crimes.shp"):
        frame.to_file(tmp_path / name)
        table = read_records(find_files(str(tmp_path / name), None), ("geometry_lon", "a")).table
        assert table["geometry_lon"].tolist() == pytest.approx([-79.387], abs=1e-3)
        assert table["a"].tolist() == ["1"]


def test_one_of_several_layers_must_be_named(tmp_path):
    path = tmp_path / "crimes.gpkg"
    for layer in ("a", "b"):
        gpd.GeoDataFrame({layer: [1]}, geometry=[shapely.Point(0, 0)], crs="EPSG:4326").to_file(path, layer=layer)
    with pytest.raises(InputError, match=r"has several layers\. Set data.sheet to one of 'a', 'b'"):
        read_records(find_files(str(path), None), ("a",))
    assert read_records(find_files(str(path), None), ("b",), sheet="b").table["b"].tolist() == ["1"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "its content is not GeoJSON"),
        ('{"type": "FeatureCollection", "features": [', "cannot be read"),
        (
            '{"type": "FeatureCollection", "crs": {"type": "link", "properties": {}}, "features": []}',
            "its crs is not a name",
        ),
    ],
)
def test_a_damaged_or_foreign_file_is_refused(tmp_path, content, message):
    (tmp_path / "crimes.geojson").write_text(content)
    with pytest.raises(InputError, match=message):
        read_records(find_files(str(tmp_path / "crimes.geojson"), None), ("geometry_lon",))


def test_polygons_are_no_records(tmp_path):
    square = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    path = write_geojson(tmp_path / "crimes.geojson", [{"type": "Feature", "properties": {}, "geometry": square}])
    with pytest.raises(InputError, match="holds no points"):
        read_records(find_files(path, None), ("geometry_lon",))
