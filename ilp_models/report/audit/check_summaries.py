"""Summarise the findings of an audit by check: one state, one count and one limit per check."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ilp_models.domain.audit import AuditReport
from ilp_models.domain.decision import FAILURE, MISSING, REVIEW, Decision, Obstacle
from ilp_models.domain.finding import REPORTED, State, verdict_text
from ilp_models.domain.timing import SIMULATED
from ilp_models.report import tables
from ilp_models.report.definitions import defined
from ilp_models.report.formatting import interval

_WORST_FIRST: Final = (*map(str, (State.FAIL, State.INSUFFICIENT, State.REVIEW, State.PASS)), REPORTED)
_ROW_ORDER: Final = (*map(str, (State.FAIL, State.REVIEW, State.INSUFFICIENT, State.PASS)), REPORTED)
_FOLDED: Final = _ROW_ORDER[2:]
_NO_NUMBERS: Final = dict.fromkeys(("estimate", "low", "high"), float("nan"))
_FEW_ROWS: Final = 4  # no folding up to here


@dataclass(frozen=True, eq=False)
class CheckSummary:
    """The findings of one check, those against the model first."""

    check: str  # name in the settings
    label: str
    question: str  # what the check asks, in plain words
    state: str  # the worst
    required: bool
    count: str  # such as ``2 of 6 pass``
    limit: str  # empty if it differs between findings
    parts: tuple[tuple[str, bool, list[dict[str, Any]]], ...]  # state, whether the rows are folded, rows

    @property
    def open(self) -> bool:
        """Whether the page shows the findings without a click."""
        return self.required and self.state in (State.FAIL, State.REVIEW)


def summarise_checks(report: AuditReport) -> tuple[CheckSummary, ...]:
    """Return one summary per check: required checks first, the worst state first."""
    checks: dict[str, list[dict[str, Any]]] = {}
    for row in tables.finding_rows(report).to_dict("records"):
        checks.setdefault(str(row["check"]), []).append({str(name): value for name, value in row.items()})
    summaries = [_summary(check, rows) for check, rows in checks.items()]
    return tuple(sorted(summaries, key=lambda one: (not one.required, _WORST_FIRST.index(one.state))))


def _summary(check: str, rows: Sequence[Mapping[str, Any]]) -> CheckSummary:
    states = [str(row["state"]) for row in rows]
    limits, definition = {row["limit"] for row in rows}, defined(check)
    parts = []
    for state in _ROW_ORDER:
        found = [_row(row) for row in rows if row["state"] == state]
        if found:
            parts.append((state, state in _FOLDED and len(rows) > _FEW_ROWS, found))
    passes = states.count(str(State.PASS))
    count = f"{len(states)} without a limit" if set(states) == {REPORTED} else f"{passes} of {len(states)} pass"
    return CheckSummary(
        check=check,
        label=definition.label,
        question=definition.question,
        state=min(states, key=_WORST_FIRST.index),
        required=bool(rows[0]["required"]),
        count=count,
        limit=limits.pop() if len(limits) == 1 else "",
        parts=tuple(parts),
    )


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a finding with its interval as text."""
    exact = row["low"] == row["high"] == row["estimate"]
    ends = "exact" if exact else interval(row["low"], row["high"]) or "none"
    return {**row} | {"advice": row["remarks"], "interval": ends}


@dataclass(frozen=True)
class ReasonGroup:
    """Reasons of one kind: the label of each check and a short text, without single findings of many."""

    heading: str  # empty for reasons that do not withhold
    reasons: tuple[tuple[str, str], ...]


_HEADINGS: Final = {
    FAILURE: "Failures: no signature helps",
    REVIEW: "Reviews that the reviewer may accept with a reason",
    MISSING: "Missing inputs or evidence",
}


def reason_groups(decision: Decision) -> tuple[ReasonGroup, ...]:
    """Return the reasons of a decision by kind, without names of settings; those that do not withhold come last."""
    obstacles = decision.obstacles
    kinds = {kind: tuple((one.label, _verdict(one)) for one in obstacles if one.kind == kind) for kind in _HEADINGS}
    groups = [ReasonGroup(_HEADINGS[kind], texts) for kind, texts in kinds.items() if texts]
    others = [] if obstacles else [decision.reasons[0]]
    if decision.timing is not None and decision.timing.simulated:
        others.append(SIMULATED)
    if changed := len(decision.report.changed):
        others.append(f"{changed} audit settings differ from the defaults.")
    return (
        *groups,
        *([ReasonGroup("Notes" if groups else "", tuple(("", text) for text in others))] if others else []),
    )


def _verdict(obstacle: Obstacle) -> str:
    if obstacle.fault:
        return obstacle.fault
    known = obstacle.findings
    verdict = verdict_text(known[0]) if known else "did not run"
    against = len(known) + obstacle.missing
    causes = f" for {obstacle.causes_text()}" if obstacle.causes else ""
    return (
        f"{verdict}{causes}: {against} of {obstacle.total} findings." if obstacle.total > 1 else f"{verdict}{causes}."
    )


# which checks each section of the audit page is about: it is open if one of them fails or needs review
_EVIDENCE: Final[Mapping[str, tuple[str, ...]]] = {
    "sides": ("exposure", "coverage", "need_adjusted_ratio", "coverage_ratio", "bias_ratio", "baseline_exposure_ratio"),
    "ratios": ("need_adjusted_ratio", "coverage_ratio", "bias_ratio", "baseline_exposure_ratio"),
    "flagged": ("permanently_flagged", "overused_points"),
    "explanation": (
        *("shap_additivity", "explanation_stability", "perturbation_agreement"),
        *("proxy_probe", "proxy_strength", "proxy_residual"),
    ),
    "sensitivity": ("areal_unit", "reporting_sensitivity"),
    "feedback": ("feedback_distance", "feedback_observed", "feedback_corrected"),
}


def open_parts(report: AuditReport) -> tuple[str, ...]:
    """Return the sections of the audit page whose checks fail or need review; all others are folded."""
    against = {one.check for one in summarise_checks(report) if one.open}
    return tuple(part for part, checks in _EVIDENCE.items() if against & set(checks))


def unresolved_findings(report: AuditReport) -> list[dict[str, Any]]:
    """Return the findings that fail or need review; those with too little evidence are one row per check."""
    rows: list[dict[str, Any]] = []
    for summary in summarise_checks(report):
        for state, _, found in summary.parts:
            if state in (State.FAIL, State.REVIEW):
                rows += [row | {"label": summary.label} for row in found]
            elif state == State.INSUFFICIENT and summary.required:
                total = sum(len(part) for _, _, part in summary.parts)
                about = found[0]["about"] if len(found) == 1 else f"{len(found)} of {total} findings"
                rows.append(found[0] | {"label": summary.label, "about": about, **_NO_NUMBERS})
    return sorted(rows, key=lambda row: _ROW_ORDER.index(row["state"]))
