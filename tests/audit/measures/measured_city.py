"""The city of the audit tests with its measures of groups."""

from dataclasses import replace

from ilp_models.audit.check_context import CheckContext, MinEvidence
from ilp_models.audit.measures.checks import check_groups
from ilp_models.domain.finding import Limit
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit import audit_inputs as inputs

BETWEEN = Limit(warn_above=1.05, fail_above=1.10)
LIMITS = {
    "bias_ratio": BETWEEN,
    "baseline_exposure_ratio": BETWEEN,
    "permanently_flagged": Limit(warn_above=1.5, fail_above=2.0),
}


def evidence(model=None, slant=0.3, **changes):
    known, baseline = inputs.city()
    people = inputs.audit(inputs.group_table(slant)).groups.to_cells(inputs.grid())
    made = CheckContext(
        replay=model or known,
        baseline=baseline,
        grid=inputs.grid(),
        explanation=None,
        features=None,
        limits=LIMITS,
        min_evidence=MinEvidence(),
        bootstrap=Bootstrap(draws=200),
        land_share=0.2,
        rank_by="count",
        floor=0.005,
        residents=people,
    )
    return replace(made, **changes)


def findings(made, check):
    return {(f.crime_type, f.group): f for f in check_groups(made) if f.check == check}
