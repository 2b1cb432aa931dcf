"""Test what a column of labels is: areas divide the map, crime types are few; labels of persons do neither."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_MAX_EVENTS: Final = 200_000  # more events are thinned evenly
_MIN_EVENTS: Final = 50  # fewer events show nothing
_MIN_POINTS: Final = 30
_MIN_AGREEMENTS: Final = 10.0  # neighbours that would agree if labels were areas
_SHARE_OF_AREAS: Final = 0.7  # of the agreement of true areas
_STANDARD_ERRORS: Final = 2.0
_MIN_UNIQUE: Final = 100  # fewer records can all lie in different areas
_UNIQUE_SHARE: Final = 0.8  # labels that differ from event to event
_MAX_POINT_LABELS: Final = 200  # areas whose events are all recorded at one point
_MIN_EVENTS_A_LABEL: Final = 5
_ONE_POINT_SHARE: Final = 0.8
_FEW_TYPES: Final = 20
_EVENTS_A_TYPE: Final = 10


@dataclass(frozen=True)
class AreaTest:
    """Whether labels behave as areas do; `problem` is empty if they do, or if there are too few events to tell."""

    problem: str = ""
    confirmed: bool = False


def check_areas(x: Floats, y: Floats, labels: Codes) -> AreaTest:
    """Return whether labels divide the map into areas; ``labels`` are codes from 0, coordinates are metres.

    The nearest other record of a record in an area usually has the same label. The share of records for which this
    holds, corrected for chance (Cohen's kappa), is compared with that of as many areas drawn around records (Voronoi).
    """
    events, count = len(labels), len(np.unique(labels))
    if events < _MIN_EVENTS or count < 2:
        return AreaTest()
    step = np.linspace(0, events - 1, min(events, _MAX_EVENTS)).astype(np.int64)
    points = _Points.from_records(x[step], y[step])
    codes = np.unique(labels[step], return_inverse=True)[1]
    drawn = int(codes.max()) + 1
    if drawn > max(len(points.xy), _FEW_TYPES) or _one_point_each(points, codes, count, events):
        return AreaTest("each label belongs to one point, as addresses do")
    areas, found = points.agreement(points.voronoi(drawn)), points.agreement(codes)
    if len(points.xy) < _MIN_POINTS or areas * len(points.xy) < _MIN_AGREEMENTS:
        unique = events >= _MIN_UNIQUE and count > _UNIQUE_SHARE * events
        return AreaTest(f"{count:,} labels for {events:,} records, as identifiers have" if unique else "")
    error = _STANDARD_ERRORS * np.sqrt(0.25 / len(points.xy))
    if found + error < _SHARE_OF_AREAS * areas:
        return AreaTest(
            f"neighbouring records rarely share a label (agreement {max(found, 0):.2f}; areas would have {areas:.2f})"
        )
    return AreaTest(confirmed=found >= _SHARE_OF_AREAS * areas)


def too_many_types(labels: int, events: int) -> bool:
    """Return whether a column has too many labels for its events to hold crime types: about ten events a label."""
    return events >= _FEW_TYPES and labels > _FEW_TYPES + events / _EVENTS_A_TYPE


def _one_point_each(points: "_Points", codes: Codes, count: int, events: int) -> bool:
    """Return whether nearly every label lies at one point, though there are many labels or few events for each."""
    pairs = np.unique(points.at * (int(codes.max()) + 1) + codes) % (int(codes.max()) + 1)
    places, sizes = np.bincount(pairs), np.bincount(codes)
    repeated = sizes > 1
    if not repeated.any() or len(points.xy) < _MIN_POINTS:
        return False
    alone = float((places[repeated] == 1).mean())
    return alone >= _ONE_POINT_SHARE and (count > _MAX_POINT_LABELS or events < _MIN_EVENTS_A_LABEL * count)


@dataclass(frozen=True, eq=False)
class _Points:
    xy: Floats  # distinct points
    at: Codes  # point of each record
    first: Codes  # first record of each point
    nearest: Codes  # nearest other point of each point

    @classmethod
    def from_records(cls, x: Floats, y: Floats) -> "_Points":
        _, first, at = np.unique(x + 1j * y, return_index=True, return_inverse=True)
        xy = np.column_stack((x[first], y[first]))
        near = cKDTree(xy).query(xy, k=2)[1][:, 1] if len(xy) > 1 else np.zeros(1, dtype=np.int64)
        return cls(xy, at, first, near)

    def voronoi(self, count: int) -> Codes:
        """Return the areas of the records if each area had one of some evenly chosen records as its centre."""
        chosen = self.at[np.linspace(0, len(self.at) - 1, count).astype(np.int64)]
        return np.asarray(cKDTree(self.xy[np.unique(chosen)]).query(self.xy)[1])[self.at]

    def agreement(self, codes: Codes) -> float:
        """Return how often records share the label of another record at their point, or at the nearest, as kappa."""
        labels, size = int(codes.max()) + 1, np.bincount(self.at)
        pair, count = np.unique(self.at * labels + codes, return_counts=True)
        point, label = pair // labels, pair % labels
        together = np.bincount(point, weights=count * (count - 1.0)) / np.maximum(size * (size - 1.0), 1.0)
        wanted = self.nearest * labels + codes[self.first]
        position = np.minimum(np.searchsorted(pair, wanted), len(pair) - 1)
        nearby = np.where(pair[position] == wanted, count[position] / size[self.nearest], 0.0)
        observed = float(np.where(size > 1, together, nearby).mean())
        shares = np.bincount(label, weights=count / size[point]) / len(size)
        chance = float((shares**2).sum())
        return (observed - chance) / (1 - chance) if chance < 1 else 0.0
