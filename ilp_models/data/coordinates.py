"""Project coordinates to metres and find missing, zero, swapped and distant ones."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info

from ilp_models.domain.errors import InputError

AUTO: Final = "auto"

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_HALF: Final = 0.5
_MARGIN_DEGREES: Final = 1.0
_KM_PER_DEGREE: Final = 111.2
_FAR_TIMES: Final = 10.0
_FAR_KM: Final = 25.0
_SWAP_FROM_KM: Final = 3000.0
_SWAP_TO_KM: Final = 1500.0
_WITH_COMMA: Final = "[+-]?([0-9]+|[0-9]{1,3}([. \u00a0\u202f][0-9]{3})+)(,[0-9]+)?"


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Projected coordinates, and masks of those that cannot be used: at most one mask is true per row."""

    x: Floats  # metres in crs; meaningless where a mask is true
    y: Floats
    crs: str  # projected, in metres
    missing: Mask
    zero: Mask
    swapped: Mask
    outside: Mask


@dataclass(frozen=True)
class CoordinateReader:
    """Projects published coordinates and checks where they lie."""

    roles: tuple[str, str]  # ("lon", "lat") or ("x", "y"), for messages
    input_crs: str  # of the coordinates in the files
    crs: str  # of the result, or auto for the UTM zone of the median point
    bounds: tuple[float, float, float, float] | None  # west, south, east, north of the study area in input_crs
    time_zone: str  # of the records; its main city shows roughly where they should lie
    decimal: str = "."  # decimal mark of numbers that are text

    def locate(self, first: pd.Series, second: pd.Series) -> Coordinates:
        """Return the projected coordinates; refuse them if most cannot be right."""
        a, b = (parse_numbers(values, self.decimal) for values in (first, second))
        missing = ~(np.isfinite(a) & np.isfinite(b))
        zero = ~missing & (a == 0) & (b == 0)
        usable = np.flatnonzero(~(missing | zero))
        masks = {name: np.zeros(len(a), dtype=bool) for name in ("swapped", "outside")}
        x, y = np.full(len(a), np.nan), np.full(len(a), np.nan)
        if len(usable) == 0:
            return Coordinates(x, y, self.crs, missing, zero, **masks)
        a, b = a[usable], b[usable]
        self._refuse_all_swapped(a, b)
        crs = self.crs if self.crs != AUTO else self._utm(a, b)
        inside = self._inside(a, b, crs, (a, b))
        wrong = np.flatnonzero(~np.logical_and.reduce(list(inside.values())))
        swapped = np.logical_and.reduce(list(self._inside(b[wrong], a[wrong], crs, (a, b)).values()))
        self._refuse_most(inside, int(swapped.sum()), len(a))
        masks["swapped"][usable[wrong[swapped]]] = True
        masks["outside"][usable[wrong[~swapped]]] = True
        x[usable], y[usable] = Transformer.from_crs(self.input_crs, crs, always_xy=True).transform(a, b)
        return Coordinates(x, y, crs, missing, zero, **masks)

    def _degrees(self, a: Floats, b: Floats) -> tuple[Floats, Floats]:
        """Return longitude and latitude; infinite where the projection is not defined."""
        if CRS.from_user_input(self.input_crs).is_geographic:
            return a, b
        lon, lat = Transformer.from_crs(self.input_crs, "EPSG:4326", always_xy=True).transform(a, b)
        return np.asarray(lon), np.asarray(lat)

    def _inside(self, a: Floats, b: Floats, crs: str, all_points: tuple[Floats, Floats]) -> dict[str, Mask]:
        """Return which points pass each check; the key names the failure."""
        passed = self._inside_input(a, b)
        lon, lat = self._degrees(a, b)
        if self.crs != AUTO:
            passed |= _in_area_of_use(lon, lat, "crs", crs)
        elif self.bounds is None:
            passed["far from all others"] = self._near(lon, lat, *self._degrees(*all_points))
        return passed

    def _inside_input(self, a: Floats, b: Floats) -> dict[str, Mask]:
        """Return the checks that do not depend on the CRS of the result."""
        lon, lat = self._degrees(a, b)
        passed = {"not degrees": (np.abs(lon) <= 180) & (np.abs(lat) <= 90)}
        if self.bounds is not None:
            west, south, east, north = self.bounds
            passed["outside data.bounds"] = (a >= west) & (a <= east) & (b >= south) & (b <= north)
        return passed | _in_area_of_use(lon, lat, "input_crs", self.input_crs)

    @staticmethod
    def _near(lon: Floats, lat: Floats, all_lon: Floats, all_lat: Floats) -> Mask:
        """Return which points lie within 25 km plus ten times the upper quartile of distances from the median point."""
        median = float(np.median(all_lon)), float(np.median(all_lat))
        limit = _FAR_TIMES * float(np.quantile(_kilometres(all_lon, all_lat, *median), 0.75)) + _FAR_KM
        return np.asarray(_kilometres(lon, lat, *median) <= limit)

    def _utm(self, a: Floats, b: Floats) -> str:
        lon, lat = (float(np.median(values)) for values in self._degrees(a, b))
        found = (
            query_utm_crs_info("WGS 84", AreaOfInterest(lon, lat, lon, lat)) if np.isfinite([lon, lat]).all() else []
        )
        if not found:
            msg = (
                f"The median point ({self.roles[0]} {np.median(a):g}, {self.roles[1]} {np.median(b):g} in "
                f"{self.input_crs}) lies in no UTM zone. Check data.columns and data.input_crs, or set data.crs."
            )
            raise InputError(msg)
        return f"EPSG:{found[0].code}"

    def _refuse_all_swapped(self, a: Floats, b: Floats) -> None:
        """Refuse coordinates that are possible, or near the city of the time zone, only when swapped."""
        as_given, swapped = (
            np.logical_and.reduce(list(self._inside_input(*pair).values())).mean() for pair in ((a, b), (b, a))
        )
        if (as_given < _HALF <= swapped) or self._nearer_when_swapped(float(np.median(a)), float(np.median(b))):
            raise InputError(self._swapped())

    def _nearer_when_swapped(self, lon: float, lat: float) -> bool:
        city = _zone_city(self.time_zone)
        if city is None or not CRS.from_user_input(self.input_crs).is_geographic:
            return False
        given_km, swapped_km = (
            _kilometres(np.array(pair[0]), np.array(pair[1]), *city) for pair in ((lon, lat), (lat, lon))
        )
        return bool(given_km > _SWAP_FROM_KM and swapped_km < _SWAP_TO_KM)

    def _refuse_most(self, inside: dict[str, Mask], swapped: int, count: int) -> None:
        if swapped >= _HALF * count:
            raise InputError(self._swapped())
        for failure, passed in inside.items():
            if passed.mean() <= _HALF:
                msg = (
                    f"{1 - passed.mean():.0%} of the coordinates are {failure}. Check data.input_crs={self.input_crs} "
                    f"and data.crs={self.crs} in the publisher's documentation, and data.bounds."
                )
                raise InputError(msg)

    def _swapped(self) -> str:
        second, first = self.roles
        return f"{first} and {second} look swapped: exchange data.columns.{first} and data.columns.{second}."


