from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Transformer

from ilp_models.data.coordinates import Coordinates
from ilp_models.data.exclusions import Exclusion, exclude_places
from ilp_models.data.file_format import SourceFile
from ilp_models.data.reader import RawRecords
from ilp_models.data.row_filter import RowFilter
from ilp_models.domain.errors import InputError

CRS, LON, LAT = "EPSG:32617", -79.4, 43.7
X, Y = Transformer.from_crs(4326, CRS, always_xy=True).transform(LON, LAT)
POINT = {"lon": LON, "lat": LAT, "radius_m": 20, "reason": "station"}


def located(*east):
    """Return points some metres east of the place."""
    none = np.zeros(len(east), dtype=bool)
    return Coordinates(X + np.array(east, dtype=float), np.full(len(east), Y), CRS, none, none, none, none)


def filter_of(count):
    table = pd.DataFrame({"what": ["Theft"] * count})
    file, number = np.zeros(count, dtype=np.int64), np.arange(1, count + 1)
    return RowFilter.from_records(RawRecords(table, (SourceFile(Path("a.csv"), "a.csv"),), file, number, (), (), ()))


def test_a_circle_holds_the_usable_points_up_to_its_radius():
    (circle,) = Exclusion.from_settings([POINT])
    usable = np.array([True, True, True, False])
    assert circle.contains(located(0, 19.9, 20.1, 0), usable).tolist() == [True, True, False, False]
    assert str(circle) == "within 20 m of lon -79.4, lat 43.7"
    assert circle.content == ""


def test_polygons_hold_the_points_inside_and_a_changed_file_is_another_exclusion(tmp_path):
    path = tmp_path / "a.geojson"

    def given(size):
        gpd.GeoDataFrame({}, geometry=[shapely.box(X - size, Y - size, X + size, Y + size)], crs=CRS).to_file(path)
        return Exclusion.from_settings([{"path": str(path), "reason": "camp"}])[0]

    one = given(30)
    assert one.contains(located(0, 29, 31), np.ones(3, dtype=bool)).tolist() == [True, True, False]
    assert str(one) == "in a.geojson"
    first = one.content
    assert given(31).content != first


def test_points_are_no_polygons(tmp_path):
    gpd.GeoDataFrame({}, geometry=[shapely.Point(X, Y)], crs=CRS).to_file(tmp_path / "a.geojson")
    (one,) = Exclusion.from_settings([{"path": str(tmp_path / "a.geojson"), "reason": "a point"}])
    with pytest.raises(InputError, match="must hold polygons only"):
        one.contains(located(0), np.ones(1, dtype=bool))


def test_rows_are_counted_once_and_named_with_share_and_reason():
    places = located(*[0, 5], *[100.0] * 98)
    circles = Exclusion.from_settings([{**POINT, "radius_m": 2}, POINT])
    rows, declared = exclude_places(filter_of(100), places, circles, ["what"])
    assert rows.remaining.tolist() == [False] * 2 + [True] * 98
    assert declared == (
        "1 records excluded within 2 m of lon -79.4, lat 43.7 (1.00%): station",
        "1 records excluded within 20 m of lon -79.4, lat 43.7 (1.00%): station",
    )


@pytest.mark.parametrize(("inside", "words"), [(0, "no record lies within 20 m"), (6, r"6 of 100 records \(6.0%\)")])
def test_no_record_and_more_than_a_twentieth_are_refused(inside, words):
    places = located(*[0.0] * inside, *[100.0] * (100 - inside))
    with pytest.raises(InputError, match=words):
        exclude_places(filter_of(100), places, Exclusion.from_settings([POINT]), [])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("everywhere", "must be a list"),
        (POINT, "must be a list"),
        ([{**POINT, "reason": " "}], "needs exactly these keys, with a reason"),
        ([{**POINT, "lat": 91}], "are not degrees"),
        ([{**POINT, "radius_m": 1001}], "at most 1000"),
        ([{**POINT, "lon": True}], "lon=True must be a number"),
    ],
)
def test_an_unusable_place_is_refused(settings, words):
    with pytest.raises(InputError, match=words):
        Exclusion.from_settings(settings)
