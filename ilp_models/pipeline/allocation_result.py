"""The result of an allocation: effort, impact on groups, and the inputs of its files and briefings."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.allocation import Allocation, AllocationInput, PlannedPeriods
from ilp_models.domain.decision import Decision
from ilp_models.domain.grid import Grid
from ilp_models.domain.replay import Replay
from ilp_models.pipeline.day_patterns import DayPatterns
from ilp_models.pipeline.overrides import OverrideEffect
from ilp_models.pipeline.previous_plan import PreviousPlan
from ilp_models.pipeline.run_folder import RunFolder
from ilp_models.report.formatting import percent, percent_range, period_label

Floats = npt.NDArray[np.float64]

NO_AREA: Final = "(no area)"


@dataclass(frozen=True, eq=False)
class CapChoice:
    """The person who chose an exposure cap, and the reason."""

    chosen_by: str
    reason: str
    cap: float = float("inf")  # on the exposure ratio
    other_rule: bool = False  # whether the rule has other limits than a cap: no evaluated cap is its plan

    @property
    def selected(self) -> float | None:
        """The evaluated cap whose plan was chosen; None if the plan follows another rule."""
        return None if self.other_rule else self.cap


@dataclass(frozen=True, eq=False, repr=False)
class AllocationResult:
    """An allocation of patrol effort and its impact on groups of residents."""

    run: RunFolder
    decision: Decision
    allocation: Allocation
    by_hand: OverrideEffect
    share: Floats  # (cells, periods): covered part of each cell, the expectation over draws
    gap: Floats  # (periods,): maximum relative distance of the value from the best allocation
    territory: AllocationInput
    grid: Grid
    groups: pd.DataFrame  # exposure and coverage by group; empty without a group table
    frontier: pd.DataFrame  # events covered under each exposure cap; empty without a group table
    harm: pd.DataFrame  # expected harm covered under every harm set and reading; empty without sets
    choice: CapChoice
    audited_replay: Replay | None  # audited forecasts and recorded counts, if the audit archived them
    audited_plan: PlannedPeriods | None  # plans of the audited rule in the test periods; None: top areas
    reasons: pd.DataFrame | None  # crime_type, cell, period, words; None for a run of an earlier version
    patterns: DayPatterns  # names of places, and when crimes were recorded there
    previous: PreviousPlan | None  # of the period before, if the register knows it
    settings: Mapping[str, Any]  # of rule, objective, ranking, frontier and groups

    @property
    def expected(self) -> Floats:
        """Expected events of all crime types, shape (cells, periods)."""
        return np.asarray(self.run.forecast.expected.values.sum(axis=0))

    @property
    def areas(self) -> npt.NDArray[np.object_]:
        """Parent area of each cell; ``(no area)`` if it has none."""
        names = [area or NO_AREA for area in self.run.places.area]
        return np.array(names, dtype=object)

    @property
    def border_note(self) -> str:
        """That areas follow cells, where they do: their counts are then not those of the official areas."""
        exact = len(set(self.areas)) == len(self.areas)
        return (
            ""
            if exact
            else "Areas are drawn along the cells of the map, so their counts can differ from official ones."
        )

    @property
    def places(self) -> npt.NDArray[np.object_]:
        """Name of the place of each cell."""
        return self.patterns.places(self.grid.cells, self.areas)

    @property
    def period_text(self) -> str:
        """The first and last period, as text."""
        first, last = (period_label(self.allocation.periods[at]) for at in (0, -1))
        return first if first == last else f"{first}, until {last}"

    @property
    def covered_share(self) -> float:
        """Expected events in covered areas as a share of all expected events; 0 without expected events."""
        total = float(self.expected.sum())
        return self.covered_events / total if total else 0.0

    @property
    def harm_ranges(self) -> pd.DataFrame:
        """The share of expected events covered, then the range of the share of harm covered under each harm set."""
        rows = [("Events", percent(self.covered_share), "every crime counts the same")]
        for name, one in self.harm.groupby("harm_set", sort=False):
            first = one.iloc[0]
            about = f"{first['title']} ({first['date']}); {first['unit']}"
            rows.append((f"Harm, {name}", percent_range(*one["share"]), about))
        return pd.DataFrame(rows, columns=["counted", "covered", "about"])

    @property
    def covered_events(self) -> float:
        """Expected events in covered areas, over all periods."""
        return float((self.share * self.expected).sum())

    def to_frame(self) -> pd.DataFrame:
        """Return effort, inclusion probability and expected events by cell and period."""
        parts = {"effort": self.allocation.effort, "inclusion": self.allocation.inclusion}
        table = pd.DataFrame({name: cube.to_series() for name, cube in parts.items()}).reset_index()
        return table.assign(expected=self.expected.ravel())

    def __repr__(self) -> str:
        """Return rule, budget and coverage."""
        one = self.allocation
        covered = f"{self.covered_share:.1%} of expected events covered"
        return f"Allocation of {one.budget:g} {one.unit} by {one.allocator}: {covered}"

    def _repr_html_(self) -> str:
        areas = self.groups.to_html(index=False, float_format="{:.3g}".format) if len(self.groups) else ""
        return f"<p>{escape(repr(self))}</p>{areas}"

    def align_audited(self, values: Floats) -> Floats:
        """Return values of the audited cells in the order of these cells; NaN for cells that were not audited."""
        if self.audited_replay is None:
            return np.full((len(self.areas), *values.shape[1:]), np.nan)
        at = self.audited_replay.expected.indexes["cell"].astype(str).get_indexer(self.grid.cells.astype(str))
        aligned: Floats = values[at].astype(float)
        aligned[at < 0] = np.nan
        return aligned
