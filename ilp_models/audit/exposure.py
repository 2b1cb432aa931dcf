"""Checks of what the flagged land means for groups of residents: exposure, need and coverage."""

from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.audit.closed_form import largest_difference
from ilp_models.audit.evidence import Evidence
from ilp_models.audit.measures import GroupSums
from ilp_models.audit.residents import Residents
from ilp_models.domain.finding import Finding, Limit
from ilp_models.domain.resampling import Estimate

Floats = npt.NDArray[np.float64]

_EQUAL: Final = Limit(fail_above=1e-12, neutral=0)


def check_groups(evidence: Evidence) -> list[Finding]:
    """Return exposure, need-adjusted ratio and coverage of every group, dimension by dimension.

    Parameters
    ----------
    evidence : Evidence
        Flags, recorded events and residents.

    Returns
    -------
    list of Finding
        ``need_adjusted_ratio`` for each crime type and group, ``coverage_ratio`` for each crime type and dimension,
        ``closed_form`` for each dimension; ``exposure``, ``exposure_ratio`` and ``coverage`` are only reported.
    """
    return [finding for residents in evidence.residents for finding in _dimension(evidence, residents)]


def _dimension(evidence: Evidence, residents: Residents) -> list[Finding]:
    sums = GroupSums.of(evidence.flags, evidence.observed, residents)
    events, areas = sums.burdened.sum(axis=1), residents.areas_of_half
    enough = (events >= evidence.minimum.events) & (areas >= evidence.minimum.areas)
    draws = evidence.resampling
    measures: dict[str, tuple[str, Estimate]] = {
        "exposure": ("share of residents' time on flagged land", sums.exposure(draws)),
        "exposure_ratio": ("exposure over that of all other residents", sums.exposure_ratio(draws)),
        "need_adjusted_ratio": ("share of flags over share of recorded events", sums.need_adjusted_ratio(draws)),
        "coverage": ("share of recorded events on flagged land", sums.coverage(draws)),
    }
    findings = [
        _of_group(evidence, residents, (row, column), check, measures[check], events)
        for check in measures
        for row in range(len(evidence.scopes))
        for column in range(len(residents.groups))
    ]
    ratio = sums.coverage_ratio(draws, enough)
    return [*findings, *_of_dimension(evidence, residents, ratio, enough), _cross_check(evidence, residents, sums)]


def _of_group(
    evidence: Evidence,
    residents: Residents,
    at: tuple[int, int],
    check: str,
    measure: tuple[str, Estimate],
    events: Floats,
) -> Finding:
    title, estimate = measure
    count, areas, least = float(events[at]), int(residents.areas_of_half[at[1]]), evidence.minimum
    lacking = [
        *([f"{count:.0f} weighted events of {least.events:g}"] * (count < least.events)),
        *([f"half of the group lives in {areas} area(s), fewer than {least.areas}"] * (areas < least.areas)),
    ]
    return evidence.judged(
        check,
        title,
        (float(estimate.value[at]), float(estimate.low[at]), float(estimate.high[at])),
        crime_type=evidence.scopes[at[0]],
        dimension=residents.dimension,
        group=residents.groups[at[1]],
        evidence=count,
        thin=" and ".join(lacking),
        advice="Merge small groups or test more periods." if lacking else "Try another ranking unit or share of land.",
    )


def _of_dimension(
    evidence: Evidence, residents: Residents, ratio: Estimate, enough: npt.NDArray[np.bool_]
) -> list[Finding]:
    findings = []
    for row, name in enumerate(evidence.scopes):
        lacking = [group for group, known in zip(residents.groups, enough[row], strict=True) if not known]
        findings.append(
            evidence.judged(
                "coverage_ratio",
                "lowest coverage of a group over the highest",
                (float(ratio.value[row]), float(ratio.low[row]), float(ratio.high[row])),
                crime_type=name,
                dimension=residents.dimension,
                evidence=float(enough[row].sum()),
                thin=f"for {', '.join(lacking)}" if lacking else "",
                advice="Merge small groups or test more periods."
                if lacking
                else "Give the group with least cover more.",
            )
        )
    return findings


def _cross_check(evidence: Evidence, residents: Residents, sums: GroupSums) -> Finding:
    gap = largest_difference(evidence.flags, evidence.observed, residents, sums)
    state = _EQUAL.judge(gap, gap, gap)
    reason = f"{residents.dimension}: exposure and coverage differ from fairlearn's MetricFrame by at most {gap:.1e}."
    title = "largest difference of exposure and coverage from fairlearn's MetricFrame"
    return Finding("closed_form", title, state, reason, gap, gap, gap, _EQUAL, dimension=residents.dimension)
