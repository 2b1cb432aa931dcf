"""The measures of one dimension of groups, on any number of maps drawn again together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.concentration import Permanence
from ilp_models.audit.measures.errors import calibration, tally_errors
from ilp_models.audit.measures.group_gaps import Pick, highest, pair, per_draw
from ilp_models.audit.measures.group_sums import Basis, Cube, GroupSums
from ilp_models.audit.measures.intervals import Drawn, Measured, draw
from ilp_models.audit.residents import Residents
from ilp_models.stats.bootstrap import Estimate

Floats = npt.NDArray[np.float64]
Row = dict[str, object]

OF_FLAGS: Final[Mapping[str, formulas.Formula]] = {
    "exposure": formulas.exposure,
    "exposure_ratio": formulas.exposure_ratio,
    "baseline_exposure_ratio": formulas.baseline_exposure_ratio,
    "patrol_share": formulas.patrol_share,
    "need_adjusted_ratio": formulas.need_adjusted_ratio,
    "coverage": formulas.coverage,
}
OF_ERRORS: Final[Mapping[str, formulas.Formula]] = {
    "burden_share": partial(formulas.burden_share, term="happened"),
    "sum_ratio": formulas.sum_ratio,
    "over_prediction": formulas.over_prediction,
    "under_prediction": formulas.under_prediction,
    "d2": formulas.d2,
}
_AGAINST_BASELINE: Final = frozenset({"baseline_exposure_ratio", "d2"})
_PICKS: Final[Mapping[str, Callable[..., Callable[[Floats], Floats]]]] = {
    "coverage_ratio": partial(pair, lowest=True),
    "bias_ratio": pair,
    "permanent_ratio": highest,
}


def tally_flags(basis: Basis, flags: Floats, observed: Floats, others: Floats | None = None) -> GroupSums:
    """Return the sums that formulas of flagged land are made of."""
    return GroupSums.from_cubes(basis, flag_cubes(flags, observed, others))


def flag_cubes(flags: Floats, observed: Floats, others: Floats | None = None) -> dict[str, Cube]:
    """Return what :func:`tally_flags` sums over cells."""
    return {
        "exposed": Cube(flags, "people"),
        **({} if others is None else {"other_exposed": Cube(others, "people")}),
        "patrolled": Cube(flags, "cells"),
        "burdened": Cube(observed, "cells", over="burdened"),
        "covered": Cube(flags * observed, "cells", over="burdened"),
    }


def tally_replays(basis: Basis, evidence: CheckContext, *, of_baseline: bool = False) -> GroupSums:
    """Return the sums that formulas of forecast errors are made of."""
    other_loss = evidence.deviance_of(evidence.baseline)
    replay = evidence.baseline if of_baseline else evidence.replay
    expected = np.asarray(replay.expected.values, dtype=float)
    loss = other_loss if of_baseline else evidence.deviance_of(replay)
    return tally_errors(basis, expected, evidence.observed, (loss, other_loss))


@dataclass(frozen=True, eq=False)
class _Map:
    """Sums of one set of maps, and those of the baseline's maps as they are."""

    where: Row
    tally: GroupSums
    lasting: Permanence
    against: formulas.Totals


