"""What each number of an audit means: definition, what it is divided by, whom it is compared with, and its interval."""

from dataclasses import dataclass
from typing import Final

NOTATION: Final = (
    "Cell i, period t, group g; residents n_ig, n_i in all, N_g of the group; s_ig = n_ig / n_i; recorded events y_it; "
    "expected events p_it; a_it the flagged part of a cell; T test periods."
)
_REST: Final = "all other residents"
_NONE: Final = "none"
_WEEKS: Final = "blocks of whole periods drawn again"
_EXACT: Final = "none: exact"


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
    interval : str, default ""
        What is drawn again for the interval of a finding.
    neutral : float, default NaN
        The value that means no difference; NaN where there is none.
    """

    label: str
    formula: str
    denominator: str
    reference: str
    reading: str
    interval: str = _WEEKS
    neutral: float = float("nan")


DEFINITIONS: Final[dict[str, Definition]] = {
    "exposure": Definition(
        "Exposure",
        "E_g = sum a_it n_ig / (T N_g)",
        "residents of the group times test periods",
        _NONE,
        "Share of the group's resident-periods that lie on flagged land.",
    ),
    "exposure_ratio": Definition(
        "Exposure ratio",
        "ER_g = E_g / E of the reference",
        "exposure of the reference",
        _REST,
        "Above 1: the group's areas are flagged more of the time than those of others.",
        neutral=1.0,
    ),
    "patrol_share": Definition(
        "Share of flags",
        "sum a_it s_ig / sum a_it",
        "flagged cells where somebody lives",
        _NONE,
        "Share of the flags that falls on the group's areas.",
    ),
    "burden_share": Definition(
        "Burden share",
        "sum y_it s_ig / sum y_it",
        "recorded events where somebody lives",
        _NONE,
        "Share of the recorded events that falls on the group's areas.",
    ),
    "need_adjusted_ratio": Definition(
        "Need-adjusted ratio",
        "NAR_g = (sum a s / sum a) / (sum y s / sum y)",
        "the group's share of recorded events",
        "recorded events",
        "Above 1: flags fall on the group's areas more than recorded events do.",
        neutral=1.0,
    ),
    "coverage": Definition(
        "Coverage",
        "C_g = sum a_it y_it s_ig / sum y_it s_ig",
        "recorded events weighted by the group's share of residents",
        _NONE,
        "Share of the recorded events where the group lives that happened on flagged land.",
    ),
    "coverage_ratio": Definition(
        "Coverage ratio",
        "CR = min C_g / max C_g",
        "the highest coverage of a group",
        "the best covered group",
        "Below 1: recorded events where one group lives are less often on flagged land.",
        neutral=1.0,
    ),
    "baseline_exposure_ratio": Definition(
        "Exposure ratio against the baseline",
        "AR_g = ER_g of the forecaster / ER_g of the baseline",
        "the exposure ratio under the baseline's map",
        "the baseline, with the same share and ranking unit",
        "Above 1: the forecaster exposes the group more, against others, than the baseline does.",
        neutral=1.0,
    ),
    "bias_ratio": Definition(
        "Bias ratio",
        "R_g = sum p_it s_ig / sum y_it s_ig",
        "recorded events weighted by the group's share of residents",
        "recorded events",
        "Above 1: more events are forecast where the group lives than were recorded.",
        neutral=1.0,
    ),
    "over_prediction": Definition(
        "Over-prediction",
        "sum s_ig (p - y)+ / sum s_ig y",
        "recorded events weighted by the group's share of residents",
        _NONE,
        "Events forecast and not recorded, for each event recorded.",
    ),
    "under_prediction": Definition(
        "Under-prediction",
        "sum s_ig (y - p)+ / sum s_ig y",
        "recorded events weighted by the group's share of residents",
        _NONE,
        "Events recorded and not forecast, for each event recorded.",
    ),
    "d2": Definition(
        "Deviance saved",
        "D2_g = 1 - deviance of the forecaster / deviance of the baseline, weighted by n_ig",
        "the baseline's deviance where the group lives",
        "the baseline",
        "Above 0: the forecaster is closer than the baseline where the group lives.",
        neutral=0.0,
    ),
    "permanently_flagged": Definition(
        "Permanently flagged",
        "residents of areas flagged in more than half of the periods / N_g, over that of the others",
        "the same share of the reference",
        _REST,
        "Above 1: the group lives more in areas that are flagged most of the time.",
        neutral=1.0,
    ),
    "deviance_skill": Definition(
        "Skill",
        "1 - Poisson deviance of the forecaster / of the baseline",
        "the baseline's deviance",
        "the baseline",
        "Above 0: the forecaster is closer to the counts than the baseline.",
        neutral=0.0,
    ),
    "pai_ratio": Definition(
        "Recorded events on flagged land",
        "recorded events on the forecaster's flagged land / on the baseline's",
        "events on the baseline's flagged land",
        "the baseline, with the same share and ranking unit",
        "Above 1: the forecaster's map holds more recorded events.",
        neutral=1.0,
    ),
    "sum_ratio": Definition(
        "Sum ratio",
        "sum p / sum y",
        "recorded events",
        "recorded events",
        "1: as many expected as recorded.",
        neutral=1.0,
    ),
    "calibration_slope": Definition(
        "Calibration slope",
        "slope of a Poisson regression of y on log p",
        _NONE,
        _NONE,
        "Below 1: high forecasts are too high.",
        neutral=1.0,
    ),
    "shap_additivity": Definition(
        "Attributions add up",
        "largest gap between base + attributions and log expected count",
        _NONE,
        "the forecast itself",
        "0: the explanation is of this forecast.",
        _EXACT,
        0.0,
    ),
    "missing_population": Definition(
        "Residents left out",
        "residents without a cell, and an estimate for cells without an area, over all",
        "all residents",
        _NONE,
        "0: everybody is counted.",
        _EXACT,
        0.0,
    ),
    "closed_form": Definition(
        "Cross-check",
        "largest difference of E_g and C_g from fairlearn's MetricFrame",
        _NONE,
        "fairlearn",
        "0: two ways of counting agree.",
        _EXACT,
        0.0,
    ),
    "feature_allow_list": Definition(
        "Columns of the model", "columns that are not allowed", _NONE, _NONE, "0: none.", _EXACT, 0.0
    ),
    "group_table": Definition(
        "Group table", "whether groups of residents are known", _NONE, _NONE, "Without it nothing is admitted.", _EXACT
    ),
    "governance": Definition(
        "Governance", "fields that are empty, past or in conflict", _NONE, _NONE, "0: none.", _EXACT, 0.0
    ),
    "enforcement_types": Definition(
        "Enforcement-driven types",
        "crime types that depend on where police look",
        _NONE,
        _NONE,
        "0: none is forecast for allocation.",
        _EXACT,
        0.0,
    ),
    "proxy_residual": Definition(
        "Errors and groups",
        "correlation over areas of recorded less expected events with the group's share",
        _NONE,
        _NONE,
        "0: the forecast does not err with who lives there.",
        "whole areas drawn again",
        0.0,
    ),
    "explanation_stability": Definition(
        "Stability of the explanation",
        "mean rank correlation of importances between regressions learned anew",
        _NONE,
        "other halves of the periods",
        "1: the same columns matter whatever the periods.",
        "lowest and highest of the pairs",
        1.0,
    ),
    "feedback_distance": Definition(
        "Feedback",
        "distance of learned from true shares of areas, beyond that with complete records",
        _NONE,
        "the same simulation with complete records",
        "0: records that follow patrols teach nothing else.",
        "replicates of the simulation",
        0.0,
    ),
    "feedback_observed": Definition(
        "Areas ever observed",
        "areas patrolled at least once, or with reports, over all",
        "all areas",
        _NONE,
        "1: nowhere is out of sight.",
        "replicates of the simulation",
        1.0,
    ),
    "reporting_sensitivity": Definition(
        "Sensitivity to reporting",
        "Jaccard overlap of the flagged land with that of events corrected for reporting",
        "land flagged by either",
        "the map without the correction",
        "1: the same land is flagged.",
        neutral=1.0,
    ),
}

SHORT: Final = ("exposure", "exposure_ratio", "need_adjusted_ratio", "coverage", "coverage_ratio")


def defined(name: str) -> Definition:
    """Return what a number means.

    Parameters
    ----------
    name : str
        A measure or a check.

    Returns
    -------
    Definition
        Its name in words and a pointer to the documentation where this page does not define it.

    Examples
    --------
    >>> defined("exposure").label, defined("new_check").label
    ('Exposure', 'New check')
    """
    words = name.replace("_", " ")
    other = Definition(words[:1].upper() + words[1:], "see docs/audit.md", "see there", "see there", "", "see there")
    return DEFINITIONS.get(name, other)
