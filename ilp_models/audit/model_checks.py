"""Checks of the model's columns, of its attributions, of governance and of the group table."""

import re
from collections.abc import Sequence
from typing import Final

from ilp_models.audit.check_context import CheckContext
from ilp_models.domain.features import Column
from ilp_models.domain.finding import Finding
from ilp_models.domain.governance import is_blank

_NO_VALUE: Final = (float("nan"),) * 3
_ORDINARY: Final = frozenset({("other",), ("rest",), ("all",), ("not",), ("total",)})
_CRIME_TYPE_FAMILY: Final = "crime_type"
_SHOWN: Final = 5


def check_features(context: CheckContext) -> list[Finding]:
    """Return how many columns are of a family that is not allowed, or named after persons or groups."""
    columns, allowed = context.features, context.options.allowed_families
    if columns is None:
        return [
            context.finding(
                "feature_allow_list",
                _NO_VALUE,
                shortfall="the columns of the forecaster are unknown",
                advice="Audit a forecaster that can be explained.",
            )
        ]
    groups = [name for dimension in context.residents for name in (dimension.dimension, *dimension.groups)]
    terms = [
        term for term in map(_tokens, (*context.options.forbidden_terms, *groups)) if term and term not in _ORDINARY
    ]
    refused = [one.name for one in columns if one.family not in allowed or _contains_term(one, terms)]
    detail = (
        f"Columns of a family that is not allowed, or named after persons or groups: {_first_of(refused)}."
        if refused
        else f"All {len(columns)} columns belong to the allowed families."
    )
    return [context.count_finding("feature_allow_list", len(refused), detail, evidence=len(columns))]


def check_shap(context: CheckContext) -> list[Finding]:
    """Return the largest gap between the sum of attributions and the log expected count."""
    explanation, name = context.explanation, context.replay.forecaster
    if explanation is None or explanation.forecaster != name:
        shortfall = (
            "there is no explanation"
            if explanation is None
            else f"there is an explanation of {explanation.forecaster!r} only"
        )
        advice = f"Explain {name!r}, or use a forecaster that can be explained."
        return [context.finding("shap_additivity", _NO_VALUE, shortfall=shortfall, advice=advice)]
    error, units = explanation.additivity_error, float(explanation.log_expected.size)
    return [context.finding("shap_additivity", (error, error, error), evidence=units)]


def check_governance(context: CheckContext) -> list[Finding]:
    """Return how many governance fields are empty, past or in conflict."""
    faults = context.options.governance.faults(context.options.now)
    detail = f"Not settled: {'; '.join(faults)}." if faults else "All fields are settled."
    return [context.count_finding("governance", len(faults), detail)]


def check_goal(context: CheckContext) -> list[Finding]:
    """Return how many fields of the goal are empty."""
    faults = context.options.governance.goal_faults()
    detail = f"Not settled: {'; '.join(faults)}." if faults else "All fields of the goal are settled."
    return [context.count_finding("goal", len(faults), detail)]


def check_earlier_decisions(context: CheckContext) -> list[Finding]:
    """Return how many earlier decisions on the same data were withheld for what a check found."""
    register = context.options.register
    if register is None or register.fault:
        fault = "the register was not read" if register is None else register.fault
        return [context.finding("earlier_decisions", _NO_VALUE, shortfall=fault, advice="")]
    counting = [one.as_text() for one in register.earlier if one.counts]
    found = f"Decisions on the same data: {len(register.earlier)}; withheld by a check: {len(counting)}"
    named = f"{found} ({_first_of(counting)})." if counting else f"{found}."
    missing = register.unregistered
    lacking = f" Decisions in its folder that the register lacks: {missing}." if missing else ""
    count = len(counting) + missing
    return [context.count_finding("earlier_decisions", count, f"{named}{lacking}", evidence=len(register.earlier))]


