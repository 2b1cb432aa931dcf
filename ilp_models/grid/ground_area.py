"""Ground truth: what a square metre of the map is on the ground."""

from typing import Final

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Proj, Transformer

from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.floating]

_MOST_DISTORTION: Final = 0.01


def ground_area(planar: Floats, x: Floats, y: Floats, crs: str) -> npt.NDArray[np.float64]:
    """Return the area of cells on the ground: the area on the map over the map's areal scale at each cell."""
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
    """Refuse a stretching map; PROJ gives Web Mercator the scale of a sphere, so near the equator its name decides."""
    operation = projection.coordinate_operation
    web_mercator = operation is not None and "Pseudo Mercator" in operation.method_name
    if stretch > _MOST_DISTORTION or web_mercator:
        msg = (
            f"{crs} stretches lengths by {100 * stretch:.1f} % here, so cells would not have the size asked for; "
            "set data.crs=auto for the UTM zone of the data."
        )
        raise InputError(msg)
