"""GeoTIFF: one band a crime type and period, for square grids."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
from rasterio import Affine
from rasterio.io import MemoryFile

from ilp_models.domain.errors import InputError
from ilp_models.export.marking import Marking

NO_DATA: Final = -9999.0
_TOLERANCE: Final = 1e-3


@dataclass(frozen=True, eq=False)
class _Lattice:
    """Rows and columns of square cells, their size in metres and the upper left corner."""

    row: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    size: float
    left: float
    top: float


def write(table: gpd.GeoDataFrame, marking: Marking, path: Path) -> None:
    """Write the expected counts of a square grid as a GeoTIFF in its projected CRS."""
    units = table.groupby(["crime_type", "period"], sort=False, observed=True)
    cells = table.drop_duplicates("cell")
    lattice = _lattice(cells)
    position = cells.assign(row=lattice.row, column=lattice.column).set_index("cell")[["row", "column"]]
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": int(lattice.row.max()) + 1,
        "width": int(lattice.column.max()) + 1,
        "count": units.ngroups,
        "dtype": "float32",
        "crs": table.crs.to_wkt(),
        "transform": Affine(lattice.size, 0.0, lattice.left, 0.0, -lattice.size, lattice.top),
        "nodata": NO_DATA,
        "compress": "deflate",
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as raster:
            raster.update_tags(TIFFTAG_IMAGEDESCRIPTION=marking.headline, **marking.facts)
            for band, ((crime_type, period), rows) in enumerate(units, start=1):
                image = np.full((profile["height"], profile["width"]), NO_DATA, dtype=np.float32)
                where = position.loc[rows["cell"]].to_numpy()
                image[where[:, 0], where[:, 1]] = rows["expected"].to_numpy()
                raster.write(image, band)
                raster.set_band_description(band, f"{crime_type} {period}")
                raster.update_tags(band, units="expected events per cell and period")
        path.write_bytes(memory.read())  # GDAL itself does not raise when the disk is full


def _lattice(cells: gpd.GeoDataFrame) -> _Lattice:
    """Return where square cells lie, or refuse cells of another shape."""
    bounds = cells.bounds.to_numpy()
    width, height = bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1]
    size = float(width[0])
    left, top = float(bounds[:, 0].min()), float(bounds[:, 3].max())
    column, row = (bounds[:, 0] - left) / size, (top - bounds[:, 3]) / size
    offsets = np.concatenate([width - size, height - size, cells.area.to_numpy() / size - size])
    offsets = np.concatenate([offsets, size * (column - column.round()), size * (row - row.round())])
    if np.abs(offsets).max() > _TOLERANCE * size:
        msg = "GeoTIFF needs square cells of one size; use formats parquet, gpkg, geojson or csv for this grid."
        raise InputError(msg)
    return _Lattice(row.round().astype(np.int64), column.round().astype(np.int64), size, left, top)