@dataclass(frozen=True, eq=False)
class DimensionMeasures:
    """Sums of the maps of one dimension, to be drawn together.

    Parameters
    ----------
    evidence : Evidence
        Forecasts, recorded events and the least evidence.
    residents : Residents
        Residents of the cells.
    basis : Basis
        Weights of the cells.
    maps : list, optional
        Filled by :meth:`add`.
    """

    evidence: CheckContext
    residents: Residents
    basis: Basis
    maps: list[_Map] = field(default_factory=list)

    @classmethod
    def from_context(cls, evidence: CheckContext, residents: Residents) -> Self:
        """Return the measures of one dimension, without maps yet."""
        return cls(evidence, residents, Basis.from_residents(residents))

    def add(self, where: Row, flags: Floats, theirs: Floats) -> None:
        """Add the maps of one share and unit."""
        observed = self.evidence.observed
        against = {
            **tally_flags(self.basis, theirs, observed, flags).whole,
            "permanent": Permanence.from_flags(self.basis, theirs).whole["permanent"],
        }
        tally = tally_flags(self.basis, flags, observed, theirs)
        self.maps.append(_Map(where, tally, Permanence.from_flags(self.basis, flags), against))

    def rows(self) -> list[Row]:
        """Return all measures."""
        against = tally_replays(self.basis, self.evidence, of_baseline=True).whole
        tallies = [
            tally_replays(self.basis, self.evidence),
            *(one.tally for one in self.maps),
            *(one.lasting for one in self.maps),
        ]
        first, *drawn = draw(tallies, self.evidence.resampling)
        events = first.whole["happened"][..., :-1]
        enough = self.evidence.minimum.met(events, self.residents.areas_of_half)
        about = _About(self.evidence.scopes, self.residents, events, enough)
        rows = [row for name, formula in OF_ERRORS.items() for row in about.groups(name, formula, first, against)]
        rows += about.dimension("bias_ratio", formulas.sum_ratio, first, against)
        rows += self._fixed(about, first)
        for one, now, lasting in zip(self.maps, drawn, drawn[len(self.maps) :], strict=False):
            made = [row for name, formula in OF_FLAGS.items() for row in about.groups(name, formula, now, one.against)]
            made += about.groups("permanent", formulas.permanent, lasting, one.against)
            made += about.dimension("coverage_ratio", formulas.coverage, now, one.against)
            made += about.dimension("permanent_ratio", formulas.permanent_ratio, lasting, one.against)
            rows += [row | one.where for row in made]
        return rows

    def _fixed(self, about: "_About", drawn: Drawn) -> list[Row]:
        """Return population shares, which are exact, and calibration lines, which have an interval over weeks."""
        evidence = self.evidence
        shares = formulas.population_share(drawn.whole)
        nothing = np.full_like(shares, np.nan)
        rows = about.measured("population_share", Measured.from_weeks(Estimate(shares, nothing, nothing)), shares)
        expected = np.asarray(evidence.replay.expected.values, dtype=float)
        lines = calibration(expected, evidence.observed, self.residents, evidence.resampling, evidence.floor)
        for name, line in zip(("calibration_slope", "calibration_intercept"), lines, strict=True):
            rows += about.measured(name, Measured.from_weeks(line), nothing)
        return rows


@dataclass(frozen=True, eq=False)
class _About:
    """Makes rows of one dimension."""

    scopes: tuple[str, ...]
    residents: Residents
    events: Floats
    enough: npt.NDArray[np.bool_]

    def groups(self, measure: str, formula: formulas.Formula, drawn: Drawn, against: formulas.Totals) -> list[Row]:
        with np.errstate(divide="ignore", invalid="ignore"):
            baseline = np.full(1, np.nan) if measure in _AGAINST_BASELINE else formula(against)
        return self.measured(measure, drawn.measure(formula), baseline)

    def measured(self, measure: str, measured: Measured, baseline: Floats) -> list[Row]:
        shape = self.events.shape
        people, areas = self.residents.by_group.sum(axis=0), self.residents.areas_of_half
        baseline, measured = np.broadcast_to(baseline, shape), measured.broadcast(shape)
        return [
            {
                **self._where(row, self.residents.groups[at]),
                "residents": float(people[at]),
                "areas": int(areas[at]),
                "events": float(self.events[row, at]),
                "enough": bool(self.enough[row, at]),
                "measure": measure,
                "baseline": float(baseline[row, at]),
                **measured.at(row, at),
            }
            for row, at in np.ndindex(*shape)
        ]

    def dimension(self, measure: str, formula: formulas.Formula, drawn: Drawn, against: formulas.Totals) -> list[Row]:
        pick: Pick = partial(_PICKS[measure], enough=self.enough)
        measured = drawn.extreme(formula, pick)
        with np.errstate(divide="ignore", invalid="ignore"):
            baseline = per_draw(formula(against), pick)
        return [
            {
                **self._where(row, ""),
                "residents": float(self.residents.total.sum()),
                "events": float(self.events[row].min()),
                "enough": bool(self.enough[row].all()),
                "measure": measure,
                "baseline": float(baseline[row]),
                **measured.at(row),
            }
            for row in range(len(self.scopes))
        ]

    def _where(self, row: int, group: str) -> Row:
        return {"crime_type": self.scopes[row], "dimension": self.residents.dimension, "group": group}
