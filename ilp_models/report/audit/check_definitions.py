"""What each check of an audit that is not a measure of groups means."""

from dataclasses import dataclass
from typing import Final

NONE: Final = "none"
WEEKS: Final = "blocks of whole periods drawn again"
EXACT: Final = "none: exact"
_BASELINE: Final = "the baseline, with the same share and ranking unit"
_REPLICATES: Final = "replicates of the simulation"
_FISHER: Final = "Fisher's transformation over areas"


@dataclass(frozen=True)
class Definition:
    """What a number means.

    Parameters
    ----------
    label : str
        Short name in words.
    formula : str
        How it is worked out.
    denominator : str
        What it is divided by.
    reference : str
        Whom or what it is compared with.
    reading : str
        How to read it.
    interval : str, default "blocks of whole periods drawn again"
        What is drawn again for the interval of a finding.
    """

    label: str
    formula: str
    denominator: str
    reference: str
    reading: str
    interval: str = WEEKS


CHECKS: Final[dict[str, Definition]] = {
    "deviance_skill": Definition(
        "Skill",
        "1 - Poisson deviance of the forecaster / of the baseline",
        "the baseline's deviance",
        "the baseline",
        "Above 0: the forecaster is closer to the counts than the baseline.",
    ),
    "pai_ratio": Definition(
        "Recorded events on flagged land",
        "recorded events on the forecaster's flagged land / on the baseline's",
        "events on the baseline's flagged land",
        _BASELINE,
        "Above 1: the forecaster's map holds more recorded events.",
    ),
    "calibration_slope": Definition(
        "Calibration slope",
        "slope of a Poisson regression of y on log p",
        NONE,
        NONE,
        "Below 1: high forecasts are too high.",
    ),
    "calibration_intercept": Definition(
        "Calibration intercept", "intercept of the same regression", NONE, NONE, "0: the level is right."
    ),
    "shap_additivity": Definition(
        "Attributions add up",
        "largest gap between base + attributions and log expected count",
        NONE,
        "the forecast itself",
        "0: the explanation is of this forecast.",
        EXACT,
    ),
    "explanation_stability": Definition(
        "Stability of the explanation",
        "mean rank correlation of importances between regressions learned anew",
        NONE,
        "other halves of the periods",
        "1: the same columns matter whatever the periods.",
        "lowest and highest of the pairs",
    ),
    "perturbation_agreement": Definition(
        "Agreement of perturbations",
        "rank correlation of importances under two ways of leaving a column out",
        NONE,
        "the other way",
        "Low: columns that say the same share credit arbitrarily.",
        EXACT,
    ),
    "proxy_probe": Definition(
        "A column that stands in for a group",
        "strongest correlation over areas of a column with the group's share of residents",
        NONE,
        NONE,
        "Near 1 or -1: the column tells who lives in an area.",
        _FISHER,
    ),
    "proxy_strength": Definition(
        "All columns as a stand-in for a group",
        "cross-validated R2 of the group's share of residents from all columns",
        "variance of the share over areas",
        NONE,
        "Near 1: the columns together tell who lives in an area.",
        EXACT,
    ),
    "proxy_residual": Definition(
        "Errors and groups",
        "correlation over areas of recorded less expected events with the group's share of residents",
        NONE,
        NONE,
        "0: the forecast does not err with who lives there.",
        "whole areas drawn again",
    ),
    "missing_population": Definition(
        "Residents left out",
        "residents without a cell, and an estimate for cells without an area, over all",
        "all residents",
        NONE,
        "0: everybody is counted.",
        EXACT,
    ),
    "closed_form": Definition(
        "Cross-check",
        "largest difference of E_g and C_g from fairlearn's MetricFrame",
        NONE,
        "fairlearn",
        "0: two ways of counting agree.",
        EXACT,
    ),
    "feature_allow_list": Definition(
        "Columns of the model", "columns that are not allowed", NONE, NONE, "0: none.", EXACT
    ),
    "group_table": Definition(
        "Group table", "whether groups of residents are known", NONE, NONE, "Without it nothing is admitted.", EXACT
    ),
    "governance": Definition("Governance", "fields that are empty, past or in conflict", NONE, NONE, "0: none.", EXACT),
    "enforcement_types": Definition(
        "Enforcement-driven types",
        "crime types that depend on where police look",
        NONE,
        NONE,
        "0: none is forecast for allocation.",
        EXACT,
    ),
    "tainted_periods": Definition(
        "Tainted periods",
        "declared periods of unlawful or distorted policing that the records reach into",
        NONE,
        NONE,
        "0: none.",
        EXACT,
    ),
    "areal_unit": Definition(
        "Areal unit",
        "exposure ratios that lie on the other side of 1 on other areas",
        NONE,
        "the audited cells",
        "0: no result hangs on the cells.",
        EXACT,
    ),
    "reporting_sensitivity": Definition(
        "Sensitivity to reporting",
        "Jaccard overlap of the flagged land with that of events corrected for reporting",
        "land flagged on either map",
        "the map without the correction",
        "1: the same land is flagged.",
    ),
    "feedback_distance": Definition(
        "Feedback",
        "distance of learned from true shares of areas, beyond that with complete records",
        NONE,
        "the same simulation with complete records",
        "0: records that follow patrols teach nothing else.",
        _REPLICATES,
    ),
    "feedback_corrected": Definition(
        "Feedback, corrected",
        "the same with events weighted by the chance of a record",
        NONE,
        "the same simulation with complete records",
        "0: the correction takes feedback away.",
        _REPLICATES,
    ),
    "feedback_observed": Definition(
        "Areas ever observed",
        "areas patrolled at least once, or with reports, over all",
        "all areas",
        NONE,
        "1: nowhere is out of sight.",
        EXACT,
    ),
}