def check_changed_settings(context: CheckContext) -> list[Finding]:
    """Return how many settings differ from the latest declaration, or from the defaults if none applies."""
    options = context.options
    declared = None if options.register is None else next(iter(options.register.declarations[::-1]), None)
    if declared is None:
        found, lead = list(options.changed), "No declaration applies. Changed: "
    else:
        found, lead = declared.differences(options.changed, options.group_table), "Compared with the declaration, "
    same = "All settings have their defaults." if declared is None else "All settings are as declared."
    detail = f"{lead}{'; '.join(found)}." if found else same
    return [context.count_finding("changed_settings", len(found), detail, evidence=len(options.changed))]


def check_group_rule(context: CheckContext) -> list[Finding]:
    """Return 0 if the rule knows no groups, else 1 and the number of conditions for such a rule that are not met."""
    used = () if context.plan is None else context.plan.group_dimensions
    if not used:
        return [context.count_finding("group_rule", 0, "The allocation rule uses no group data.")]
    governance = context.options.governance
    others = [one.dimension for one in context.residents if one.dimension not in used]
    missing = [
        *(["audit.governance.legal_basis names no legal basis"] if is_blank(governance.legal_basis or "") else []),
        *(
            ["audit.governance.reviewer_key is empty, so no signature is required"]
            if not governance.reviewer_key
            else []
        ),
        *(["the group table has no grouping that the rule leaves out"] if not others else []),
    ]
    judged = f"It is also judged on {', '.join(others)}, which it does not use." if others else ""
    lacking = f"Not met: {'; '.join(missing)}." if missing else ""
    detail = " ".join(filter(None, (f"The rule limits effort by groups of {', '.join(used)}.", judged, lacking)))
    return [context.count_finding("group_rule", 1 + len(missing), detail, evidence=len(used))]


def check_data_age(context: CheckContext) -> list[Finding]:
    """Return how many days lie between the end of the records and the audit."""
    timing = context.options.timing
    if timing is None:
        return [context.finding("data_age", _NO_VALUE, shortfall="the end of the records is unknown", advice="")]
    age, end = timing.age_days(context.options.now), f"{timing.records_end:%Y-%m-%d %H:%M}"
    if age != age:
        ahead = f"the records end on {end}, after the audit"
        return [context.finding("data_age", _NO_VALUE, shortfall=ahead, advice="Correct data.end, or the clock.")]
    gap = f"periods between the last whole one and the forecast: {timing.record_lag}"
    detail = f"The records are complete until {end}; {gap}."
    return [context.finding("data_age", (age,) * 3, detail=detail)]


def check_group_table(context: CheckContext) -> list[Finding]:
    """Return how many groups can be audited, and the share of residents in no group or no cell."""
    if context.options.no_groups:
        return [context.finding("group_table", _NO_VALUE, shortfall=context.options.no_groups, advice="")]
    count = float(sum(len(dimension.groups) for dimension in context.residents))
    return [
        context.count_finding("group_table", count, f"{count:.0f} groups in {len(context.residents)} dimension(s)."),
        *(
            context.finding(
                "missing_population",
                (dimension.missing,) * 3,
                dimension=dimension.dimension,
                evidence=float(dimension.total.sum()),
                detail=f"Areas without a match: {_first_of(dimension.unmatched)}." if dimension.unmatched else "",
            )
            for dimension in context.residents
        ),
    ]


def _first_of(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _contains_term(column: Column, terms: Sequence[tuple[str, ...]]) -> bool:
    """Return whether the name of a column contains one of the terms; names of crime types may."""
    if column.family == _CRIME_TYPE_FAMILY:
        return False
    tokens = _tokens(column.name)
    return any(tokens[at : at + len(term)] == term for term in terms for at in range(len(tokens)))


def _tokens(name: str) -> tuple[str, ...]:
    """Return the words of a name; none for a single number or letter, so that group ``1`` does not match ``lag_1``."""
    words = tuple(re.findall(r"[^\W_]+", name.casefold()))
    return () if len(words) == 1 and (words[0].isdigit() or len(words[0]) == 1) else words
