"""Exact Shapley values of the families of reasons of a regression.

A coalition of families has the values of the forecast; all other families have those of a reference, the mean cell. The
regression predicts all cells of each coalition, and its city total is rescaled as in the forecast.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from ilp_models.domain.family_reasons import SEASON, TREND, USUAL, reason_family
from ilp_models.domain.features import Design
from ilp_models.domain.forecaster import Cube
from ilp_models.model.regressions.design_matrix import ABSOLUTE, SMALLEST_OFFSET
from ilp_models.stats.shapley import shapley_values

Floats = npt.NDArray[np.float64]

_CRIME_TYPE: Final = "crime_type"


@dataclass(frozen=True, eq=False)
class LevelFactors:
    """City totals of the offset of each crime type, as trend times calendar index; shape (crime types,)."""

    trend: Floats
    index: Floats

    @classmethod
    def from_level(cls, level: Floats, index: Floats) -> Self:
        """Return the mean trend and the mean index over periods, from arrays (periods, crime types)."""
        return cls((level / index).mean(axis=0), index.mean(axis=0))


@dataclass(frozen=True, eq=False)
class MeanCell:
    """The reference: mean values of the columns over the cells and the latest training periods of each crime type."""

    values: Floats  # (crime types, columns), rates before logarithms
    level: LevelFactors | None  # None without an offset

    @classmethod
    def from_design(cls, design: Design, shape: tuple[int, ...], index: Floats | None) -> Self:
        """Return the reference from a design (periods, crime types, cells) that has its values before logarithms."""
        shown = design.values if design.shown is None else design.shown
        values = shown.reshape(*shape, -1).mean(axis=(0, 2), dtype=np.float64)
        level = None if design.level is None or index is None else LevelFactors.from_level(design.level, index)
        return cls(values, level)


@dataclass(frozen=True, eq=False)
class FamilyGame:
    """The forecast of one period as a game of families.

    Rates are relative to one anchor: the offset, or the own rate of the longest memory. A family then means how much
    the last weeks or the neighbours differ from the usual level here.
    """

    design: Design  # of one period
    reference: MeanCell
    rate_floor: float
    index: Floats | None  # calendar index of the offset, (crime types,)
    predict: Callable[[Design], Floats]  # expected counts of the rows, city total rescaled

    def split(self) -> tuple[Floats, dict[str, Floats]]:
        """Return the reference (types,) and parts (types, cells) by family."""
        families = self._families()
        players = list(dict.fromkeys(family for family in families if family))
        if self.reference.level is not None:
            players = list(dict.fromkeys([*players, USUAL, TREND, *([SEASON] if self._has_season() else [])]))
        kinds = len(self.reference.values)

        def value(inside: tuple[bool, ...]) -> Floats:
            members = frozenset(player for player, joined in zip(players, inside, strict=True) if joined)
            return self.predict(self._coalition(members, families)).reshape(kinds, -1)

        empty, shares = shapley_values(value, len(players))
        # All cells have the same forecast if all families have their reference values; the mean removes rounding.
        reference = empty.mean(axis=1)
        return reference, dict(zip(players, shares, strict=True))

    def _families(self) -> list[str]:
        """Return the family of each column; empty for the crime type and for columns of the offset itself."""
        return [
            "" if column.name in ABSOLUTE or column.family == _CRIME_TYPE else reason_family(column)
            for column in self.design.columns
        ]

    def _has_season(self) -> bool:
        return self.index is not None and bool((self.index != 1).any())

    def _coalition(self, members: frozenset[str], families: list[str]) -> Design:
        """Return the design where only the families of a coalition have their values of the forecast."""
        design, kinds = self.design, len(self.reference.values)
        values = design.values.reshape(kinds, -1, len(design.columns)).copy()
        offset, level = self._offset(members)
        for place, (column, family) in enumerate(zip(design.columns, families, strict=True)):
            if column.name in ABSOLUTE and offset is not None:
                rates = offset if column.rate == "own" else offset.sum(axis=0, keepdims=True)
                values[..., place] = np.log(np.add(rates, np.float32(self.rate_floor), dtype=np.float32))
            elif family:
                self._set_column(values, place, members, families)
        log_offset = design.log_offset if offset is None else np.log(offset).ravel()
        return replace(design, values=values.reshape(design.values.shape), log_offset=log_offset, level=level)

    def _set_column(
        self, values: npt.NDArray[np.float32], place: int, members: frozenset[str], families: list[str]
    ) -> None:
        """Set one column (types, cells) to its value in a coalition, in place."""
        anchor, reference = self._anchor, self._reference_rows[:, None, :]
        own = self.design.values.reshape(len(reference), -1, len(families))
        anchored = anchor is not None and bool(self.design.columns[place].rate)
        if not anchored:
            if families[place] not in members:
                values[..., place] = reference[..., place]
            return
        # `base` is the anchor's own value in the coalition, and the rest is the distance of the column from it.
        if USUAL in members and families[place] in members:
            return
        base = own[..., anchor] if USUAL in members else reference[..., anchor]
        source = own if families[place] in members else reference
        values[..., place] = base + (source[..., place] - source[..., anchor])

    @cached_property
    def _anchor(self) -> int | None:
        """The position of the own rate with the longest memory; None if rates are relative to an offset or absent."""
        if self.reference.level is not None:
            return None
        own = [
            (column.age_years, -place)
            for place, column in enumerate(self.design.columns)
            if column.rate == "own" and reason_family(column) == USUAL
        ]
        return -max(own)[1] if own else None

    @cached_property
    def _reference_rows(self) -> npt.NDArray[np.float32]:
        """The reference (types, columns) as the regression sees it: rates as logarithms, relative to the offset."""
        rows, columns = self.reference.values.copy(), self.design.columns
        offsets = {column.rate: place for place, column in enumerate(columns) if column.name in ABSOLUTE}
        plain = self.reference.values + self.rate_floor
        for place, column in enumerate(columns):
            if column.rate:
                rows[:, place] = np.log(plain[:, place])
                if offsets:
                    rows[:, place] -= np.log(plain[:, offsets[column.rate]])
        return rows.astype(np.float32)

    def _offset(self, members: frozenset[str]) -> tuple[Cube | None, Floats | None]:
        """Return offset (types, cells) and city totals (1, types) of a coalition; None for the offset of the design."""
        design, reference = self.design, self.reference.level
        whole = members >= {USUAL, TREND, *([SEASON] if self._has_season() else [])}
        if reference is None or design.level is None or self.index is None or whole:
            return None, design.level
        full = np.exp(design.log_offset).reshape(len(reference.trend), -1)
        level = design.level[0]
        parts = {TREND: (level / self.index, reference.trend), SEASON: (self.index, reference.index)}
        total = np.ones_like(level)
        for family, (now, mean) in parts.items():
            total = total * (now if family in members else mean)
        share = np.full(full.shape, 1.0 / full.shape[1])
        if USUAL in members:
            np.divide(full, level[:, None], out=share, where=level[:, None] > SMALLEST_OFFSET)
        return np.maximum(total[:, None] * share, SMALLEST_OFFSET), total[None]
