"""The catalogue of checks: the gate's demands, default limits, report definitions and docs/audit.md come from it.

To add a check, write its function in `ilp_models.audit` and one entry here or in `group_checks`, `record_checks` or
`decision_checks` next to this module.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ilp_models.domain.check_definition import ALL, EXACT, NO_SIGNER, REVIEWER, Check, Limit, Scope, State
from ilp_models.domain.decision_checks import DECISION_CHECKS
from ilp_models.domain.group_checks import GROUP_CHECKS
from ilp_models.domain.record_checks import RECORD_CHECKS

__all__ = ["ALL", "CATALOGUE", "DEFAULT_LIMITS", "REQUIRED", "Check", "Key", "Limit", "Scope", "State"]

Key = tuple[str, str, str, str]  # check, crime type, dimension, group
_NONE_ALLOWED: Final = Limit(fail_above=0, neutral=0)
_ALL_TYPES: Final = "all crime types that are forecast"
_BASELINE: Final = "the baseline, with the same share of land and ranking"
_FISHER: Final = "Fisher's transformation over areas"

MODEL_CHECKS: Final = (
    Check(
        name="feature_allow_list",
        label="Column allow-list",
        question="Does the model use permitted columns only?",
        formula="number of columns from a family that is not allowed, or named after persons or groups",
        reading="0: every column is permitted.",
        interval=EXACT,
        scope=Scope.MODEL,
        limit=_NONE_ALLOWED,
        adjustable=False,
        advice="Remove these columns from the model.",
        function="model_checks.check_features",
    ),
    Check(
        name="enforcement_types",
        label="Exclusion of enforcement-driven crime types",
        question="Are crime types forecast that are recorded mainly where police patrol or stop people?",
        formula="number of crime types named after drugs, weapons, disorder, prostitution, traffic or stops",
        reference=_ALL_TYPES,
        reading="0: no such crime type is forecast.",
        interval=EXACT,
        scope=Scope.MODEL,
        limit=_NONE_ALLOWED,
        adjustable=False,
        advice="Leave these crime types out of a model for resource allocation.",
        function="sensitivity.enforcement_types.check_enforcement_types",
    ),
    Check(
        name="tainted_periods",
        label="Exclusion of tainted periods",
        question="Was the model trained on records from unlawful or distorted policing?",
        formula="days of training inside a period that governance declares tainted",
        reading="0: no tainted period is in the training records.",
        interval=EXACT,
        scope=Scope.MODEL,
        limit=_NONE_ALLOWED,
        adjustable=False,
        advice="Start the records later, or leave the period out, and train again.",
        function="sensitivity.variants.check_tainted_periods",
    ),
    Check(
        name="group_table",
        label="Group table",
        question="Are the groups of residents known?",
        formula="number of groups in the group table",
        reading="At least 1: groups can be audited. Without groups the forecast is withheld.",
        interval=EXACT,
        scope=Scope.MODEL,
        limit=Limit(fail_below=1, neutral=1),
        adjustable=False,
        advice="Give a group table with audit.groups.path=FILE.",
        function="model_checks.check_group_table",
        about_inputs=True,
    ),
    Check(
        name="missing_population",
        label="Missing population",
        question="How many residents are in no group or no cell?",
        formula="(residents without a cell + estimated residents of cells without an area) / all residents",
        denominator="all residents",
        reading="0: every resident is counted.",
        interval=EXACT,
        scope=Scope.DIMENSION,
        limit=Limit(warn_above=0.01, fail_above=0.05, neutral=0),
        signer=REVIEWER,
        advice="Complete the group table, or cut it to the study area.",
        function="model_checks.check_group_table",
    ),
    Check(
        name="deviance_skill",
        label="Skill against the baseline",
        question="Is the forecast closer to the recorded counts than the baseline?",
        formula="1 - Poisson deviance of the forecaster / Poisson deviance of the baseline",
        denominator="deviance of the baseline",
        reference="the baseline",
        reading="Above 0: the forecaster is closer to the recorded counts than the baseline.",
        scope=Scope.CRIME_TYPE,
        limit=Limit(fail_below=0, neutral=0, decisive=True),
        advice="Improve the forecaster or use another: it must beat the baseline.",
        function="accuracy.check_baseline",
    ),
    Check(
        name="pai_ratio",
        label="Crime captured against the baseline",
        question="Do the flagged areas capture as many recorded events as those of the baseline?",
        formula="recorded events in the forecaster's flagged areas / in the baseline's flagged areas",
        denominator="recorded events in the baseline's flagged areas",
        reference=_BASELINE,
        reading="Above 1: the forecaster's flagged areas capture more recorded events.",
        scope=Scope.CRIME_TYPE,
        limit=Limit(fail_below=1),
        advice="Improve the forecaster, use another, or flag another share of the land.",
        function="accuracy.check_baseline",
    ),
    Check(
        name="events_covered",
        label="Events covered",
        question="Which share of the recorded events lies in flagged areas?",
        formula="recorded events in flagged areas / recorded events",
        denominator="recorded events",
        reading="Share of the recorded events in flagged areas, the hit rate of the plan.",
        scope=Scope.CRIME_TYPE,
        required=False,
        function="accuracy.check_baseline",
    ),
    Check(
        name="sum_ratio",
        label="Expected to recorded ratio",
        question="Are as many events expected as are recorded?",
        formula="sum p / sum y; for a group R_g = sum p_it s_ig / sum y_it s_ig",
        denominator="recorded events, for a group weighted by its share of residents",
        reference="recorded events",
        reading="Above 1: more events are expected than were recorded.",
        below="Fewer events were expected than were recorded.",
        above="More events were expected than were recorded.",
        scope=Scope.CRIME_TYPE,
        limit=Limit(fail_below=0.9, warn_below=0.95, warn_above=1.05, fail_above=1.1),
        signer=REVIEWER,
        advice="Look for a change in the level or in recording practice, and refit.",
        function="accuracy.check_sums",
    ),
    Check(
        name="calibration_slope",
        label="Calibration slope",
        question="Are high and low forecasts calibrated?",
        formula="slope of a Poisson regression of y on log p (Cox 1958)",
        reading="Below 1: high forecasts are too high. Above 1: high forecasts are too low.",
        below="In the busiest cells fewer events were recorded than expected. Smooth more.",
        above="In the busiest cells more events were recorded than expected. Smooth less.",
        scope=Scope.CRIME_TYPE,
        limit=Limit(fail_below=0.8, warn_below=0.9, warn_above=1.1, fail_above=1.25),
        signer=REVIEWER,
        advice="Choose another forecaster, or tune this one.",
        function="accuracy.check_calibration",
    ),
    Check(
        name="calibration_intercept",
        label="Calibration intercept",
        question="Is the overall level of the calibration regression right?",
        formula="intercept of the regression of calibration_slope",
        reading="0: the level is right.",
        scope=Scope.CRIME_TYPE,
        required=False,
        function="accuracy.check_calibration",
    ),
    Check(
        name="shap_additivity",
        label="SHAP additivity",
        question="Do the attributions add up to the forecast?",
        formula="largest |base + sum of attributions - log expected count|",
        reference="the forecast itself",
        reading="0: the explanation belongs to this forecast.",
        interval=EXACT,
        scope=Scope.MODEL,
        limit=Limit(fail_above=1e-6, neutral=0),
        advice="Explain this forecaster, or use one that can be explained.",
        function="model_checks.check_shap",
    ),
    Check(
        name="explanation_stability",
        label="Explanation stability",
        question="Are the same columns, or cells, important when the model is refitted on other records?",
        formula="mean rank correlation of importances (of cell shares for methods without columns) between refits",
        reference="refits on random halves of the periods or events (explain.refits)",
        reading="1: the same columns or cells are important in every refit.",
        interval="lowest and highest of the pairs of refits",
        scope=Scope.MODEL,
        limit=Limit(fail_below=0.7),
        signer=REVIEWER,
        advice="Use fewer correlated columns, or more periods.",
        function="explanation.checks.check_stability",
    ),
    Check(
        name="perturbation_agreement",
        label="Perturbation agreement",
        question="Does the ranking of columns depend on how a column is left out?",
        formula="rank correlation of importances under path-dependent and interventional perturbation",
        reference="the other perturbation",
        reading="Low: correlated columns share their importance arbitrarily.",
        interval=EXACT,
        scope=Scope.MODEL,
        limit=Limit(warn_below=0.8),
        required=False,
        advice="Read the importance of families, not of single columns.",
        function="explanation.checks.check_stability",
    ),
    Check(
        name="proxy_probe",
        label="Single-column proxy",
        question="Does one column reveal which group lives in an area?",
        formula="strongest correlation (Pearson or Spearman) over areas of a column with a group's share of residents",
        reading="Near 1: the column is a proxy for the group. Past counts reach about 0.6.",
        interval=_FISHER,
        scope=Scope.GROUP,
        limit=Limit(warn_above=0.9, fail_above=0.98, neutral=0),
        advice="Remove the column: it is a proxy for the share of the group.",
        function="explanation.checks.check_proxies",
    ),
    Check(
        name="proxy_strength",
        label="Joint proxy strength",
        question="Do all columns together reveal which group lives in an area?",
        formula="cross-validated R2 of the group's share of residents, predicted from all columns",
        denominator="variance of the share over areas",
        reading="Near 1: the columns together are a proxy for the group.",
        interval=EXACT,
        scope=Scope.GROUP,
        limit=Limit(warn_above=0.8, fail_above=0.95, neutral=0),
        signer=REVIEWER,
        advice="Find the columns that predict the group's share, and remove them.",
        function="explanation.checks.check_proxies",
    ),
    Check(
        name="proxy_residual",
        label="Residual correlation with a group",
        question="Does the forecast error depend on which group lives in an area?",
        formula="correlation over areas and periods of recorded minus expected events with the group's share",
        reading="0: the error does not depend on the group. Above 0: events where the group lives are missed.",
        below="The more of the group live in an area, the more the forecast exceeds what is recorded there.",
        above="The more of the group live in an area, the more of the recorded events the forecast misses there.",
        interval="bootstrap of whole areas",
        scope=Scope.CRIME_TYPE_AND_GROUP,
        limit=Limit(fail_below=-0.2, warn_below=-0.1, warn_above=0.1, fail_above=0.2, neutral=0),
        signer=REVIEWER,
        advice="Look for a missing predictor, or for a change in recording where the group lives.",
        function="explanation.checks.check_residual_proxies",
    ),
)
CATALOGUE: Final[Mapping[str, Check]] = {
    one.name: one for one in (*MODEL_CHECKS, *GROUP_CHECKS, *RECORD_CHECKS, *DECISION_CHECKS)
}
REQUIRED: Final[Mapping[str, Check]] = {name: one for name, one in CATALOGUE.items() if one.required}
DEFAULT_LIMITS: Final[Mapping[str, Mapping[str, float]]] = {
    name: {key: value for key, value in vars(one.limit).items() if value != getattr(Limit(), key)}
    for name, one in CATALOGUE.items()
    if one.adjustable and one.limit.bounded
}


def label_of(check: str) -> str:
    """Return the label of a check; an unknown name in words."""
    words = check.replace("_", " ")
    return CATALOGUE[check].label if check in CATALOGUE else words[:1].upper() + words[1:]


def required_keys(crime_types: Sequence[str], groups: Sequence[tuple[str, str]]) -> dict[str, list[Key]]:
    """Return the findings that each required check must have."""
    types = [*crime_types, ALL] if len(crime_types) > 1 else list(crime_types)
    dimensions = list(dict.fromkeys(dimension for dimension, _ in groups))
    spans: dict[Scope, list[tuple[str, str, str]]] = {
        Scope.MODEL: [("", "", "")],
        Scope.CRIME_TYPE: [(kind, "", "") for kind in types],
        Scope.DIMENSION: [("", dimension, "") for dimension in dimensions],
        Scope.GROUP: [("", *pair) for pair in groups],
        Scope.CRIME_TYPE_AND_DIMENSION: [(kind, dimension, "") for kind in types for dimension in dimensions],
        Scope.CRIME_TYPE_AND_GROUP: [(kind, *pair) for kind in types for pair in groups],
    }
    return {name: [(name, *span) for span in spans[check.scope]] for name, check in REQUIRED.items()}


def check_table(*, required: bool = True) -> str:
    """Return the table of checks of docs/audit.md as Markdown."""
    rows = ["| check | question | value | default limit | a review may be accepted by | if it does not pass |"]
    rows.append("|---|---|---|---|---|---|")
    for one in CATALOGUE.values():
        if one.required is required:
            limit, signer = one.limit.as_text() or "reported only", one.signer if one.required else NO_SIGNER
            cells = (f"`{one.name}`", one.question, one.formula.replace("|", r"\|"), limit, signer, one.advice)
            rows.append(f"| {' | '.join(cell or '-' for cell in cells)} |")
    return "\n".join(rows)
