"""Table of all group measures: by share of land and ranking, for the forecaster and the baseline."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.flagging import UNITS, with_total
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.concentration import Permanence, gini, permanent_cells
from ilp_models.audit.measures.formulas import Pick, group_ratio, highest_group, per_draw
from ilp_models.audit.measures.group_sums import Basis, GroupSums, tally_flags, tally_replays
from ilp_models.audit.measures.intervals import Drawn, Measured, draw
from ilp_models.audit.measures.metric_frame import METRICS, AuditedFrames
from ilp_models.audit.residents import Residents
from ilp_models.domain.allocation import RULE
from ilp_models.domain.errors import IlpError, InputError
from ilp_models.stats.bootstrap import Bootstrap, Estimate
from ilp_models.stats.calibration import calibration_line

Floats = npt.NDArray[np.float64]
Row = dict[str, object]

SHARES: Final = (0.01, 0.05, 0.10, 0.20)
COLUMNS: Final = (
    *("crime_type", "share", "unit", "dimension", "group", "residents", "areas", "events", "enough"),
    *("measure", "value", "baseline", "week_low", "week_high", "area_low", "area_high"),
    *("chance_low", "chance_high", "p_chance", "p_adjusted"),
)
OF_FLAGS: Final[Mapping[str, formulas.Formula]] = {
    "exposure": formulas.exposure,
    "exposure_ratio": formulas.exposure_ratio,
    "baseline_exposure_ratio": formulas.baseline_exposure_ratio,
    "patrol_share": formulas.patrol_share,
    "need_adjusted_ratio": formulas.need_adjusted_ratio,
    "coverage": formulas.coverage,
}
OF_ERRORS: Final[Mapping[str, formulas.Formula]] = {
    "burden_share": partial(formulas.burden_share, term="recorded"),
    "sum_ratio": formulas.sum_ratio,
    "over_prediction": formulas.over_prediction,
    "under_prediction": formulas.under_prediction,
    "error": formulas.error,
    "d2": formulas.d2,
}
_AGAINST_BASELINE: Final = frozenset({"baseline_exposure_ratio", "d2"})
_PICKS: Final[Mapping[str, Callable[..., Callable[[Floats], Floats]]]] = {
    "coverage_ratio": partial(group_ratio, lowest=True),
    "bias_ratio": group_ratio,
    "permanent_ratio": highest_group,
}


def measure_groups(context: CheckContext, shares: Sequence[float] = ()) -> pd.DataFrame:
    """Return all measures of groups, at several shares of land and for every ranking of cells.

    The default is SHARES and the audited share. The plans of an audited rule have the unit ``rule``. Exposure,
    coverage and error of the audited map are those of its MetricFrame.
    """
    shares = shares or sorted({*SHARES, context.land_share})
    if not context.residents:
        msg = "There is no group table, so groups cannot be measured. Set audit.groups.path=FILE."
        raise InputError(msg)
    harm = context.harm_rankings
    parts = [DimensionMeasures.from_context(context, one) for one in context.residents]
    rows: list[Row] = []
    for unit in (*UNITS, *harm):
        rule = context.flagging_rule(unit)
        own, other = (
            rule.flagged(with_total(np.asarray(one.expected.values, dtype=float)), *shares)
            for one in (context.replay, context.baseline)
        )
        for share, flags, theirs in zip(shares, own, other, strict=True):
            where: Row = {"share": share, "unit": unit}
            rows += [row | where for row in _of_map(context, flags, theirs)]
            for part in parts:
                part.add(where, flags, theirs)
    if context.plan is not None:
        planned: Row = {"share": context.land_share, "unit": RULE}
        rows += [row | planned for row in _of_map(context, context.flags, context.baseline_flags)]
        for part in parts:
            part.add(planned, context.flags, context.baseline_flags)
    for part in parts:
        rows += part.rows()
    return pd.DataFrame(rows).reindex(columns=list(COLUMNS))


@dataclass(frozen=True, eq=False)
class _Map:
    """Sums of one set of maps, and those of the baseline's maps without draws."""

    where: Row
    tally: GroupSums
    permanence: Permanence
    baseline: formulas.Totals


