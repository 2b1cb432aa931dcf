"""Checks of what forecasts and flagged land mean for groups: exposure, need, coverage, errors, permanence."""

from functools import partial
from typing import Final

import numpy as np

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.closed_form import largest_difference, largest_error_difference
from ilp_models.audit.measures.concentration import Permanence, permanent_cells
from ilp_models.audit.measures.dimension import tally_flags, tally_replays
from ilp_models.audit.measures.findings import GroupFindings
from ilp_models.audit.measures.group_gaps import highest, pair
from ilp_models.audit.measures.group_sums import Basis
from ilp_models.audit.measures.intervals import Drawn
from ilp_models.audit.residents import Residents
from ilp_models.domain.finding import Finding, Limit

_EQUAL: Final = Limit(fail_above=1e-12, neutral=0)
_RANKING: Final = "Try another ranking unit or share of land."


def check_groups(evidence: CheckContext) -> list[Finding]:
    """Return what forecasts and flagged land mean for every group, dimension by dimension.

    All intervals are over blocks of periods, plain: they hold for this city and this map, as a gate needs them.
    """
    return [finding for residents in evidence.residents for finding in _dimension(evidence, residents)]


def _dimension(evidence: CheckContext, residents: Residents) -> list[Finding]:
    basis = Basis.from_residents(residents)
    flags = Drawn.from_weeks(
        tally_flags(basis, evidence.flags, evidence.observed, evidence.baseline_flags), evidence.resampling
    )
    errors = Drawn.from_weeks(tally_replays(basis, evidence), evidence.resampling)
    about = GroupFindings(evidence, residents, flags.whole["burdened"][..., :-1])
    return [
        *_of_flags(about, flags),
        *_of_permanence(about, Drawn.from_weeks(Permanence.from_flags(basis, evidence.flags), evidence.resampling)),
        *_of_errors(about, errors),
        _cross_check(evidence, residents, flags.whole, errors.whole),
    ]


def _of_flags(about: GroupFindings, flags: Drawn) -> list[Finding]:
    baseline = about.evidence.baseline.forecaster
    measures = {
        "exposure": ("share of residents' time on flagged land", formulas.exposure),
        "exposure_ratio": ("exposure over that of all other residents", formulas.exposure_ratio),
        "baseline_exposure_ratio": (
            f"exposure ratio over that on the map of {baseline}",
            formulas.baseline_exposure_ratio,
        ),
        "need_adjusted_ratio": ("share of flags over share of recorded events", formulas.need_adjusted_ratio),
        "coverage": ("share of recorded events on flagged land", formulas.coverage),
    }
    findings = [
        finding
        for check, (title, formula) in measures.items()
        for finding in about.by_group(check, title, flags.estimate(formula), _RANKING)
    ]
    return findings + about.by_dimension(
        "coverage_ratio",
        ["lowest coverage of a group over the highest"] * len(about.events),
        flags.estimate(formulas.coverage, partial(pair, enough=about.enough, lowest=True)),
        "Give the group with least cover more.",
    )


def _of_permanence(about: GroupFindings, lasting: Drawn) -> list[Finding]:
    title = (
        "share of residents on land flagged in more than half of the periods, "
        "of the group where it is highest over that of all others"
    )
    none = f"{title} (there is no such cell)"
    cells = permanent_cells(about.evidence.flags).sum(axis=1)
    return about.by_dimension(
        "permanently_flagged",
        [title if some else none for some in cells],
        lasting.estimate(formulas.permanent_ratio, partial(highest, enough=about.enough)),
        "Rotate effort between near-equal cells, or try another ranking unit.",
    )


def _of_errors(about: GroupFindings, errors: Drawn) -> list[Finding]:
    baseline = about.evidence.baseline.forecaster
    measures = {
        "d2": (f"skill in deviance against {baseline}", formulas.d2),
        "over_prediction": ("expected beyond recorded events over recorded", formulas.over_prediction),
        "under_prediction": ("recorded beyond expected events over recorded", formulas.under_prediction),
    }
    findings = [
        finding
        for check, (title, formula) in measures.items()
        for finding in about.by_group(check, title, errors.estimate(formula), "")
    ]
    return findings + about.by_dimension(
        "bias_ratio",
        ["expected over recorded events, of the group where it is highest over the lowest"] * len(about.events),
        errors.estimate(formulas.sum_ratio, partial(pair, enough=about.enough)),
        "Look for areas where the level changed or recording did, and refit.",
    )


def _cross_check(
    evidence: CheckContext, residents: Residents, flags: formulas.Totals, errors: formulas.Totals
) -> Finding:
    expected, loss = np.asarray(evidence.replay.expected.values, dtype=float), evidence.deviance_of(evidence.replay)
    gap = float(
        np.max(
            [
                largest_difference(evidence.flags, evidence.observed, residents, flags),
                largest_error_difference(expected, evidence.observed, loss, residents, errors),
            ]
        )
    )
    state = _EQUAL.judge(gap, gap, gap)
    what = "exposure, coverage and weighted mean errors"
    reason = f"{residents.dimension}: {what} differ from fairlearn's MetricFrame by at most {gap:.1e}."
    title = f"largest difference of {what} from fairlearn's MetricFrame"
    return Finding("closed_form", title, state, reason, gap, gap, gap, _EQUAL, dimension=residents.dimension)
