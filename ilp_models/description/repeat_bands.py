"""Bands of distance and days in which pairs of events are counted, and their exact labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral, Real
from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError

_ONE_DAY: Final = 1


@dataclass(frozen=True)
class RepeatBands:
    """Upper ends of distance bands (not included), first days of later day bands, and the limit of the same place."""

    distance_bands_m: tuple[float, ...]
    day_bands: tuple[int, ...]
    same_place_m: float

    def __post_init__(self) -> None:
        """Refuse bands that overlap."""
        _refuse("distance_bands_m", self.distance_bands_m, Real, "[200, 400, 600], the upper ends in metres")
        _refuse("day_bands", self.day_bands, Integral, "[1, 8, 15, 29], the first days of the later bands")
        if not (isinstance(self.same_place_m, Real) and 0 <= self.same_place_m < self.distance_bands_m[0]):
            msg = (
                f"description.near_repeats.same_place_m={self.same_place_m!r} must be at least 0 and below the first "
                f"band, {self.distance_bands_m[0]:g} m. Set it to 0.5, or to 0 for no such band."
            )
            raise InputError(msg)

    @property
    def edges_m(self) -> npt.NDArray[np.float64]:
        """Upper ends of all closed distance bands, the same place first where it is a band of its own."""
        own = [self.same_place_m] if self.same_place_m > 0 else []
        return np.array([*own, *self.distance_bands_m], dtype=float)

    @property
    def first_distance_bands(self) -> int:
        """Number of bands up to the first distance band: the same place counts."""
        return len(self.edges_m) - len(self.distance_bands_m) + 1

    @property
    def distances(self) -> list[tuple[str, float, float]]:
        """Label, lower end and upper end of each distance band; the last has no upper end (NaN)."""
        starts, ends = [0.0, *self.edges_m], [*self.edges_m, np.nan]
        rows = [
            (self._distance_label(start, end), float(start), float(end))
            for start, end in zip(starts, ends, strict=True)
        ]
        if self.same_place_m > 0:
            rows[0] = (f"same place (under {self.same_place_m:g} m)", *rows[0][1:])
        return rows

    @property
    def days(self) -> list[tuple[str, int, float]]:
        """Label, first day and last day of each day band; the last has no last day (NaN)."""
        starts, ends = [0, *self.day_bands], [*(day - 1 for day in self.day_bands), np.nan]
        return [(_day_label(start, end), int(start), float(end)) for start, end in zip(starts, ends, strict=True)]

    def _distance_label(self, start: float, end: float) -> str:
        if np.isnan(end):
            return f"{start:g} m or more"
        return f"{start:g} to under {end:g} m" if start > 0 else f"under {end:g} m"


def _day_label(start: int, end: float) -> str:
    if np.isnan(end):
        return f"{start} day{'s' if start > _ONE_DAY else ''} or more"
    if start == end:
        return "same day" if start == 0 else f"{start} day{'s' if start > _ONE_DAY else ''}"
    return f"{start} to {end:.0f} days"


def _refuse(name: str, values: Sequence[float], kind: type, example: str) -> None:
    """Refuse ends that are not positive, not of the kind, or not ascending."""
    usable = all(isinstance(value, kind) and not isinstance(value, bool) and 0 < value < np.inf for value in values)
    if not values or not usable or any(later <= value for value, later in pairwise(values)):
        msg = (
            f"description.near_repeats.{name}={list(values)!r} overlap or are not usable. Give numbers above 0 in "
            f"ascending order, such as {example}."
        )
        raise InputError(msg)