@dataclass(frozen=True, eq=False)
class DimensionMeasures:
    """Sums of the maps of one dimension, drawn together by :meth:`rows`."""

    context: CheckContext
    residents: Residents
    basis: Basis
    frames: AuditedFrames
    maps: list[_Map] = field(default_factory=list)

    @classmethod
    def from_context(cls, context: CheckContext, residents: Residents) -> Self:
        """Return the measures of one dimension, without maps."""
        return cls(context, residents, Basis.from_residents(residents), AuditedFrames(context, residents))

    def add(self, where: Row, flags: Floats, theirs: Floats) -> None:
        """Add the maps of one share and ranking; ``theirs`` are those of the baseline."""
        observed = self.context.observed
        against = {
            **tally_flags(self.basis, theirs, observed, flags).whole,
            "permanent": Permanence.from_flags(self.basis, theirs).whole["permanent"],
        }
        tally = tally_flags(self.basis, flags, observed, theirs)
        self.maps.append(_Map(where, tally, Permanence.from_flags(self.basis, flags), against))

    def rows(self) -> list[Row]:
        """Return all measures."""
        against = tally_replays(self.basis, self.context, of_baseline=True).whole
        tallies = [
            tally_replays(self.basis, self.context),
            *(one.tally for one in self.maps),
            *(one.permanence for one in self.maps),
        ]
        first, *drawn = draw(tallies, self.context.bootstrap)
        events = first.whole["recorded"][..., :-1]
        enough = self.context.min_evidence.met(events, self.residents.areas_of_half)
        about = _Rows(self.context.scopes, self.residents, events, enough)
        audited = {name: self.frames.values(name) for name in METRICS}
        unit = self.context.rank_by if self.context.plan is None else RULE
        audited_map = {"share": self.context.land_share, "unit": unit}
        rows = [
            row for name, formula in OF_ERRORS.items() for row in about.groups(name, formula, first, against, audited)
        ]
        rows += about.dimension("bias_ratio", formulas.sum_ratio, first, against)
        rows += self._fixed(about, first)
        for one, weekly, permanence in zip(self.maps, drawn, drawn[len(self.maps) :], strict=False):
            known = audited if one.where == audited_map else {}
            added = [
                row
                for name, formula in OF_FLAGS.items()
                for row in about.groups(name, formula, weekly, one.baseline, known)
            ]
            added += about.groups("permanent", formulas.permanent, permanence, one.baseline, {})
            added += about.dimension("coverage_ratio", formulas.coverage, weekly, one.baseline)
            added += about.dimension("permanent_ratio", formulas.permanent_ratio, permanence, one.baseline)
            rows += [row | one.where for row in added]
        return rows

    def _fixed(self, about: "_Rows", drawn: Drawn) -> list[Row]:
        """Return population shares, which are exact, and calibration by group, with intervals over weeks."""
        context = self.context
        shares = formulas.population_share(drawn.whole)
        nothing = np.full_like(shares, np.nan)
        rows = about.measured("population_share", Measured.from_weeks(Estimate(shares, nothing, nothing)), shares)
        expected = np.asarray(context.replay.expected.values, dtype=float)
        lines = group_calibration(expected, context.observed, self.residents, context.bootstrap, context.floor)
        for name, line in zip(("calibration_slope", "calibration_intercept"), lines, strict=True):
            rows += about.measured(name, Measured.from_weeks(line), nothing)
        return rows


@dataclass(frozen=True, eq=False)
class _Rows:
    """Makes the rows of one dimension."""

    scopes: tuple[str, ...]
    residents: Residents
    events: Floats
    enough: npt.NDArray[np.bool_]

    def groups(
        self,
        measure: str,
        formula: formulas.Formula,
        drawn: Drawn,
        against: formulas.Totals,
        audited: Mapping[str, tuple[Floats, Floats]],
    ) -> list[Row]:
        """Return the rows of a measure; ``audited`` has the values of some measures and of their baselines."""
        measured = drawn.measure(formula)
        if measure in audited:
            value, baseline = audited[measure]
            return self.measured(measure, replace(measured, value=value), baseline)
        with np.errstate(divide="ignore", invalid="ignore"):
            baseline = np.full(1, np.nan) if measure in _AGAINST_BASELINE else formula(against)
        return self.measured(measure, measured, baseline)

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


def _of_map(context: CheckContext, flags: Floats, theirs: Floats) -> Iterator[Row]:
    counts = permanent_cells(flags).sum(axis=1).astype(float)
    measures: dict[str, tuple[Estimate, Floats]] = {
        "gini": (gini(flags, context.bootstrap), gini(theirs, context.bootstrap).value),
        "permanent_cells": (
            Estimate(counts, np.full_like(counts, np.nan), np.full_like(counts, np.nan)),
            permanent_cells(theirs).sum(axis=1).astype(float),
        ),
    }
    for name, (estimate, baseline) in measures.items():
        measured = Measured.from_weeks(estimate)
        for row, scope in enumerate(context.scopes):
            about: Row = {"crime_type": scope, "dimension": "", "group": "", "measure": name}
            yield about | measured.at(row) | {"baseline": float(baseline[row]), "enough": True}


def group_calibration(
    expected: Floats, observed: Floats, residents: Residents, resampling: Bootstrap, floor: float
) -> tuple[Estimate, Estimate]:
    """Return slope and intercept of a Poisson regression of y on log p for each group, weights s_ig."""
    kinds, groups = len(expected), len(residents.groups)
    rows = kinds + (kinds > 1)
    numbers = np.full((2, 3, rows, groups), np.nan)
    for row in range(rows):
        part = slice(row, row + 1) if row < kinds else slice(None)
        for group in range(groups):
            cells = np.flatnonzero(residents.by_group[:, group] > 0)
            weight = residents.shares[cells, group][:, None]
            try:
                line = calibration_line(observed[part, cells], expected[part, cells], weight, floor)
            except IlpError:
                continue
            for which, (value, ends) in enumerate(
                zip((line.slope, line.intercept), line.intervals(resampling), strict=True)
            ):
                numbers[which, :, row, group] = value, *ends
    slope, intercept = (Estimate(one[0], one[1], one[2]) for one in numbers)
    return slope, intercept
