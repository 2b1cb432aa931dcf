import geopandas as gpd
import pytest

CRS = "EPSG:32617"


@pytest.fixture
def polygon_file(tmp_path):
    """Write polygons given in UTM to a file in degrees, and return its path."""

    def write(geometry, names=None, file="areas.gpkg", **columns):
        data = {**columns} if names is None else {"name": names, **columns}
        frame = gpd.GeoDataFrame(data, geometry=geometry, crs=CRS).to_crs("EPSG:4326")
        frame.to_file(tmp_path / file)
        return str(tmp_path / file)

    return write
