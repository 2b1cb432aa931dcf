"""Concentration of flagged time: Gini coefficient, and cells that are flagged in more than half of the periods."""

from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from ilp_models.audit.measures.formulas import Totals
from ilp_models.audit.measures.group_sums import Basis, Cube, GroupSums
from ilp_models.stats.bootstrap import Bootstrap, Estimate

Floats = npt.NDArray[np.float64]

_HALF: Final = 0.5
_ROUNDING: Final = 1e-9
_BATCH: Final = 500_000  # fits in the processor cache


def gini(flags: Floats, resampling: Bootstrap) -> Estimate:
    """Return the Gini coefficient of flagged time over cells: 0 if all are equal, near 1 if few cells have all."""
    cells = flags.shape[1]
    order = np.stack([2 * rankdata(time) - cells - 1 for time in flags.sum(axis=2)]) / cells
    return resampling.ratio(np.einsum("kct,kc->tk", flags, order), flags.sum(axis=1).T)


def permanent_cells(flags: Floats) -> npt.NDArray[np.bool_]:
    """Return which cells are flagged in more than half of the periods, row by row."""
    return _often(flags.mean(axis=2))


@dataclass(frozen=True, eq=False)
class Permanence(GroupSums):
    """Residents of cells that are flagged in more than half of the periods; other weeks give other cells."""

    # residents of cells that are flagged permanently in every draw: (crime types and their pool, groups + 1)
    always: Floats = field(default_factory=lambda: np.empty(0))
    # by crime type: cells that are so in some draws only, and their flagged fractions (cells, periods)
    doubtful: tuple[tuple[npt.NDArray[np.int64], Floats], ...] = ()

    @classmethod
    def from_flags(cls, basis: Basis, flags: Floats) -> Self:
        """Return the residents of permanently flagged areas."""
        often = _often(flags.mean(axis=2))[..., None].astype(float)
        tally = GroupSums.from_cubes(basis, {"permanent": Cube(often, "people")})
        sums = tally.by_period, tally.by_area, tally.over
        sure, possible = _often(flags.min(axis=2)), _often(flags.max(axis=2))
        doubtful = [np.flatnonzero(can & ~must) for can, must in zip(possible, sure, strict=True)]
        rows = tuple((cells, one[cells]) for cells, one in zip(doubtful, flags, strict=True))
        return cls(basis, flags.shape[2], *sums, pooled=True, always=sure @ basis.people, doubtful=rows)

    def of_periods(self, weights: Floats) -> Totals:
        """Return the residents of cells that are flagged in more than half of the periods of each draw."""
        share = weights / weights.sum(axis=1, keepdims=True)
        result = np.repeat(self.always[None], len(weights), axis=0)
        step = max(1, _BATCH // len(weights))
        for row, (cells, time) in enumerate(self.doubtful):
            for start in range(0, len(cells), step):
                part = slice(start, start + step)
                often = _often(share @ time[part].T).astype(float)
                result[:, row] += often @ self.basis.people[cells[part]]
        return {**self.whole, "permanent": result}


def _often(time: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray(time > _HALF + _ROUNDING)
