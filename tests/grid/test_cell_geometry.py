import numpy as np
import pytest
import shapely
from pyproj import CRS, Geod, Transformer

from ilp_models.domain.errors import InputError
from ilp_models.grid.hexagon import HexGrid
from ilp_models.grid.square import SquareGrid
from tests.builders import events_at

CITIES = {
    "Toronto": ("EPSG:32617", -79.38, 43.65),
    "London": ("EPSG:32630", -0.12, 51.5),
    "London, national grid": ("EPSG:27700", -0.12, 51.5),
    "Quito": ("EPSG:32717", -78.5, -0.2),
}


def around(crs, longitude, latitude):
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(longitude, latitude)
    return events_at([x, x + 9_000, x - 7_000], [y, y + 11_000, y - 5_000], crs=crs)


def geodesic_area(geometry, crs):
    """The oracle: the polygon's corners carried to the ellipsoid, its area summed along geodesics."""
    to_degrees = Transformer.from_crs(crs, CRS(crs).geodetic_crs, always_xy=True)
    on_ellipsoid = shapely.transform(geometry, lambda xy: np.column_stack(to_degrees.transform(xy[:, 0], xy[:, 1])))
    return abs(Geod(ellps="WGS84").geometry_area_perimeter(on_ellipsoid)[0])


@pytest.mark.parametrize("spec", [SquareGrid(500), HexGrid(500)], ids=["squares", "hexagons"])
@pytest.mark.parametrize("city", CITIES)
def test_a_cell_of_500_m_is_a_quarter_of_a_square_kilometre_in_any_city(spec, city):
    grid = spec.build(around(*CITIES[city]))
    assert len(grid) == 3
    assert grid.area_m2 == pytest.approx(250_000.0, rel=0.002)
    if city != "London, national grid":  # another ellipsoid
        assert grid.area_m2 == pytest.approx([geodesic_area(cell, grid.crs) for cell in grid.geometry], rel=2e-5)


@pytest.mark.parametrize("city", ["Toronto", "London", "Quito"])
def test_web_mercator_is_refused_even_near_the_equator(city):
    with pytest.raises(InputError, match=r"EPSG:3857 distorts lengths by .* % here.*data\.crs=auto"):
        SquareGrid(500).build(around("EPSG:3857", *CITIES[city][1:]))


def test_a_utm_zone_far_from_its_city_is_refused():
    with pytest.raises(InputError, match=r"EPSG:32610 distorts lengths by 1\d\.\d %"):
        HexGrid(500).build(around("EPSG:32610", *CITIES["Toronto"][1:]))


def test_coordinates_outside_the_projection_are_refused():
    with pytest.raises(InputError, match="where EPSG:27700 is not defined"):
        SquareGrid(500).build(events_at([1e9], [1e9], crs="EPSG:27700"))
