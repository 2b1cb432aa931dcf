"""The audit that this project stands for: its limits and lists, and what a changed audit says of itself."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

LIMITS: Final[Mapping[str, Mapping[str, float]]] = {
    "missing_population": {"warn_above": 0.01, "fail_above": 0.05, "neutral": 0},
    "deviance_skill": {"fail_below": 0, "neutral": 0, "decisive": True},
    "pai_ratio": {"fail_below": 1},
    "sum_ratio": {"fail_below": 0.9, "warn_below": 0.95, "warn_above": 1.05, "fail_above": 1.1},
    "calibration_slope": {"fail_below": 0.8, "warn_below": 0.9, "warn_above": 1.1, "fail_above": 1.25},
    "shap_additivity": {"fail_above": 1e-6, "neutral": 0},
    "explanation_stability": {"fail_below": 0.7},
    "perturbation_agreement": {"warn_below": 0.8},
    "proxy_probe": {"warn_above": 0.9, "fail_above": 0.98, "neutral": 0},
    "proxy_strength": {"warn_above": 0.8, "fail_above": 0.95, "neutral": 0},
    "proxy_residual": {"fail_below": -0.2, "warn_below": -0.1, "warn_above": 0.1, "fail_above": 0.2, "neutral": 0},
    "need_adjusted_ratio": {"fail_below": 0.8, "warn_above": 1.15, "fail_above": 1.25},
    "baseline_exposure_ratio": {"warn_above": 1.05, "fail_above": 1.1},
    "bias_ratio": {"warn_above": 1.05, "fail_above": 1.1},
    "permanently_flagged": {"warn_above": 1.5, "fail_above": 2.0},
    "coverage_ratio": {"fail_below": 0.8, "warn_below": 0.9},
    "feedback_distance": {"warn_above": 0.10, "fail_above": 0.20, "neutral": 0},
    "feedback_observed": {"fail_below": 0.95},
    "reporting_sensitivity": {"fail_below": 0.6, "warn_below": 0.8},
    "areal_unit": {"warn_above": 0, "neutral": 0},
    "exposure_ratio": {"warn_above": 1.25},
}
BASELINE: Final = {"_target_": "ilp_models.model.means.moving_average.MovingAverage", "window": 52}
FAMILIES: Final = (
    *("lags", "own_past", "surroundings", "all_types", "city_level"),
    *("calendar", "same_season", "same_weekday", "lead", "crime_type", "offset"),
)
REFUSED: Final = (
    *("race", "racial", "ethnic", "ethnicity", "minority", "indigenous", "religion", "religious", "nationality"),
    *("citizenship", "immigrant", "migrant", "income", "poverty", "deprivation", "gender", "sex", "age", "disability"),
    *("population share", "person", "name", "birth", "suspect", "offender", "arrest", "arrestee", "victim", "gang"),
)


def changes(given: Mapping[str, Any], usual: Mapping[str, Any], where: str = "audit") -> Iterator[str]:
    """Yield in words each setting of an audit that is not the usual one."""
    for name, default in usual.items():
        value, full = given[name], f"{where}.{name}"
        if isinstance(default, Mapping):
            yield from changes(value, default, full)
        elif isinstance(default, Sequence) and not isinstance(default, str):
            yield from _changes_of_list(value or (), default, full)
        elif value != default:
            yield f"{full}={_spoken(value)} (default {_spoken(default)})"


def _changes_of_list(given: Sequence[str], usual: Sequence[str], full: str) -> Iterator[str]:
    for word, ours, theirs in (("without", usual, given), ("with", given, usual)):
        differing = [one for one in ours if one not in theirs]
        if differing:
            yield f"{full} {word} {', '.join(differing)}"


def _spoken(value: object) -> str:
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value).lower()
