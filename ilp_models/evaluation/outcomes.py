"""Outcomes of a trial: counts of units and of the zones around them, by crime type, harm and group of residents."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from ilp_models.domain.errors import InputError
from ilp_models.domain.panel import Panel
from ilp_models.domain.scores import ALL
from ilp_models.domain.trial import Bools, Floats, Integers, Scheme, TrialData
from ilp_models.domain.trial_design import Shift, TrialDesign
from ilp_models.evaluation.schemes import scheme_of

MAIN: Final = "main"
TYPE: Final = "crime type"
FOUND: Final = "found by patrols"
ZONE: Final = "zone around the units"
HARM: Final = "harm"
GROUP: Final = "group of residents"
COSTS: Final = "costs"


@dataclass(frozen=True, eq=False)
class Outcome:
    """One outcome of a trial: what is compared, and the counts by unit and period."""

    name: str
    kind: str
    trial: TrialData


@dataclass(frozen=True)
class _StartOfScheme:
    """The first periods of a scheme, for a trial that is evaluated before its end."""

    whole: Scheme
    periods: int

    @property
    def name(self) -> str:
        """The name of the whole scheme."""
        return self.whole.name

    @property
    def randomised(self) -> bool:
        """Whether the whole scheme is drawn."""
        return self.whole.randomised

    def blocks(self, usual: Floats) -> Integers:
        """Return the blocks of the whole scheme."""
        return self.whole.blocks(usual)

    def draw(self, blocks: Integers, periods: int, draws: int, generator: np.random.Generator) -> Bools:
        """Return assignments of the whole scheme, cut to the first periods."""
        return self.whole.draw(blocks, self.periods, draws, generator)[:, :, :periods]

    def analysed(self, treated: Bools) -> Bools:
        """Return which periods are analysed."""
        return self.whole.analysed(treated)


@dataclass(frozen=True, eq=False)
class TrialCounts:
    """Counts of the cells of a trial, from the periods before it to its last recorded period.

    Attributes
    ----------
    design : TrialDesign
        Units, zones and assignment.
    panels : mapping of shift to Panel
        Counts of every crime type and cell in each shift (None: all hours) over ``periods_before`` and ``periods`` of
        the trial.
    periods_before, periods : int
        Periods before the trial, and periods of it, that the records cover.
    """

    design: TrialDesign
    panels: Mapping[Shift | None, Panel]
    periods_before: int
    periods: int

    @classmethod
    def of_panels(cls, design: TrialDesign, panels: Mapping[Shift | None, Panel]) -> "TrialCounts":
        """Return the counts; InputError if a unit, a crime type or the first period of the trial is missing.

        ``panels`` has the counts of each shift of the design, of the same crime types, cells and periods.
        """
        first, panel = design.first_period, next(iter(panels.values()))
        ordinals = panel.periods.asi8
        before = min(int((ordinals < first.ordinal).sum()), design.periods_before)
        periods = min(int((ordinals >= first.ordinal).sum()), design.periods)
        if before < 1 or periods < 1:
            span = f"{panel.periods[0].start_time:%Y-%m-%d} to {panel.periods[-1].end_time:%Y-%m-%d}"
            what = "no whole period before" if before < 1 else "no whole period of"
            msg = (
                f"The records ({span}) hold {what} the trial, which starts on {design.start} and lasts "
                f"{design.periods} {design.period_unit}s. Give records that reach from before its start to its end."
            )
            raise InputError(msg)
        _check_cells(design, panel)
        missing = [one for one in trial_types(design) if one not in panel.counts.indexes["crime_type"]]
        if missing:
            known = ", ".join(map(str, panel.counts.indexes["crime_type"]))
            msg = (
                f"The design has the outcome {missing[0]!r}, and the records have {known}. Map the records to the "
                "crime types of the design: data.crime_types."
            )
            raise InputError(msg)
        start = first.ordinal - before - ordinals[0]
        kept_periods = slice(start, start + before + periods)
        kept = {shift: Panel(one.counts[:, :, kept_periods], one.outside) for shift, one in panels.items()}
        return cls(design, kept, before, periods)

    @property
    def is_complete(self) -> bool:
        """Whether the records cover the whole trial."""
        return self.periods == self.design.periods

    @property
    def reported(self) -> tuple[str, ...]:
        """Outcome types that victims and witnesses report; all of them if patrols find every one."""
        found = set(self.design.found_by_patrols)
        return tuple(one for one in self.design.outcomes if one not in found) or self.design.outcomes

    @property
    def treated(self) -> npt.NDArray[np.bool_]:
        """The assignment in the recorded periods, shape (units, periods)."""
        return self.design.treated[:, : self.periods]

    @property
    def outside(self) -> int:
        """Events of the crime types and hours outside all cells."""
        return sum(panel.outside for panel in self.panels.values())

    @cached_property
    def shared_zone_cells(self) -> frozenset[tuple[Shift | None, str]]:
        """Cells in the zones of units of a shift with different assignments, which are compared with neither."""
        words: dict[tuple[Shift | None, str], set[str]] = {}
        for shift, units in self.design.units_by_shift.items():
            for unit in units:
                for cell in self.design.zones[unit]:
                    words.setdefault((shift, cell), set()).add(self.design.assignment[unit])
        return frozenset(cell for cell, found in words.items() if len(found) > 1)

    @property
    def missing_zone_cells(self) -> int:
        """Cells of zones that the grid does not have, such as water."""
        return len({cell for zone in self.design.zones for cell in zone} - set(self._position))

    @cached_property
    def _position(self) -> dict[str, int]:
        panel = next(iter(self.panels.values()))
        return {str(cell): at for at, cell in enumerate(panel.counts.indexes["cell"])}

    @cached_property
    def _scheme(self) -> Scheme:
        whole = scheme_of(self.design)
        return whole if self.is_complete else _StartOfScheme(whole, self.design.periods)

    def _members(self, sets: Sequence[Sequence[str]]) -> dict[Shift | None, csr_matrix]:
        """Return which cells belong to which unit of each shift, (units, cells)."""
        position, shared = self._position, self.shared_zone_cells
        found = {}
        for shift, units in self.design.units_by_shift.items():
            pairs = [
                (unit, position[cell])
                for unit in units
                for cell in sets[unit]
                if cell in position and (shift, cell) not in shared
            ]
            rows, columns = (np.array([one[at] for one in pairs], dtype=int) for at in (0, 1))
            found[shift] = csr_matrix((np.ones(len(pairs)), (rows, columns)), shape=(len(sets), len(position)))
        return found

    @cached_property
    def _units(self) -> dict[Shift | None, csr_matrix]:
        return self._members(self.design.cells)

    def _sums(
        self, members: Mapping[Shift | None, csr_matrix], weights: Mapping[str, float], shares: Floats | None = None
    ) -> Floats:
        """Return the sum of crime types under weights by unit and period; ``shares`` weigh the cells."""
        total = np.zeros((len(self.design.units), self.periods_before + self.periods))
        for shift, belong in members.items():
            values = self.panels[shift].counts
            cells = sum(
                float(weight) * values.sel(crime_type=kind).to_numpy().astype(float) for kind, weight in weights.items()
            )
            total += belong @ (cells if shares is None else cells * shares[:, None])
        return total

    def counts(self, types: Sequence[str], *, zones: bool = False) -> Floats:
        """Return the counts of some types by unit, or by the zone around it, and period; those before come first."""
        members = self._members(self.design.zones) if zones else self._units
        return self._sums(members, dict.fromkeys(types, 1.0))

    def trial(self, counts: Floats) -> TrialData:
        """Return trial data from counts by unit and period."""
        blocks = np.array(self.design.blocks)
        before, during = counts[:, : self.periods_before], counts[:, self.periods_before :]
        return TrialData(before, during, self.treated, self._scheme, blocks)

    def main(self) -> Outcome:
        """Return the main outcome: all types together that victims and witnesses report."""
        name = ALL if len(self.reported) > 1 else self.reported[0]
        return Outcome(name, MAIN, self.trial(self.counts(self.reported)))

    def by_type(self) -> Iterator[Outcome]:
        """Yield each crime type, those that patrols find after the others."""
        if len(self.reported) > 1:
            for kind in self.reported:
                yield Outcome(kind, TYPE, self.trial(self.counts([kind])))
        for kind in self.design.found_by_patrols:
            if kind not in self.reported:
                yield Outcome(kind, FOUND, self.trial(self.counts([kind])))

    def zones(self) -> Outcome | None:
        """Return the main outcome in the zones around the units; None without zones."""
        counts = self.counts(self.reported, zones=True)
        return Outcome(ZONE, ZONE, self.trial(counts)) if counts.any() else None

    def weighted(self, name: str, kind: str, weights: Mapping[str, float]) -> Outcome:
        """Return the reported types weighed by harm or costs; types without a weight are left out."""
        known = {one: weights[one] for one in self.reported if weights.get(one)}
        if not known:
            msg = f"{name} gives no weight to {', '.join(self.reported)}. Give a weight to one of the outcomes."
            raise InputError(msg)
        return Outcome(name, kind, self.trial(self._sums(self._units, known)))

    def of_group(self, name: str, shares: Floats) -> Outcome:
        """Return the main outcome weighed by the share of a group among the residents of each cell."""
        counts = self._sums(self._units, dict.fromkeys(self.reported, 1.0), shares)
        return Outcome(name, GROUP, self.trial(counts))


def trial_types(design: TrialDesign) -> tuple[str, ...]:
    """Return the crime types of a design: outcomes, then those that patrols find."""
    return tuple(dict.fromkeys((*design.outcomes, *design.found_by_patrols)))


def _check_cells(design: TrialDesign, panel: Panel) -> None:
    """Raise InputError if a cell of a unit is not in the grid: without it the draw is not that of the design."""
    known: set[Any] = set(map(str, panel.counts.indexes["cell"]))
    missing = {
        unit: lost
        for unit, cells in zip(design.units, design.cells, strict=True)
        if (lost := [cell for cell in cells if cell not in known])
    }
    if missing:
        unit, lost = next(iter(missing.items()))
        msg = (
            f"{len(missing)} of {len(design.units)} units have cells that the grid lacks; the first is unit {unit} "
            f"with cell {lost[0]}. Give the grid settings of the design, and records from the same first day."
        )
        raise InputError(msg)
