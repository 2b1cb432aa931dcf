"""Rank cells by expected events per square metre, and flag the top share of the land."""

from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]

_TIE: Final = 1e-9  # relative; rounding in a recursive filter must not decide which cell is flagged
_EQUAL_AREAS: Final = 5e-3  # relative; the projection makes ground areas of equal squares differ by less than this


@dataclass(frozen=True, eq=False)
class Ranking:
    """The order of cells for each period; create it with :meth:`from_expected` or :meth:`from_values`."""

    before_m2: Floats  # (cells, periods): land ranked strictly before each cell
    through_m2: Floats  # (cells, periods): that land plus the cell and all cells tied with it
    area_m2: Floats  # (cells,): ground area
    _flags: dict[float, Floats] = field(default_factory=dict, repr=False)  # by share; several scores read the same

    @classmethod
    def from_expected(cls, expected: npt.NDArray[np.generic], area_m2: npt.NDArray[np.generic]) -> Self:
        """Return the ranking of cells by expected count per square metre."""
        values, land = np.asarray(expected, dtype=float), np.asarray(area_m2, dtype=float)
        _check(values, land)
        return cls.from_values(values / areas_for_density(land)[:, None], land)

    @classmethod
    def from_values(cls, key: npt.NDArray[np.generic], area_m2: npt.NDArray[np.generic]) -> Self:
        """Return the ranking of cells by any key, highest first."""
        density, land = np.asarray(key, dtype=float), np.asarray(area_m2, dtype=float)
        _check(density, land)
        order = np.argsort(-density, axis=0, kind="stable")
        ranked = np.take_along_axis(density, order, axis=0)
        through = np.cumsum(land[order], axis=0)
        first = np.ones(ranked.shape, dtype=bool)
        first[1:] = ranked[1:] < ranked[:-1] * (1 - _TIE)
        last = np.roll(first, -1, axis=0)
        last[-1] = True
        before = np.concatenate((np.zeros((1, density.shape[1])), through[:-1]))
        before = np.maximum.accumulate(np.where(first, before, 0.0), axis=0)
        through = np.minimum.accumulate(np.where(last, through, np.inf)[::-1], axis=0)[::-1]
        in_cell_order = np.empty((2, *density.shape))
        np.put_along_axis(in_cell_order[0], order, before, axis=0)
        np.put_along_axis(in_cell_order[1], order, through, axis=0)
        return cls(in_cell_order[0], in_cell_order[1], land)

    def flagged(self, share: float) -> Floats:
        """Return the flagged fraction of each cell; together they are exactly the share of the land."""
        if share not in self._flags:
            flags = self.flagged_at(share, ...)
            flags.flags.writeable = False
            self._flags[share] = flags
        return self._flags[share]

    def flagged_at(self, share: float, units: Any) -> Floats:
        """Return the flagged fraction of some units: an index of the array of cells and periods."""
        before = self.before_m2[units]
        return np.asarray(
            np.clip((_budget(share, self.area_m2) - before) / (self.through_m2[units] - before), 0.0, 1.0)
        )

    def whole(self, share: float) -> npt.NDArray[np.bool_]:
        """Return the whole cells to flag on a map; their land is at most the share."""
        budget = _budget(share, self.area_m2) * (1 + _TIE)
        order = np.argsort(self.before_m2, axis=0, kind="stable")
        result = np.empty(self.before_m2.shape, dtype=bool)
        np.put_along_axis(result, order, np.cumsum(self.area_m2[order], axis=0) <= budget, axis=0)
        return result


def areas_for_density(area_m2: Floats) -> Floats:
    """Return the areas for densities: their mean where they differ only by the scale of the projection."""
    mean = area_m2.mean()
    return np.full_like(area_m2, mean) if np.ptp(area_m2) < _EQUAL_AREAS * mean else area_m2


def flag_top_share(expected: npt.NDArray[np.generic], area_m2: npt.NDArray[np.generic], share: float) -> Floats:
    """Return the flagged fraction of each cell when exactly a share of the active land is flagged.

    Cells rank by expected count per square metre. Cells tied at the edge share the rest in proportion to their area,
    so the last cell may be flagged in part. For several shares of one forecast, create one :class:`Ranking`.
    """
    return Ranking.from_expected(expected, area_m2).flagged(share)


def _check(expected: Floats, area_m2: Floats) -> None:
    if expected.ndim != 2 or area_m2.shape != expected.shape[:1]:
        msg = (
            f"Expected counts of shape {expected.shape} and areas of shape {area_m2.shape} do not fit. Pass "
            "(cells, periods) of one crime type and the areas of the same grid."
        )
        raise InputError(msg)
    if not (np.isfinite(area_m2) & (area_m2 > 0)).all():
        msg = "A cell has no ground area above 0 m2. Check area_m2 of the grid."
        raise InputError(msg)
    if not (np.isfinite(expected) & (expected >= 0)).all():
        msg = "Expected counts must be finite and not negative. Check the forecast."
        raise InputError(msg)


def _budget(share: float, area_m2: Floats) -> float:
    if not 0 <= share <= 1:
        msg = f"The share of land {share} must be between 0 and 1. Write 5 % as 0.05."
        raise InputError(msg)
    return share * float(area_m2.sum())
