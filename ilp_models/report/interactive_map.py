"""The interactive map of a page: cells as compact paths and their values, for the script of the template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup
from pyproj import Transformer

from ilp_models.domain.layer import Layer
from ilp_models.report.maps import MapGeometry

Floats = npt.NDArray[np.float64]

KINDS: Final = ("amount", "count", "change", "class", "range")
_MAX_UNITS: Final = 20_000  # along the longer side of the map
_MAX_COORDINATES: Final = 20_000  # of one layer of the user
_MAX_CELL_COORDINATES: Final = 120_000
_EDGE: Final = 0.03  # of the map, around the cells
_DIGITS: Final = 4  # significant


@dataclass(frozen=True, eq=False)
class MapMeasure:
    """Values of the cells, for a layer of the map and a line of the card of a cell.

    ``kind`` is ``amount`` (classes by quantiles), ``count``, ``change`` (below and above 0), ``class``
    (positions in ``words``), or ``range`` (shown on the card only).
    """

    label: str
    kind: str
    values: Floats  # (types, cells) or (1, cells) for all types; NaN is not known
    high: Floats | None = None  # upper ends of a range
    note: str = ""
    words: tuple[str, ...] = ()  # of the classes, two to four


@dataclass(frozen=True, eq=False)
class InteractiveMap:
    """Everything that the script draws: one shared geometry, and values for each crime type."""

    title: str  # what the map shows, in one sentence, for screen readers
    geometry: npt.NDArray[Any]  # one polygon per cell, metres in ``crs``
    crs: str
    names: Sequence[str]  # place of each cell
    codes: Sequence[str]  # name of each cell in the files
    types: Sequence[str]
    measures: Sequence[MapMeasure]  # the first one is shown at first
    areas: npt.NDArray[Any]  # parent area of each cell, or empty text
    layers: Sequence[Layer] = ()
    reasons: Mapping[tuple[int, int], str] = field(default_factory=dict)  # by type and cell position
    mark: str = ""  # such as ``research only``

    @cached_property
    def data(self) -> Markup:
        """The content of the JSON block, escaped so that no label can end it or add markup."""
        return htmlsafe_json_dumps(self.to_dict(), separators=(",", ":"), ensure_ascii=False)

    def to_dict(self) -> dict[str, Any]:
        """Return geometry and values as plain JSON values; lengths are whole units from the upper left corner."""
        frame = _Frame.around(self.geometry)
        outlines = MapGeometry.from_cells(self.geometry, np.asarray(self.areas)).outlines
        lines = np.array([shapely.LineString(line) for line in outlines], dtype=object)
        centres = shapely.centroid(self.geometry)
        to_degrees = Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        lon, lat = to_degrees.transform(shapely.get_x(centres), shapely.get_y(centres))
        places = list(dict.fromkeys(self.names))
        position = {name: number for number, name in enumerate(places)}
        return {
            "title": self.title,
            "mark": self.mark,
            "size": [frame.width, frame.height],
            "metres": frame.unit,
            "types": list(self.types),
            "cells": frame.polygons(self.geometry),
            "codes": list(map(str, self.codes)),
            "places": places,
            "place": [position[name] for name in self.names],
            "centres": [[round(float(y), 5), round(float(x), 5)] for y, x in zip(lat, lon, strict=True)],
            "measures": [_measure(one) for one in self.measures],
            "reasons": {f"{kind},{cell}": words for (kind, cell), words in self.reasons.items()},
            "borders": frame.lines(shapely.simplify(lines, 0.1)) if len(lines) else "",
            "areas": frame.labels(self.geometry, np.asarray(self.areas)),
            "layers": [frame.layer(layer) for layer in self.layers],
        }


@dataclass(frozen=True)
class _Frame:
    """The rectangle of the map: whole units to the right and down from its upper left corner."""

    left: float
    top: float
    right: float
    bottom: float
    unit: float  # metres

    @classmethod
    def around(cls, geometry: npt.NDArray[Any]) -> "_Frame":
        left, bottom, right, top = shapely.total_bounds(geometry)
        edge = _EDGE * max(right - left, top - bottom)
        long = max(right - left, top - bottom) + 2 * edge
        steps = (step * 10.0**power for power in range(-1, 6) for step in (1, 2, 5))
        unit = next(step for step in steps if long <= step * _MAX_UNITS)
        # the corner of the cells is a whole number of units from that of the map: squares keep their sides
        edge = unit * np.ceil(edge / unit)
        return cls(left - edge, top + edge, right + edge, bottom - edge, unit)

    @property
    def width(self) -> int:
        return int(np.ceil((self.right - self.left) / self.unit))

    @property
    def height(self) -> int:
        return int(np.ceil((self.top - self.bottom) / self.unit))

    def polygons(self, geometry: npt.NDArray[Any]) -> list[str]:
        """Return the path of each polygon with its holes; polygons with many corners are simplified together."""
        parts = geometry
        if shapely.get_num_coordinates(geometry).sum() > _MAX_CELL_COORDINATES:
            parts = shapely.simplify(geometry, 2 * self.unit)
        return ["".join(self._ring(ring) for ring in _rings(cell)) for cell in parts]

    def lines(self, geometry: npt.NDArray[Any]) -> str:
        """Return one path of all lines."""
        return "".join(self._path(shapely.get_coordinates(line)) for line in shapely.get_parts(geometry))

    def labels(self, cells: npt.NDArray[Any], areas: npt.NDArray[Any]) -> list[list[Any]]:
        """Return name, position and width of each parent area."""
        found: list[list[Any]] = []
        for name in dict.fromkeys(map(str, areas)):
            if not name:
                continue
            own = cells[areas == name]
            centre = shapely.get_coordinates(shapely.centroid(own)).mean(axis=0)
            left, _, right, _ = shapely.total_bounds(own)
            x, y = self._units(centre[None])[0]
            found.append([name, int(x), int(y), int((right - left) / self.unit)])
        return found

    def layer(self, layer: Layer) -> dict[str, Any]:
        """Return the path of a user's layer, clipped to the map and limited in size, with what is left out."""
        box = (self.left, self.bottom, self.right, self.top)
        inside = shapely.clip_by_rect(layer.geometry, *box)
        inside = inside[~shapely.is_empty(inside)]
        outline = shapely.boundary(inside) if layer.kind == "polygons" else inside
        drawn = shapely.get_parts(shapely.simplify(outline, 0 if layer.kind == "points" else 2 * self.unit))
        order = np.argsort(-shapely.length(drawn), kind="stable")  # the longest first
        fits = np.cumsum(shapely.get_num_coordinates(drawn[order])) <= _MAX_COORDINATES
        kept = drawn[np.sort(order[fits])]
        name = layer.name.replace("_", " ")
        label = name if len(kept) == len(drawn) else f"{name} ({len(kept):,} of {len(drawn):,} drawn)"
        if layer.kind == "points":
            places = self._units(shapely.get_coordinates(kept))
            return {"label": label, "points": True, "path": "".join(f"M{x} {y}h0" for x, y in places)}
        return {"label": label, "points": False, "path": self.lines(kept)}

    def _units(self, coordinates: Floats) -> npt.NDArray[np.int64]:
        moved = np.stack([coordinates[:, 0] - self.left, self.top - coordinates[:, 1]], axis=1)
        return np.asarray(np.rint(moved / self.unit), dtype=np.int64)

    def _ring(self, coordinates: Floats) -> str:
        return f"{self._path(coordinates[:-1])}z"

    def _path(self, coordinates: Floats) -> str:
        points = self._units(coordinates)
        points = points[np.r_[True, np.any(np.diff(points, axis=0) != 0, axis=1)]]
        steps = " ".join(f"{x} {y}" for x, y in np.diff(points, axis=0))
        start = f"M{points[0, 0]} {points[0, 1]}"
        return f"{start}l{steps}".replace(" -", "-") if steps else f"{start}h0"


def _rings(cell: Any) -> list[Floats]:
    return [
        shapely.get_coordinates(ring)
        for part in shapely.get_parts(cell)
        for ring in (shapely.get_exterior_ring(part), *part.interiors)
        if ring is not None and not ring.is_empty
    ]


def _measure(measure: MapMeasure) -> dict[str, Any]:
    content: dict[str, Any] = {"label": measure.label, "kind": measure.kind, "values": _numbers(measure.values)}
    content |= {"note": measure.note, "words": list(measure.words)}
    return content if measure.high is None else content | {"high": _numbers(measure.high)}


def _numbers(values: Floats) -> list[list[float | None]]:
    """Return numbers with few digits; whole numbers without a point, unknown ones as None."""
    return [[_short(float(value)) for value in row] for row in np.atleast_2d(values)]


def _short(value: float) -> float | None:
    if not np.isfinite(value):
        return None
    rounded = float(f"{value:.{_DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded
