import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.data.coordinates import CoordinateReader, have_decimal_comma, parse_numbers
from ilp_models.domain.errors import InputError

TORONTO = (-79.7, 43.5, -79.0, 43.9)


def survey(**changes):
    made = {
        "roles": ("lon", "lat"),
        "input_crs": "EPSG:4326",
        "crs": "auto",
        "bounds": None,
        "time_zone": "America/Toronto",
    }
    return CoordinateReader(**{**made, **changes})


def lattice(lon=-79.4, lat=43.7, count=40):
    steps = np.arange(count)
    return pd.Series(lon + steps % 7 / 100), pd.Series(lat + steps % 5 / 100)


@pytest.mark.parametrize(
    ("lon", "lat", "zone", "crs"),
    [
        (-79.4, 43.7, "America/Toronto", "EPSG:32617"),
        (-0.1, 51.5, "Europe/London", "EPSG:32630"),
        (-78.5, -0.2, "America/Guayaquil", "EPSG:32717"),
        (151.2, -33.9, "Australia/Sydney", "EPSG:32756"),
    ],
)
def test_the_utm_zone_is_that_of_the_points(lon, lat, zone, crs):
    assert survey(time_zone=zone).locate(*lattice(lon, lat)).crs == crs


def test_projected_coordinates_are_accurate():
    """The CN Tower in UTM zone 17 north, as published: 630084 m east, 4833438 m north."""
    tower = survey(crs="EPSG:32617").locate(pd.Series(["-79.387222"]), pd.Series(["43.6425"]))
    assert tower.x[0] == pytest.approx(630084, abs=30)
    assert tower.y[0] == pytest.approx(4833438, abs=30)


@pytest.mark.parametrize(
    "changes", [{}, {"bounds": TORONTO}, {"crs": "EPSG:32617"}, {"bounds": TORONTO, "time_zone": "UTC"}]
)
@pytest.mark.parametrize("as_text", [True, False])
def test_each_bad_coordinate_has_one_reason(changes, as_text):
    lon, lat = lattice()
    lon[0], lat[0] = 0.0, 0.0
    lon[1] = np.nan
    lon[2], lat[2] = lat[2], lon[2]
    lon[3], lat[3] = 2.35, 48.85
    if as_text:
        lon, lat = lon.astype("str"), lat.astype("str")
        lat[4] = "north of here"
    places = survey(**changes).locate(lon, lat)
    assert np.flatnonzero(places.zero).tolist() == [0]
    assert np.flatnonzero(places.missing).tolist() == ([1, 4] if as_text else [1])
    assert np.flatnonzero(places.swapped).tolist() == [2]
    assert np.flatnonzero(places.outside).tolist() == [3]
    good = ~(places.zero | places.missing | places.swapped | places.outside)
    assert np.isfinite(places.x[good]).all()
    assert np.isfinite(places.y[good]).all()


@pytest.mark.parametrize(
    "changes", [{}, {"bounds": TORONTO, "time_zone": "UTC"}, {"crs": "EPSG:32617", "time_zone": "UTC"}]
)
def test_swapped_coordinates_are_refused(changes):
    lon, lat = lattice()
    with pytest.raises(InputError, match=r"lat and lon look swapped: exchange data.columns.lat and data.columns.lon\."):
        survey(**changes).locate(lat, lon)


def test_a_latitude_beyond_the_pole_shows_a_swap():
    lon, lat = lattice(151.2, -33.9)
    with pytest.raises(InputError, match="look swapped"):
        survey(time_zone="UTC").locate(lat, lon)


def test_swapped_feet_are_detected_by_the_area_of_use():
    east, north = pd.Series([7_650_000.0] * 5), pd.Series([683_000.0] * 5)
    made = survey(roles=("x", "y"), input_crs="EPSG:2913", time_zone="America/Los_Angeles")
    assert made.locate(east, north).crs == "EPSG:32610"
    with pytest.raises(InputError, match=r"y and x look swapped: exchange data.columns.y and data.columns.x"):
        made.locate(north, east)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crs": "EPSG:32633"}, r"100% .* outside the area of use of data.crs=EPSG:32633 \(12 to 18 degrees east"),
        ({"input_crs": "EPSG:32617", "roles": ("x", "y")}, r"outside the area of use of data.input_crs=EPSG:32617"),
        ({"bounds": (2.0, 48.0, 3.0, 49.0)}, r"outside data.bounds. Check data.input_crs=EPSG:4326"),
    ],
)
def test_a_wrong_crs_or_wrong_bounds_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        survey(**changes).locate(*lattice())


def test_metres_declared_as_degrees_are_refused():
    with pytest.raises(InputError, match=r"lon 630000, .* lies in no UTM zone. Check data.columns and data.input_crs"):
        survey().locate(pd.Series([630_000.0] * 3), pd.Series([4_834_000.0] * 3))


def test_without_usable_coordinates_the_crs_stays_auto():
    places = survey().locate(pd.Series([None, 0.0]), pd.Series([None, 0.0]))
    assert (places.crs, places.missing.tolist(), places.zero.tolist()) == ("auto", [True, False], [False, True])


@settings(max_examples=5)
@given(st.permutations(range(40)))
def test_the_order_of_records_changes_nothing(order):
    lon, lat = lattice()
    lon[3], lat[3] = 2.35, 48.85
    lon[7], lat[7] = lat[7], lon[7]
    places, shuffled = survey().locate(lon, lat), survey().locate(lon[list(order)], lat[list(order)])
    for name in ("x", "y", "swapped", "outside"):
        np.testing.assert_array_equal(getattr(places, name)[list(order)], getattr(shuffled, name))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("43,65", 43.65),
        ("-79,4", -79.4),
        ("630.084,5", 630084.5),
        ("630 084", 630084.0),
        ("43.65", None),
        ("1,2,3", None),
    ],
)
def test_numbers_with_a_decimal_comma_are_read_where_it_is_declared(text, value):
    (found,) = parse_numbers(pd.Series([text], dtype="str"), ",")
    assert (found == value) if value is not None else np.isnan(found)
    assert parse_numbers(pd.Series(["43.65"], dtype="str"), ".")[0] == 43.65


def test_a_decimal_comma_is_recognised():
    assert have_decimal_comma(pd.Series(["43,65", "43,66", None], dtype="str"))
    assert not have_decimal_comma(pd.Series(["43.65", "n/a"], dtype="str"))
    assert not have_decimal_comma(pd.Series([43.65]))
