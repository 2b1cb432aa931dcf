"""Exclusions of `data.exclude`: places whose records are artefacts, taken out with a reason and a count."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer

from ilp_models.data.coordinates import Coordinates
from ilp_models.data.layers import FeatureQuery, read_features
from ilp_models.data.row_filter import RowFilter
from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError
from ilp_models.domain.governance import is_blank
from ilp_models.domain.printable import printable

MAX_SHARE: Final = 0.05  # of the records with coordinates; more is another study area
_MAX_RADIUS_M: Final = 1000.0
_POINT: Final = {"lon", "lat", "radius_m", "reason"}
_POLYGONS: Final = {"path", "reason"}
_EXAMPLES: Final = "{lon: -79.5158, lat: 43.6121, radius_m: 20, reason: ...} or {path: areas.geojson, reason: ...}"


@dataclass(frozen=True)
class Exclusion:
    """A circle around a point, or the polygons of a file, whose records are not used."""

    reason: str
    lon: float = 0.0
    lat: float = 0.0
    radius_m: float = 0.0
    path: str = ""  # of polygons; empty for a circle

    @classmethod
    def from_settings(cls, settings: Sequence[Mapping[str, Any]]) -> tuple[Self, ...]:
        """Return the exclusions of ``data.exclude``: a list of points with radius and reason, or files with reason."""
        if isinstance(settings, str | Mapping) or not isinstance(settings, Sequence):
            msg = f"data.exclude={settings!r} must be a list. Write it '[{_EXAMPLES.partition(' or ')[0]}]'."
            raise InputError(msg)
        return tuple(cls._from_one(one) for one in settings)

    @classmethod
    def _from_one(cls, one: Mapping[str, Any]) -> Self:
        keys = set(one) if isinstance(one, Mapping) else set()
        if keys not in (_POINT, _POLYGONS) or is_blank(str(one["reason"] or "")):
            msg = f"data.exclude={one!r} needs exactly these keys, with a reason: {_EXAMPLES}."
            raise InputError(msg)
        reason = printable(str(one["reason"])).strip()
        if keys == _POLYGONS:
            return cls(reason, path=str(one["path"]))
        lon, lat, radius = (_number(name, one[name]) for name in ("lon", "lat", "radius_m"))
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            msg = f"data.exclude: lon={lon:g}, lat={lat:g} are not degrees; lon is -180 to 180, lat -90 to 90."
            raise InputError(msg)
        if not 0 < radius <= _MAX_RADIUS_M:
            msg = f"data.exclude: radius_m={radius:g} must be above 0 and at most {_MAX_RADIUS_M:g}; use path for more."
            raise InputError(msg)
        return cls(reason, lon, lat, radius)

    def __str__(self) -> str:
        """Return where the exclusion lies."""
        if self.path:
            return f"in {Path(self.path).name}"
        return f"within {self.radius_m:g} m of lon {self.lon:.10g}, lat {self.lat:.10g}"

    def contains(self, located: Coordinates, usable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return which usable rows lie inside."""
        inside = np.zeros(len(usable), dtype=bool)
        x, y = located.x[usable], located.y[usable]
        if self.path:
            area = self._area(located.crs)
            shapely.prepare(area)
            inside[usable] = shapely.intersects_xy(area, x, y)
            return inside
        centre = Transformer.from_crs(4326, located.crs, always_xy=True).transform(self.lon, self.lat)
        if np.isfinite(centre).all():
            inside[usable] = np.hypot(x - centre[0], y - centre[1]) <= self.radius_m
        return inside

    @property
    def content(self) -> str:
        """Digest of the polygons in words, so that a changed file is another exclusion; empty for a circle."""
        if not self.path:
            return ""
        found = self._features()
        return f", content {digest_of(str(found.crs), list(found.to_wkb()))[:16]}"

    def _features(self) -> gpd.GeoSeries:
        frame = read_features(Path(self.path), FeatureQuery("data.exclude", (), (), {}), None)
        return frame.geometry[~(frame.geometry.isna() | frame.geometry.is_empty)]

    def _area(self, crs: str) -> Any:
        found = self._features().to_crs(crs)
        if not len(found) or not found.geom_type.isin(["Polygon", "MultiPolygon"]).all():
            msg = f"data.exclude: {self.path} must hold polygons only. For points, give lon, lat and radius_m."
            raise InputError(msg)
        return shapely.union_all(shapely.make_valid(found.to_numpy()))


def exclude_places(
    rows: RowFilter, located: Coordinates, exclusions: tuple[Exclusion, ...], shown: Sequence[str]
) -> tuple[RowFilter, tuple[str, ...]]:
    """Remove the records of each exclusion; return the rows and, for each exclusion, number, place and reason.

    Raises InputError where an exclusion holds no record, or all together take out too many.
    """
    before, declared = rows.remaining, []
    total = int(before.sum())
    for one in exclusions:
        mask = one.contains(located, rows.remaining)
        count = int(mask.sum())
        if count == 0:
            msg = f"data.exclude: no record lies {one} ({one.reason}). Correct its place, or remove it."
            raise InputError(msg)
        rows = rows.remove(f"excluded {one}: {one.reason}", "left out", mask, shown, "declared by data.exclude.")
        declared.append(f"{count:,} records excluded {one}{one.content} ({count / total:.2%}): {one.reason}")
    lost = total - int(rows.remaining.sum())
    if lost > MAX_SHARE * total:
        msg = (
            f"data.exclude takes out {lost:,} of {total:,} records ({lost / total:.1%}), more than {MAX_SHARE:.0%}. "
            "Exclude less, or set data.bounds or data.filters, which define another study."
        )
        raise InputError(msg)
    return rows, tuple(declared)


def _number(name: str, value: Any) -> float:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not math.isfinite(number):
        msg = f"data.exclude: {name}={value!r} must be a number."
        raise InputError(msg)
    return number
