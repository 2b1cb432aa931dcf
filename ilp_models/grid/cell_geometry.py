"""Ground area of cells, corrected for map distortion, and the neighbour matrix of cells."""

from typing import Final

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Proj, Transformer
from scipy.sparse import coo_matrix, csr_matrix

from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.floating]
Index = npt.NDArray[np.integer]

_MAX_DISTORTION: Final = 0.01


def adjacency(left: Index, right: Index, size: int) -> csr_matrix:
    """Return the symmetric 0/1 matrix of pairs of neighbours."""
    rows = np.concatenate([left, right]).astype(np.int32)
    columns = np.concatenate([right, left]).astype(np.int32)
    ones = np.ones(len(rows), dtype=np.float32)
    return coo_matrix((ones, (rows, columns)), shape=(size, size)).tocsr()


def ground_area(planar: Floats, x: Floats, y: Floats, crs: str) -> npt.NDArray[np.float64]:
    """Return the ground area of cells: the map area divided by the areal scale of the projection at each cell."""
    projection = CRS.from_user_input(crs)
    to_degrees = Transformer.from_crs(projection, projection.geodetic_crs, always_xy=True)
    scale = Proj(projection).get_factors(*to_degrees.transform(x, y))
    areal = np.asarray(scale.areal_scale, dtype=float)
    if not np.isfinite(areal).all():
        msg = f"Some coordinates lie where {crs} is not defined; check data.crs and the order of x and y."
        raise InputError(msg)
    stretch = np.maximum(np.abs(scale.meridional_scale - 1), np.abs(scale.parallel_scale - 1))
    _refuse_distortion(projection, crs, float(np.median(stretch)))
    return np.asarray(planar / areal, dtype=np.float64)


def _refuse_distortion(projection: CRS, crs: str, stretch: float) -> None:
    """Refuse projections that distort lengths. Web Mercator is refused by name: PROJ underestimates its distortion."""
    operation = projection.coordinate_operation
    web_mercator = operation is not None and "Pseudo Mercator" in operation.method_name
    if stretch > _MAX_DISTORTION or web_mercator:
        msg = (
            f"{crs} distorts lengths by {100 * stretch:.1f} % here, so cells would not have the size that grid.size "
            "states. Set data.crs=auto for the UTM zone of the data."
        )
        raise InputError(msg)
