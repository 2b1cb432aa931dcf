"""What the gate demands: each check, what it is made once for, and whether a person may sign a review of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ALL: Final = "all"
Key = tuple[str, str, str, str]


class Scope(StrEnum):
    """What a check is made once for."""

    MODEL = "model"
    CRIME_TYPE = "crime_type"
    DIMENSION = "dimension"
    GROUP = "group"
    CRIME_TYPE_AND_DIMENSION = "crime_type and dimension"
    CRIME_TYPE_AND_GROUP = "crime_type and group"


@dataclass(frozen=True)
class Check:
    """A check that the gate demands.

    Parameters
    ----------
    scope : Scope
        What it is made once for.
    overridable : bool
        Whether a person may later sign a review of it with a reason.
    """

    scope: Scope
    overridable: bool


REQUIRED: Final[Mapping[str, Check]] = {
    "feature_allow_list": Check(Scope.MODEL, overridable=False),
    "enforcement_types": Check(Scope.MODEL, overridable=False),
    "tainted_periods": Check(Scope.MODEL, overridable=False),
    "group_table": Check(Scope.MODEL, overridable=False),
    "missing_population": Check(Scope.DIMENSION, overridable=True),
    "deviance_skill": Check(Scope.CRIME_TYPE, overridable=False),
    "pai_ratio": Check(Scope.CRIME_TYPE, overridable=False),
    "sum_ratio": Check(Scope.CRIME_TYPE, overridable=True),
    "calibration_slope": Check(Scope.CRIME_TYPE, overridable=True),
    "shap_additivity": Check(Scope.MODEL, overridable=False),
    "explanation_stability": Check(Scope.MODEL, overridable=True),
    "proxy_probe": Check(Scope.GROUP, overridable=False),
    "proxy_strength": Check(Scope.GROUP, overridable=True),
    "proxy_residual": Check(Scope.CRIME_TYPE_AND_GROUP, overridable=True),
    "need_adjusted_ratio": Check(Scope.CRIME_TYPE_AND_GROUP, overridable=True),
    "baseline_exposure_ratio": Check(Scope.CRIME_TYPE_AND_GROUP, overridable=True),
    "bias_ratio": Check(Scope.CRIME_TYPE_AND_DIMENSION, overridable=True),
    "permanently_flagged": Check(Scope.CRIME_TYPE_AND_DIMENSION, overridable=True),
    "coverage_ratio": Check(Scope.CRIME_TYPE_AND_DIMENSION, overridable=True),
    "reporting_sensitivity": Check(Scope.CRIME_TYPE, overridable=True),
    "feedback_distance": Check(Scope.CRIME_TYPE, overridable=True),
    "feedback_observed": Check(Scope.CRIME_TYPE, overridable=True),
    "closed_form": Check(Scope.DIMENSION, overridable=False),
    "governance": Check(Scope.MODEL, overridable=False),
}


def demanded(crime_types: Sequence[str], groups: Sequence[tuple[str, str]]) -> dict[str, list[Key]]:
    """Return what each required check must have a finding on."""
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
