"""Harm of one crime of each type under one harm set: a low and a high reading, and the weight between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]

LOW: Final = "low"
HIGH: Final = "high"
WEIGHT: Final = "weight"
READINGS: Final = (WEIGHT, LOW, HIGH)
_TEXTS: Final = ("name", "title", "date", "unit", "source")


@dataclass(frozen=True, eq=False)
class HarmWeights:
    """The harm of one crime of each type under one harm set.

    Attributes
    ----------
    name, title, date, unit, source : str
        Those of the set.
    crime_types : tuple of str
        The types that the set weighs, in the order in which they were asked for.
    low, high : ndarray of float64
        The lowest and the highest weight among the categories of each type, in the unit of the set.
    doubts : tuple of str
        For each type, what is uncertain about its weight; empty text where nothing is known.
    left_out : mapping of str to str
        Types without a weight because their records depend on police activity, and the kind of that activity.
    """

    name: str
    title: str
    date: str
    unit: str
    source: str
    crime_types: tuple[str, ...]
    low: Floats
    high: Floats
    doubts: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def weight(self) -> Floats:
        """The geometric mean of both readings: as many times the low one as the high one is times it."""
        return np.asarray(np.sqrt(self.low * self.high))

    @property
    def readings(self) -> dict[str, Floats]:
        """The weights of each reading, by its name; one reading called ``weight`` where low and high are equal."""
        if np.array_equal(self.low, self.high):
            return {WEIGHT: self.low}
        return {LOW: self.low, HIGH: self.high}

    @property
    def label(self) -> str:
        """Name, title and date in one line."""
        return f"{self.name}: {self.title} ({self.date})"

    def by_type(self, reading: str = WEIGHT) -> dict[str, float]:
        """Return the weights of a reading by crime type; 0 for types that are left out."""
        known = dict(zip(self.crime_types, getattr(self, reading).tolist(), strict=True))
        return {**known, **dict.fromkeys(self.left_out, 0.0)}

    def aligned(self, crime_types: Sequence[str], reading: str = WEIGHT) -> Floats:
        """Return the weights of a reading in the order of some crime types; 0 for types that are left out."""
        return align_weights(self.by_type(reading), crime_types)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, from which the weights can be read without the harm set."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in _TEXTS}
        for end in (LOW, HIGH):
            plain[end] = dict(zip(self.crime_types, getattr(self, end).tolist(), strict=True))
        doubts = dict(zip(self.crime_types, self.doubts, strict=True))
        return plain | {"doubts": doubts, "left_out": dict(self.left_out)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the weights from plain values, see :meth:`to_dict`."""
        types = tuple(plain[LOW])
        low, high = (np.array([float(plain[end][kind]) for kind in types]) for end in (LOW, HIGH))
        doubts = tuple(plain["doubts"][kind] for kind in types)
        texts = {name: plain[name] for name in _TEXTS}
        return cls(**texts, crime_types=types, low=low, high=high, doubts=doubts, left_out=dict(plain["left_out"]))


def align_weights(weights: Mapping[str, float], crime_types: Sequence[str]) -> Floats:
    """Return weights by crime type in the order of some types; InputError where one has no weight."""
    missing = [kind for kind in crime_types if kind not in weights]
    if missing:
        msg = f"There is no harm weight for {', '.join(missing)}. Use the crime types that were audited."
        raise InputError(msg)
    return np.array([float(weights[kind]) for kind in crime_types])
