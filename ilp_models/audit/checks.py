"""Every check of an audit, in order, and nothing that can skip one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from ilp_models.audit.accuracy import check_baseline, check_calibration, check_sums
from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.explanation.checks import check_proxies, check_residual_proxies, check_stability
from ilp_models.audit.feedback.feedback import check_feedback
from ilp_models.audit.measures.checks import check_groups
from ilp_models.audit.model_checks import check_features, check_governance, check_group_table, check_shap
from ilp_models.audit.sensitivity.checks import check_areal_unit, check_tainted_periods
from ilp_models.audit.sensitivity.enforcement_types import check_enforcement_types
from ilp_models.audit.sensitivity.reporting import check_reporting
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import Finding, State
from ilp_models.domain.governance import Governance

GROUP_CHECKS: Final = (
    *("need_adjusted_ratio", "baseline_exposure_ratio", "coverage_ratio", "bias_ratio", "permanently_flagged"),
    "closed_form",
)
Check = Callable[[CheckContext], list[Finding]]


@dataclass(frozen=True, eq=False)
class CheckOptions:
    """What the checks ask beside the numbers.

    Parameters
    ----------
    families, refused : sequence of str
        Feature families that a model may use, and words that no column may carry.
    enforcement_types : sequence of str
        Kinds of crime types that depend on where police look.
    deprived : tuple of str or None
        Dimension and group whose places are taken to report less; every group in turn without it.
    governance : Governance
        Who answers for the use.
    now : datetime
        The present, with its zone.
    """

    families: Sequence[str]
    refused: Sequence[str]
    enforcement_types: Sequence[str]
    deprived: tuple[str, str] | None
    governance: Governance
    now: datetime


def findings_of(
    questions: CheckOptions, subject: AuditInput, evidence: CheckContext, no_groups: Finding | None = None
) -> list[Finding]:
    """Return what every check found; one that crashes leaves a finding in state ``insufficient``."""
    checks = _checks(questions, subject, no_groups)
    return [finding for names, check in checks for finding in _tried(names, check, evidence)]


def crashed(check: str, error: Exception) -> Finding:
    """Return the finding of a check that could not be made."""
    reason = str(error) if isinstance(error, InputError) else f"The check stopped: {type(error).__name__}: {error}."
    return Finding(check, check.replace("_", " "), State.INSUFFICIENT, reason)


def _checks(
    questions: CheckOptions, subject: AuditInput, no_groups: Finding | None
) -> list[tuple[tuple[str, ...], Check]]:
    tables = check_group_table if no_groups is None else lambda _: [no_groups]
    allowed = partial(check_features, families=questions.families, refused=questions.refused)
    kinds = partial(check_enforcement_types, kinds=questions.enforcement_types)
    feedback = partial(check_feedback, outcome=subject.feedback, problem=subject.no_feedback)
    reporting = partial(check_reporting, rates=subject.reporting_rates, deprived=questions.deprived)
    return [
        (("feature_allow_list",), allowed),
        (("enforcement_types",), kinds),
        (("tainted_periods",), lambda _: _tainted(questions.governance, subject)),
        (("group_table", "missing_population"), tables),
        (("deviance_skill", "pai_ratio"), check_baseline),
        (("sum_ratio",), check_sums),
        (("calibration_slope",), check_calibration),
        (("shap_additivity",), check_shap),
        (("explanation_stability",), check_stability),
        (("proxy_probe", "proxy_strength"), check_proxies),
        (("proxy_residual",), check_residual_proxies),
        (GROUP_CHECKS, check_groups),
        (("areal_unit",), check_areal_unit),
        (("reporting_sensitivity",), reporting),
        (("feedback_distance", "feedback_observed"), feedback),
        (("governance",), partial(check_governance, governance=questions.governance, now=questions.now)),
    ]


def _tainted(governance: Governance, subject: AuditInput) -> list[Finding]:
    if subject.trained is None:
        msg = "It is not known from which records the model learned; audit a run that says so."
        raise InputError(msg)
    return check_tainted_periods(governance.tainted, *subject.trained)


def _tried(names: Sequence[str], check: Check, evidence: CheckContext) -> list[Finding]:
    try:
        return check(evidence)
    except Exception as error:  # a check that crashes must not be a check that was skipped
        return [crashed(name, error) for name in names]