def parse_numbers(values: pd.Series, decimal: str) -> Floats:
    """Return numbers, NaN where a value is none; a decimal comma allows points and blanks between thousands."""
    if decimal == "," and not pd.api.types.is_numeric_dtype(values.dtype):
        text = values.astype("str").str.strip()
        whole = text.where(text.str.fullmatch(_WITH_COMMA, na=False))
        values = whole.str.replace("[. \u00a0\u202f]", "", regex=True).str.replace(",", ".", regex=False)
    return pd.to_numeric(values, errors="coerce").to_numpy(float, na_value=np.nan)


def have_decimal_comma(values: pd.Series) -> bool:
    """Return whether most values that are no numbers are numbers with a decimal comma."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return False
    others = values[pd.to_numeric(values, errors="coerce").isna() & values.notna()].astype("str").str.strip()
    return len(others) > 0 and bool(others.str.fullmatch("-?[0-9. \u00a0\u202f]+,[0-9]+").mean() > _HALF)


def _in_area_of_use(lon: Floats, lat: Floats, setting: str, crs: str) -> dict[str, Mask]:
    """Return which points lie in the area of use of a CRS; empty if the CRS does not define one."""
    area = CRS.from_user_input(crs).area_of_use
    if area is None:
        return {}
    box = f"{area.west:g} to {area.east:g} degrees east, {area.south:g} to {area.north:g} north"
    failure = f"outside the area of use of data.{setting}={crs} ({box})"
    return {failure: _in_box(lon, lat, (area.west, area.south, area.east, area.north))}


def _in_box(lon: Floats, lat: Floats, box: tuple[float, float, float, float]) -> Mask:
    west, south, east, north = box
    if west > east:  # across the date line
        between = (lon >= west - _MARGIN_DEGREES) | (lon <= east + _MARGIN_DEGREES)
    else:
        between = (lon >= west - _MARGIN_DEGREES) & (lon <= east + _MARGIN_DEGREES)
    return np.asarray(between & (lat >= south - _MARGIN_DEGREES) & (lat <= north + _MARGIN_DEGREES))


def _kilometres(lon: Floats, lat: Floats, to_lon: float, to_lat: float) -> Floats:
    """Return approximate distances: accurate nearby, good enough to distinguish continents."""
    east = np.abs(lon - to_lon)
    east = np.minimum(east, np.abs(360.0 - east)) * np.cos(np.radians(to_lat))
    return np.asarray(_KM_PER_DEGREE * np.hypot(east, lat - to_lat))


def _zone_city(time_zone: str) -> tuple[float, float] | None:
    """Return longitude and latitude of the main city of a time zone, None for zones without a city."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        fields = line.split("\t")
        if not line.startswith("#") and fields[2] == time_zone:
            cut = max(fields[1].rfind("+"), fields[1].rfind("-"))
            return _angle(fields[1][cut:], 4), _angle(fields[1][:cut], 3)
    return None


def _angle(text: str, whole: int) -> float:
    """Return degrees of ``+DDMM`` or ``-DDDMMSS``, where ``whole`` counts the sign and the digits of the degrees."""
    minutes, seconds = float(text[whole : whole + 2]), float(text[whole + 2 :] or 0)
    return float(f"{text[0]}1") * (float(text[1:whole]) + minutes / 60 + seconds / 3600)
