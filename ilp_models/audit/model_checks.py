"""Checks of what went into a model and of its explanation."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ilp_models.audit.check_context import NONE_ALLOWED, CheckContext, none_allowed
from ilp_models.domain.features import Column
from ilp_models.domain.finding import Finding, Limit, State
from ilp_models.domain.governance import Governance

_AT_LEAST_ONE: Final = Limit(fail_below=1, neutral=1)
_ORDINARY: Final = frozenset({("other",), ("rest",), ("all",), ("not",), ("total",)})
_TYPES: Final = "crime_type"


def check_features(evidence: CheckContext, families: Sequence[str], refused: Sequence[str]) -> list[Finding]:
    """Return whether the forecaster uses only columns of known families, none of a person or a group."""
    title = "columns that may not be used"
    columns = evidence.features
    if columns is None:
        reason = "The columns that the forecaster uses are not known; audit a forecaster that can be explained."
        return [Finding("feature_allow_list", title, State.INSUFFICIENT, reason, limit=NONE_ALLOWED)]
    groups = [name for dimension in evidence.residents for name in (dimension.dimension, *dimension.groups)]
    words = [phrase for phrase in map(_tokens, (*refused, *groups)) if phrase and phrase not in _ORDINARY]
    bad = [column.name for column in columns if column.family not in families or _carries(column, words)]
    reason = (
        f"Columns of an unknown family, or named after persons or groups: {', '.join(bad[:5])}. Leave them out."
        if bad
        else f"All {len(columns)} columns belong to known families of past counts, place and season."
    )
    return [none_allowed("feature_allow_list", title, len(bad), reason, evidence=len(columns))]


def check_shap(evidence: CheckContext) -> list[Finding]:
    """Return whether the attributions add up to the forecast."""
    explanation, name = evidence.explanation, evidence.replay.forecaster
    title = "largest gap between attributions and the log expected count"
    if explanation is None or explanation.forecaster != name:
        whose = "no explanation" if explanation is None else f"an explanation of {explanation.forecaster!r} only"
        reason = f"There is {whose}; give one of {name!r}: this forecaster cannot be divided among columns."
        limit = evidence.limits["shap_additivity"]
        return [Finding("shap_additivity", title, State.INSUFFICIENT, reason, limit=limit)]
    error, units = explanation.additivity_error, float(explanation.log_expected.size)
    return [evidence.judged("shap_additivity", title, (error, error, error), evidence=units)]


def check_governance(evidence: CheckContext, governance: Governance, now: datetime) -> list[Finding]:
    """Return whether people have settled what must be settled before anyone acts on a forecast."""
    del evidence
    title, faults = "fields of governance that are empty, past or in conflict", governance.faults(now)
    reason = (
        f"{'; '.join(faults)}. Set audit.governance.* to what was settled." if faults else "All fields are settled."
    )
    return [none_allowed("governance", title, len(faults), reason)]


def check_group_table(evidence: CheckContext) -> list[Finding]:
    """Return whether groups of residents are known, and for how many residents they are not."""
    title = "groups of residents that can be audited"
    count = float(sum(len(dimension.groups) for dimension in evidence.residents))
    state = _AT_LEAST_ONE.judge(count, count, count)
    reason = f"{count:.0f} groups in {len(evidence.residents)} dimension(s)."
    return [
        Finding("group_table", title, state, reason, count, count, count, _AT_LEAST_ONE),
        *(
            evidence.judged(
                "missing_population",
                "share of residents without a group or a cell",
                (dimension.missing,) * 3,
                dimension=dimension.dimension,
                evidence=float(dimension.total.sum()),
                advice=_mend(dimension.unmatched),
            )
            for dimension in evidence.residents
        ),
    ]


def _mend(unmatched: Sequence[str]) -> str:
    named = f" Without a partner: {', '.join(unmatched[:5])}." if unmatched else ""
    return f"Complete the group table, or cut it to the study area.{named}"


def _carries(column: Column, words: Sequence[tuple[str, ...]]) -> bool:
    if column.family == _TYPES:
        return False
    tokens = _tokens(column.name)
    return any(tokens[at : at + len(word)] == word for word in words for at in range(len(tokens)))


def _tokens(name: str) -> tuple[str, ...]:
    """Return the words of a name; a lone number or letter is none, or ``lag_1`` would be taken for a group ``1``."""
    words = tuple(re.findall(r"[^\W_]+", name.casefold()))
    return () if len(words) == 1 and (words[0].isdigit() or len(words[0]) == 1) else words
