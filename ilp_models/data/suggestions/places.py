"""Suggest the columns of coordinates, the CRS that they are in, and the time zone of the place."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import tzfpy
from pyproj import Proj
from pyproj.database import CRSInfo, query_crs_info
from pyproj.enums import PJType

from ilp_models.data.coordinates import have_decimal_comma, parse_numbers
from ilp_models.data.geographic_records import LAT, LON
from ilp_models.data.suggestions.names import axis_of
from ilp_models.domain.suggestion import Suggestion

Floats = npt.NDArray[np.float64]

_NUMERIC: Final = 0.5  # smallest share of numbers in a column of coordinates
_INSIDE: Final = 0.95
_SAMPLE: Final = 300
_NEAR_DEGREES: Final = 0.15  # where another time zone is looked for
_NEAR_PLACE: Final = 1.0  # degrees from the given place
_SAME_PLACE: Final = 0.1  # degrees: the same grid on another datum
_MOST_SHOWN: Final = 6
_SEA: Final = "Etc/"
_NATIONAL: Final = (
    r"OSGB36 / British|TM65 / Irish Grid|IRENET95 / Irish|Amersfoort / RD New$|BD72 / Belgian Lambert 72"
    r"|RGF93 v1 / Lambert-93|CH1903\+? / LV|MGI / Austria L|S-JTSK / Krovak East North$|SWEREF99 TM"
    r"|ETRS89 / (TM35FIN\(E,N\)|Albania|Portugal|DKTM)"
    r"|GDA94 / MGA|GDA2020 / MGA|NZGD2000 / New Zealand|Hong Kong 1980 Grid|JGD2011 / Japan Plane|SVY21|Israel 1993"
    r"|DHDN / 3-degree Gauss-Kruger zone \d$|Monte Mario / Italy|ETRF2000-PL / CS92|KOSOVAREF|WGS 84 / Pseudo-Mercator"
)
_STATE_PLANE: Final = r"NAD83 / (?!UTM|BLM|MTM|.*(Albers|LCC|Lambert|Conus|Statistics|CSRS))"
_UTM: Final = r"WGS 84 / UTM zone"


@dataclass(frozen=True, eq=False)
class Points:
    """The columns of coordinates and their numbers, of the rows that have both."""

    x: Floats
    y: Floats
    columns: tuple[str, str]
    degrees: bool
    decimal: str
    suggestions: tuple[Suggestion, ...]


@dataclass(frozen=True)
class CandidateCRS:
    """A CRS in which the coordinates lie on land, inside its area of use."""

    code: str  # such as EPSG:27700
    name: str
    lon: float  # of the median point
    lat: float
    time_zone: str

    def __str__(self) -> str:
        """Return code, name and place."""
        return f"{self.code} ({self.name}) puts them at {self.lat:.2f}, {self.lon:.2f}, {self.time_zone}"


def find_points(table: pd.DataFrame) -> Points | None:
    """Return the pair of columns that holds coordinates: degrees before a grid; None if there is none."""
    decimals = {name: "," if have_decimal_comma(table[name]) else "." for name in table.columns if axis_of(name)[0]}
    numbers = {name: parse_numbers(table[name], mark) for name, mark in decimals.items()}
    numbers = {name: values for name, values in numbers.items() if np.isfinite(values).mean() >= _NUMERIC}
    pairs = [(one, other) for one in numbers for other in numbers if _belong(one, other)]
    if {LON, LAT} <= set(table.columns):
        pairs = [(LON, LAT)]
        numbers = {name: parse_numbers(table[name], ".") for name in (LON, LAT)}
        decimals = dict.fromkeys((LON, LAT), ".")
    if not pairs:
        return None
    made = [_points(pair, numbers, decimals[pair[0]]) for pair in pairs]
    best = min(made, key=lambda one: not one.degrees)
    others = tuple(f"{one.columns[0]}, {one.columns[1]}" for one in made if one is not best)
    roles = ("lon", "lat") if best.degrees else ("x", "y")
    unit = "degrees" if best.degrees else "a grid, not degrees"
    why = f"the values are {unit}"
    confidence = "certain" if len(made) == 1 and best.degrees else "likely"
    suggestions = tuple(
        Suggestion(f"columns.{role}", name, confidence, why, others)
        for role, name in zip(roles, best.columns, strict=True)
    )
    return replace(best, suggestions=suggestions)


def suggest_crs(
    points: Points, time_zone: str | None = None, near: tuple[float, float] | None = None
) -> Suggestion | None:
    """Return the CRS of a grid, and an open question where several are possible; None for degrees.

    ``near`` is latitude and longitude of a place of the records.
    """
    if points.degrees:
        return None
    if not len(points.x):
        return Suggestion("input_crs", None, "open", "no record has coordinates other than 0, 0: ask the publisher")
    every = candidates(points.x, points.y)
    tried = f"{len(_grids()):,} national grids, State Plane and UTM zones were tried"
    found, hint = every, ""
    if near is not None:
        found = [one for one in every if np.hypot(one.lat - near[0], one.lon - near[1]) < _NEAR_PLACE]
        hint = f" within about {_NEAR_PLACE * 100:.0f} km of the given place"
    elif time_zone is not None:
        found = [one for one in every if one.time_zone == time_zone]
        hint = f" in {time_zone}"
    official = [one for one in found if not re.match(_UTM, one.name)]
    utm = [one for one in found if re.match(_UTM, one.name)]
    if len(official) == 1 or (not official and len(utm) == 1):
        chosen, *others = (*official, *utm)
        reason = f"{chosen}; {tried}, and no other {'official grid' if others else 'one'} puts them on land{hint}"
        reason += f"; {len(others)} UTM zones also do" if others else ""
        confidence = "check" if others else "likely"
        return Suggestion("input_crs", chosen.code, confidence, reason, tuple(map(str, others[:_MOST_SHOWN])))
    shown = (*official, *utm)[:_MOST_SHOWN]
    reason = "ask the publisher, or give data.time_zone, or latitude and longitude of the city, as 'near=[51.5, -0.1]'"
    reason += f"; {tried}, and {len(official)} official grids and {len(utm)} UTM zones put the records on land{hint}"
    return Suggestion("input_crs", None, "open", reason, tuple(map(str, shown)))


def candidates(x: Floats, y: Floats) -> list[CandidateCRS]:
    """Return the CRS that put the points on land inside their area of use, official grids first, one per place."""
    at = np.linspace(0, len(x) - 1, min(len(x), _SAMPLE)).astype(int)
    a, b = np.append(np.median(x), x[at]), np.append(np.median(y), y[at])
    found: list[CandidateCRS] = []
    for one in _grids():
        lon, lat = Proj(f"EPSG:{one.code}")(a, b, inverse=True)
        area = one.area_of_use
        if area is None or not np.isfinite([lon[0], lat[0]]).all():
            continue
        inside = (lat >= area.south) & (lat <= area.north) & (lon >= area.west) & (lon <= area.east)
        if not inside[0] or inside.mean() < _INSIDE:
            continue
        near = any(np.hypot(lon[0] - other.lon, lat[0] - other.lat) < _SAME_PLACE for other in found)
        zone = tzfpy.get_tz(float(lon[0]), float(lat[0]))
        if not near and zone and not zone.startswith(_SEA):
            found.append(CandidateCRS(f"EPSG:{one.code}", one.name, float(lon[0]), float(lat[0]), zone))
    return found


def suggest_time_zone(lon: Floats, lat: Floats) -> list[Suggestion]:
    """Return the time zone of most points, and its country."""
    at = np.linspace(0, len(lon) - 1, min(len(lon), _SAMPLE)).astype(int)
    zones = Counter(tzfpy.get_tz(float(lon[one]), float(lat[one])) for one in at)
    name, count = zones.most_common(1)[0]
    middle = float(np.median(lon)), float(np.median(lat))
    steps = (-_NEAR_DEGREES, 0.0, _NEAR_DEGREES)
    near = {tzfpy.get_tz(middle[0] + east, middle[1] + north) for east in steps for north in steps} - {name, ""}
    others = tuple(dict.fromkeys([*(one for one in zones if one != name), *sorted(near)]))
    land = tuple(one for one in others if not one.startswith(_SEA))
    share = count / len(at)
    reason = f"{share:.0%} of the places lie in this zone, by the borders of tzfpy"
    if name.startswith(_SEA):
        reason = "the places lie at sea: check the coordinates and their CRS"
        return [Suggestion("time_zone", None, "open", reason, land)]
    confidence = "likely" if share == 1 and not land else "check"
    suggestions = [Suggestion("time_zone", name, confidence, reason, land)]
    country = country_of(name)
    if country:
        reason = "the country of the time zone, for its public holidays; data.subdivision adds those of a state"
        suggestions.append(Suggestion("country", country, confidence, reason))
    return suggestions


def country_of(time_zone: str) -> str | None:
    """Return the ISO 3166 code of the country of a time zone, None if it has none or several."""
    return _countries().get(time_zone)


def _belong(x: str, y: str) -> bool:
    """Return whether two column names are the axes of one pair: ``WGS_LON`` and ``WGS_LAT``."""
    (first, left), (second, right) = axis_of(x), axis_of(y)
    return first == "x" and second == "y" and left == right


def _points(pair: tuple[str, str], numbers: dict[str, Floats], decimal: str) -> Points:
    x, y = (numbers[name] for name in pair)
    usable = np.isfinite(x) & np.isfinite(y) & ~((x == 0) & (y == 0))
    x, y = x[usable], y[usable]
    degrees = len(x) > 0 and bool(((np.abs(x) <= 180) & (np.abs(y) <= 90)).mean() >= _INSIDE)
    return Points(x, y, pair, degrees, decimal, ())


@cache
def _grids() -> tuple[CRSInfo, ...]:
    """Return the CRS that are tried, the most official first."""
    every = query_crs_info("EPSG", pj_types=[PJType.PROJECTED_CRS])
    families = [re.compile(pattern) for pattern in (_NATIONAL, _STATE_PLANE, _UTM)]
    return tuple(one for family in families for one in every if family.match(one.name))


def _families_tried() -> int:
    return len(_grids())


@cache
def _countries() -> dict[str, str]:
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    return {fields[2]: fields[0] for fields in lines}


def to_degrees(points: Points, crs: str | None) -> tuple[Floats, Floats]:
    """Return the points in degrees, close enough to find a time zone; empty if their CRS is not known."""
    if points.degrees:
        return points.x, points.y
    if crs is None:
        return np.array([]), np.array([])
    lon, lat = Proj(crs)(points.x, points.y, inverse=True)
    usable = np.isfinite(lon) & np.isfinite(lat)
    return np.asarray(lon)[usable], np.asarray(lat)[usable]
