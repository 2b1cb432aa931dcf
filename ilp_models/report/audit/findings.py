"""Findings and reasons of an audit in as few words as tell them: many groups and crime types make many findings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from ilp_models.domain.audit import AuditReport
from ilp_models.domain.decision import Decision
from ilp_models.domain.finding import State
from ilp_models.report import tables
from ilp_models.report.definitions import defined
from ilp_models.report.formatting import interval

_WORST: Final = (*map(str, (State.FAIL, State.INSUFFICIENT, State.REVIEW, State.PASS)), tables.REPORTED)
_ORDER: Final = (*map(str, (State.FAIL, State.REVIEW, State.INSUFFICIENT, State.PASS)), tables.REPORTED)  # of rows
_FOLDED: Final = _ORDER[2:]
_NOTHING: Final = dict.fromkeys(("estimate", "low", "high"), float("nan"))
_FEW: Final = 4  # rows that need no folding
_FIRST: Final = " First: "


@dataclass(frozen=True, eq=False)
class CheckSummary:
    """The findings of one check.

    Parameters
    ----------
    check, label, title : str
        Name in the settings, in a few words, and what was measured.
    state : str
        The worst.
    required : bool
        Whether the gate demands it.
    tally : str
        Such as ``2 of 6 pass``.
    limit : str
        The limit of all of them; empty where they differ.
    parts : tuple of (str, bool, list of dict)
        State, whether its rows are folded, and the rows, those first that speak against the model.
    """

    check: str
    label: str
    title: str
    state: str
    required: bool
    tally: str
    limit: str
    parts: tuple[tuple[str, bool, list[dict[str, Any]]], ...]

    @property
    def open(self) -> bool:
        """Whether a reviewer should see it at once."""
        return self.required and self.state == State.FAIL


def summarise_checks(report: AuditReport) -> tuple[CheckSummary, ...]:
    """Return the findings gathered by check: those that withhold first, those that are only reported last."""
    found = [_judged(str(check), rows) for check, rows in tables.findings(report).groupby("check", sort=False)]
    return tuple(sorted(found, key=lambda one: (not one.required, _WORST.index(one.state))))


def _judged(check: str, rows: pd.DataFrame) -> CheckSummary:
    states = [str(state) for state in rows["state"]]
    limits, titles = set(rows["limit"]), list(dict.fromkeys(rows["title"]))
    parts = []
    for state in _ORDER:
        own = [_row(row, shared=len(titles) == 1) for row in rows[rows["state"] == state].to_dict("records")]
        if own:
            parts.append((state, state in _FOLDED and len(rows) > _FEW, own))
    passed = states.count(str(State.PASS))
    tally = f"{len(states)} not judged" if set(states) == {tables.REPORTED} else f"{passed} of {len(states)} pass"
    return CheckSummary(
        check=check,
        label=defined(check).label,
        title=titles[0] if len(titles) == 1 else "",
        state=min(states, key=_WORST.index),
        required=bool(rows["required"].iloc[0]),
        tally=tally,
        limit=limits.pop() if len(limits) == 1 else "",
        parts=tuple(parts),
    )


def _row(row: Mapping[Any, Any], *, shared: bool) -> dict[str, Any]:
    """Return a finding with its interval in words, and what its reason says beyond the numbers beside it."""
    limit = row["limit"] if row["limit"] not in ("", "none") else "reported only"
    before, found, after = str(row["reason"]).partition(f"({limit}).")
    advice = after.strip() if found else before
    if not shared:
        advice = f"{row['title']}. {advice}".strip()
    exact = row["low"] == row["high"] == row["estimate"]
    return {**row} | {"advice": advice, "interval": "exact" if exact else interval(row["low"], row["high"]) or "none"}


def short_reasons(decision: Decision) -> tuple[tuple[str, str], ...]:
    """Return each reason of a decision as what it is about and how many findings speak, without the first of them."""
    names = {finding.check for finding in decision.findings}
    told = []
    for reason in decision.reasons:
        check, found, rest = reason.partition(": ")
        if not found or check not in names:
            told.append(("", reason))
        else:
            told.append((defined(check).label, rest.partition(_FIRST)[0]))
    return tuple(told)


def against(report: AuditReport) -> list[dict[str, Any]]:
    """Return the findings that fail or need review, and those with too little evidence summarised by check."""
    rows: list[dict[str, Any]] = []
    for one in summarise_checks(report):
        for state, _, own in one.parts:
            if state in (State.FAIL, State.REVIEW):
                rows += [row | {"label": one.label} for row in own]
            elif state == State.INSUFFICIENT and one.required:
                count = sum(len(part) for _, _, part in one.parts)
                about = own[0]["about"] if len(own) == 1 else f"{len(own)} of {count} findings"
                rows.append(own[0] | {"label": one.label, "about": about, **_NOTHING})
    return sorted(rows, key=lambda row: _ORDER.index(row["state"]))
