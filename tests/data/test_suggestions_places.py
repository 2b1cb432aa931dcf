import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer

from ilp_models.data.suggestions.places import candidates, find_points, suggest_crs, suggest_time_zone

RNG = np.random.default_rng(0)
CITIES = {  # EPSG, longitude, latitude, time zone
    "Leeds": (27700, -1.55, 53.80, "Europe/London"),
    "Portland in feet": (2269, -122.67, 45.52, "America/Los_Angeles"),
    "Miami in US survey feet": (2236, -80.20, 25.78, "America/New_York"),
    "Bern": (2056, 7.45, 46.95, "Europe/Zurich"),
    "Amsterdam": (28992, 4.90, 52.37, "Europe/Amsterdam"),
    "Toronto in UTM": (32617, -79.38, 43.65, "America/Toronto"),
    "Web Mercator": (3857, -79.38, 43.65, "America/Toronto"),
}


def grid(code, lon, lat):
    lons, lats = lon + RNG.normal(0, 0.02, 200), lat + RNG.normal(0, 0.02, 200)
    x, y = Transformer.from_crs(4326, code, always_xy=True).transform(lons, lats)
    return pd.DataFrame({"X_COORD": x.round(1), "Y_COORD": y.round(1)})


@pytest.mark.parametrize("city", CITIES)
def test_the_true_grid_is_among_the_candidates(city):
    code, lon, lat, zone = CITIES[city]
    points = find_points(grid(code, lon, lat))
    assert not points.degrees
    found = candidates(points.x, points.y)
    assert any(abs(one.lon - lon) < 0.02 and abs(one.lat - lat) < 0.02 and one.time_zone == zone for one in found)


@pytest.mark.parametrize("city", CITIES)
def test_a_nearby_place_decides_between_grids(city):
    code, lon, lat, _ = CITIES[city]
    found = suggest_crs(find_points(grid(code, lon, lat)), near=(round(lat), round(lon)))
    back = Transformer.from_crs(found.value, 4326, always_xy=True).transform(*grid(code, lon, lat).median().to_numpy())
    assert back == pytest.approx((lon, lat), abs=0.02)
    assert found.confidence in ("likely", "check")


def test_many_possible_grids_are_a_question_and_no_guess():
    found = suggest_crs(find_points(grid(2236, -80.20, 25.78)))
    assert (found.confidence, found.value) == ("open", None)
    assert len(found.alternatives) > 2


def test_degrees_need_no_crs_and_win_over_a_grid():
    table = grid(32617, -79.38, 43.65).assign(Latitude=43.65, Longitude=-79.38)
    points = find_points(table)
    assert points.degrees
    assert points.columns == ("Longitude", "Latitude")
    assert points.suggestions[0].alternatives == ("X_COORD, Y_COORD",)
    assert suggest_crs(points) is None


@pytest.mark.parametrize(
    ("lon", "lat", "zone", "country"),
    [
        (-79.38, 43.65, "America/Toronto", "CA"),
        (-1.55, 53.80, "Europe/London", "GB"),
        (19.82, 41.33, "Europe/Tirane", "AL"),
        (151.2, -33.87, "Australia/Sydney", "AU"),
    ],
)
def test_the_time_zone_and_country_follow_from_the_place(lon, lat, zone, country):
    found = {one.setting: one.value for one in suggest_time_zone(np.full(5, lon), np.full(5, lat))}
    assert found == {"time_zone": zone, "country": country}


def test_a_border_is_named_and_the_sea_is_a_question():
    (zone, _) = suggest_time_zone(np.full(5, -106.44), np.full(5, 31.80))
    assert zone.confidence == "check"
    assert {"America/Denver", "America/Ciudad_Juarez"} <= {zone.value, *zone.alternatives}
    (zone,) = suggest_time_zone(np.full(5, -40.0), np.full(5, 30.0))
    assert (zone.confidence, zone.value) == ("open", None)
