"""Extents of jurisdictions in degrees, and how much two of them share."""

import math
from typing import Any, Final

EXTENT: Final = "extent"  # in a header and in a line: west, south, east, north in degrees
SAME_AREA: Final = 0.5
_EVERYWHERE: Final = (-180.0, -90.0, 180.0, 90.0)


def shared_area(one: Any, other: Any, *, of_larger: bool = False) -> float:
    """Return the area that two extents share, as a share of the smaller or the larger one.

    An extent that is missing or cannot be read is everywhere.
    """
    first, second = map(_box, (one, other))
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    sizes = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    size = max(sizes) if of_larger else min(sizes)
    return max(width, 0.0) * max(height, 0.0) / size if size > 0 else 1.0


def _box(extent: Any) -> tuple[float, ...]:
    try:
        box = tuple(map(float, extent))
    except (TypeError, ValueError):
        return _EVERYWHERE
    return box if len(box) == len(_EVERYWHERE) and all(map(math.isfinite, box)) else _EVERYWHERE
