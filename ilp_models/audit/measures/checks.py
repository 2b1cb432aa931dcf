"""Checks of what forecasts and flagged areas mean for groups of residents."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.concentration import Permanence, permanent_cells
from ilp_models.audit.measures.formulas import group_ratio, highest_group
from ilp_models.audit.measures.group_sums import Basis, tally_flags, tally_replays
from ilp_models.audit.measures.intervals import Drawn
from ilp_models.audit.residents import Residents
from ilp_models.domain.finding import Finding, Shortfall
from ilp_models.stats.bootstrap import Estimate

Floats = npt.NDArray[np.float64]

_MORE_EVIDENCE: Final = "Merge small groups or test more periods."


def check_groups(context: CheckContext) -> list[Finding]:
    """Return exposure, need, coverage, errors and permanence of every group, dimension by dimension.

    All intervals are over blocks of periods, without adjustment: they hold for this city and this map.
    """
    return [finding for residents in context.residents for finding in _dimension(context, residents)]


def _dimension(context: CheckContext, residents: Residents) -> list[Finding]:
    basis = Basis.from_residents(residents)
    flags = Drawn.from_weeks(
        tally_flags(basis, context.flags, context.observed, context.baseline_flags), context.bootstrap
    )
    errors = Drawn.from_weeks(tally_replays(basis, context), context.bootstrap)
    permanence = Drawn.from_weeks(Permanence.from_flags(basis, context.flags), context.bootstrap)
    findings = GroupFindings(context, residents, flags.whole["burdened"][..., :-1])
    return [
        *_of_flags(findings, flags),
        *_of_permanence(findings, permanence),
        *_of_errors(findings, errors),
    ]


@dataclass(frozen=True, eq=False)
class GroupFindings:
    """Makes findings on the groups of one dimension."""

    context: CheckContext
    residents: Residents
    events: Floats  # recorded events weighted by shares of residents, (crime types and their pool, groups)

    @property
    def enough(self) -> npt.NDArray[np.bool_]:
        """Groups with enough events and areas, shape (crime types and their pool, groups)."""
        return self.context.min_evidence.met(self.events, self.residents.areas_of_half)

    def by_group(self, check: str, estimate: Estimate) -> list[Finding]:
        """Return a finding on each crime type and group."""
        return [
            self.context.finding(
                check,
                (float(estimate.value[at]), float(estimate.low[at]), float(estimate.high[at])),
                crime_type=self.context.scopes[at[0]],
                dimension=self.residents.dimension,
                group=self.residents.groups[at[1]],
                evidence=float(self.events[at]),
                shortfall=(shortfall := self._shortfall(at)),
                advice=_MORE_EVIDENCE if shortfall else None,
            )
            for at in np.ndindex(*self.events.shape)
        ]

    def by_dimension(self, check: str, estimate: Estimate, details: Sequence[str] = ()) -> list[Finding]:
        """Return a finding on each crime type."""
        findings = []
        for row, name in enumerate(self.context.scopes):
            enough = self.enough[row]
            lacking = [group for group, known in zip(self.residents.groups, enough, strict=True) if not known]
            shortfall = f"too few events or areas for {', '.join(lacking)}" if lacking else ""
            findings.append(
                self.context.finding(
                    check,
                    (float(estimate.value[row]), float(estimate.low[row]), float(estimate.high[row])),
                    crime_type=name,
                    dimension=self.residents.dimension,
                    evidence=float(enough.sum()),
                    shortfall=shortfall,
                    detail=details[row] if details else "",
                    advice=_MORE_EVIDENCE if lacking else None,
                )
            )
        return findings

    def extremes(self, values: Floats, words: str) -> list[str]:
        """Return for each scope the words with its lowest and highest group; empty with too few groups."""
        texts = []
        for known, row in zip(self.enough, np.where(self.enough, values, np.nan), strict=True):
            if known.sum() < 2 or not np.isfinite(row[known]).all():
                texts.append("")
                continue
            low, high = int(np.nanargmin(row)), int(np.nanargmax(row))
            groups = self.residents.groups
            texts.append(words.format(row[low], row[high], low=groups[low], high=groups[high]))
        return texts

    def _shortfall(self, at: tuple[int, ...]) -> tuple[Shortfall, ...]:
        needed, areas = self.context.min_evidence, int(self.residents.areas_of_half[at[1]])
        events = float(self.events[at])
        return (
            *([Shortfall("weighted events", events, needed.events)] if events < needed.events else []),
            *([Shortfall("areas that hold half of the group", areas, needed.areas)] if areas < needed.areas else []),
        )


def _of_flags(findings: GroupFindings, flags: Drawn) -> list[Finding]:
    measures = {
        "exposure": formulas.exposure,
        "exposure_ratio": formulas.exposure_ratio,
        "baseline_exposure_ratio": formulas.baseline_exposure_ratio,
        "need_adjusted_ratio": formulas.need_adjusted_ratio,
        "coverage": formulas.coverage,
    }
    by_group = [
        finding for check, formula in measures.items() for finding in findings.by_group(check, flags.estimate(formula))
    ]
    lowest = partial(group_ratio, enough=findings.enough, lowest=True)
    details = findings.extremes(
        flags.estimate(formulas.coverage).value, "Covered least: {low} ({0:.1%}); most: {high} ({1:.1%})."
    )
    return by_group + findings.by_dimension("coverage_ratio", flags.estimate(formulas.coverage, lowest), details)


def _of_permanence(findings: GroupFindings, permanence: Drawn) -> list[Finding]:
    cells = permanent_cells(findings.context.flags).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = formulas.permanent_ratio(permanence.whole)
    named = findings.extremes(ratios, "Highest for {high} ({1:.2f}).")
    details = [
        name if some else "No cell is flagged in more than half of the periods."
        for some, name in zip(cells, named, strict=True)
    ]
    ratio = permanence.estimate(formulas.permanent_ratio, partial(highest_group, enough=findings.enough))
    return findings.by_dimension("permanently_flagged", ratio, details)


def _of_errors(findings: GroupFindings, errors: Drawn) -> list[Finding]:
    measures = {
        "d2": formulas.d2,
        "over_prediction": formulas.over_prediction,
        "under_prediction": formulas.under_prediction,
    }
    by_group = [
        finding for check, formula in measures.items() for finding in findings.by_group(check, errors.estimate(formula))
    ]
    ratio = errors.estimate(formulas.sum_ratio, partial(group_ratio, enough=findings.enough))
    details = findings.extremes(
        errors.estimate(formulas.sum_ratio).value,
        "Expected over recorded is highest where {high} lives ({1:.2f}), lowest where {low} lives ({0:.2f}).",
    )
    return by_group + findings.by_dimension("bias_ratio", ratio, details)
