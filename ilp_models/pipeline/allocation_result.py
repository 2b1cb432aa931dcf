"""An allocation with all that its files and products are made from."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.allocation import Allocation, AllocationInput
from ilp_models.domain.decision import Decision
from ilp_models.domain.grid import Grid
from ilp_models.domain.replay import Replay
from ilp_models.pipeline.run_folder import RunFolder
from ilp_models.report.formatting import period_label

Floats = npt.NDArray[np.float64]

NOWHERE: Final = "(no area)"


@dataclass(frozen=True, eq=False)
class CapChoice:
    """Who chose a point of the frontier and why.

    Parameters
    ----------
    who, why : str
        In words.
    cap : float
        The cap on the exposure ratio in force, infinity without one.
    """

    who: str
    why: str
    cap: float = float("inf")


@dataclass(frozen=True, eq=False)
class AllocationResult:
    """An allocation with all that its products are made from.

    Parameters
    ----------
    left : Left
        The forecast and its places.
    decision : Decision
        The decision that permits it.
    allocation : Allocation
        What is given.
    share : ndarray of float64
        Covered part of each cell and period, in expectation over draws.
    gap : ndarray of float64
        How far each period may lie below the best allocation, relative.
    territory : Territory
        The cells.
    grid : Grid
        The same cells as a grid.
    groups : DataFrame
        Consequences by group; empty without a group table.
    frontier : DataFrame
        Price against equity; empty without a group table.
    choice : Choice
        The point chosen.
    past : Replay or None
        Past forecasts of the forecaster beside what was recorded, where the audit kept them.
    reasons : DataFrame or None
        ``crime_type, cell, period, words``, where there is an explanation.
    """

    left: RunFolder
    decision: Decision
    allocation: Allocation
    share: Floats
    gap: Floats
    territory: AllocationInput
    grid: Grid
    groups: pd.DataFrame
    frontier: pd.DataFrame
    choice: CapChoice
    past: Replay | None
    reasons: pd.DataFrame | None

    @property
    def expected(self) -> Floats:
        """Expected events of all crime types, shape (cells, periods)."""
        return np.asarray(self.left.forecast.expected.values.sum(axis=0))

    @property
    def areas(self) -> npt.NDArray[np.object_]:
        """Parent area of each cell, in words where there is none."""
        named = [area or NOWHERE for area in self.left.places.area]
        return np.array(named, dtype=object)

    @property
    def words(self) -> str:
        """The periods allocated, in words."""
        first, last = (period_label(self.allocation.periods[at]) for at in (0, -1))
        return first if first == last else f"{first}, until {last}"

    def of_past(self, values: Floats) -> Floats:
        """Return values of the cells of the past in the order of these cells, NaN where a cell has no past."""
        if self.past is None:
            return np.full((len(self.areas), *values.shape[1:]), np.nan)
        at = self.past.expected.indexes["cell"].astype(str).get_indexer(self.grid.cells.astype(str))
        found: Floats = values[at].astype(float)
        found[at < 0] = np.nan
        return found
