"""The result of an allocation: effort, impact on groups, and what its files and briefings are made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

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

NO_AREA: Final = "(no area)"


@dataclass(frozen=True, eq=False)
class CapChoice:
    """Who chose an exposure cap, and why."""

    chosen_by: str
    reason: str
    cap: float = float("inf")  # on the exposure ratio


@dataclass(frozen=True, eq=False, repr=False)
class AllocationResult:
    """An allocation of patrol effort, and what it means for groups of residents.

    Attributes
    ----------
    allocation : Allocation
        Effort by cell and period.
    share : ndarray of float64, shape (cells, periods)
        Covered part of each cell, in expectation over draws.
    gap : ndarray of float64, shape (periods,)
        How far the value of each period may lie below the best allocation, relative.
    groups : DataFrame
        Exposure and coverage by group; empty without a group table.
    frontier : DataFrame
        Events covered under each exposure cap; empty without a group table.
    """

    run: RunFolder
    decision: Decision
    allocation: Allocation
    share: Floats
    gap: Floats
    territory: AllocationInput
    grid: Grid
    groups: pd.DataFrame
    frontier: pd.DataFrame
    choice: CapChoice
    past: Replay | None  # past forecasts beside what was recorded, where the audit archived them
    reasons: pd.DataFrame | None  # `crime_type, cell, period, words`, where there is an explanation
    settings: Mapping[str, Any]  # of rule, objective, ranking, frontier and groups

    @property
    def expected(self) -> Floats:
        """Expected events of all crime types together, shape (cells, periods)."""
        return np.asarray(self.run.forecast.expected.values.sum(axis=0))

    @property
    def areas(self) -> npt.NDArray[np.object_]:
        """Parent area of each cell, or a text where there is none."""
        named = [area or NO_AREA for area in self.run.places.area]
        return np.array(named, dtype=object)

    @property
    def period_text(self) -> str:
        """The periods allocated, as text."""
        first, last = (period_label(self.allocation.periods[at]) for at in (0, -1))
        return first if first == last else f"{first}, until {last}"

    @property
    def covered_events(self) -> float:
        """Expected events on covered land, over all periods."""
        return float((self.share * self.expected).sum())

    def to_frame(self) -> pd.DataFrame:
        """Return effort, inclusion probability and expected events by cell and period."""
        parts = {"effort": self.allocation.effort, "inclusion": self.allocation.inclusion}
        table = pd.DataFrame({name: cube.to_series() for name, cube in parts.items()}).reset_index()
        return table.assign(expected=self.expected.ravel())

    def __repr__(self) -> str:
        """Return rule, budget and coverage."""
        one, whole = self.allocation, float(self.expected.sum())
        share = self.covered_events / whole if whole else 0.0
        return f"Allocation of {one.budget:g} {one.unit} by {one.allocator}: {share:.1%} of expected events covered"

    def align_past(self, values: Floats) -> Floats:
        """Return values of past cells in the order of these cells, NaN where a cell has no past."""
        if self.past is None:
            return np.full((len(self.areas), *values.shape[1:]), np.nan)
        at = self.past.expected.indexes["cell"].astype(str).get_indexer(self.grid.cells.astype(str))
        found: Floats = values[at].astype(float)
        found[at < 0] = np.nan
        return found
