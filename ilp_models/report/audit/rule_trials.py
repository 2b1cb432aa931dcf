"""Figure and table of the allocation rules that were tried before the audited periods."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.check_definition import Limit
from ilp_models.domain.checks import CATALOGUE
from ilp_models.domain.decision import Decision
from ilp_models.domain.rule_trials import RULE_SEARCH, STATES, search_lines, trials_of
from ilp_models.report.definitions import defined
from ilp_models.report.formatting import MISSING, number
from ilp_models.report.page import FigureFile, HtmlTable
from ilp_models.report.plots import GREY, INK, RED, TEAL, Figure, save_figure, style_axes
from ilp_models.report.tables import finding_scope

_AMBER: Final = "#b36b00"
_FAILS, _REVIEWS, _PASSES = "a check fails or lacks evidence", "a review is needed", "no check fails"
_NEAR: Final = 0.15  # a limit further outside the values than this would squeeze them
_UNPLANNED: Final = "could not be planned; see below"
_CHANGE: Final = "events covered, against the audited rule, percentage points"
_STYLES: Final[Mapping[str, tuple[str, str]]] = {_FAILS: (RED, "x"), _REVIEWS: (_AMBER, "s"), _PASSES: (TEAL, "o")}


@dataclass(frozen=True, eq=False)
class RuleSection:
    """What a page shows of a search for an allocation rule."""

    lines: tuple[str, ...]  # what was found, one sentence each
    figure: FigureFile
    table: HtmlTable
    unplanned: tuple[tuple[int, str], ...]  # number of each plan that could not be made, and why


def rule_section(decision: Decision, folder: Path, max_rows: int = 60) -> RuleSection | None:
    """Return the figure and the table of the trials; None without a search."""
    header = decision.report.header
    trials = trials_of(header)
    if not trials:
        return None
    search = header[RULE_SEARCH]
    window = f"{search['first_period'][:10]} to {search['last_period'][:10]}"
    figure = plot_trials(trials, _audited_limit(decision))
    path = save_figure(figure, folder / "audit-rules.png", "Events covered against the lowest coverage ratio")
    alt = f"Plans tried on the periods from {window}: events covered against the lowest coverage ratio of groups. "
    caption = (
        f"Plans tried on the periods from {window}, before the audited ones. Up: more recorded events are covered. "
        "Right: groups are covered more equally. Lines are intervals over weeks. Numbers are those of the table."
    )
    table = HtmlTable.from_frame(f"Plans that were tried, on the periods from {window}", trial_table(trials), max_rows)
    lines = tuple(line.strip(" -") for line in search_lines(header, admitted=decision.admitted))
    unplanned = tuple((at, str(one["error"])) for at, one in enumerate(trials, start=1) if "error" in one)
    return RuleSection(lines, FigureFile(path, alt + " ".join(lines), caption), table, unplanned)


def _audited_limit(decision: Decision) -> Limit:
    """Return the limit of the coverage ratio that the audit used."""
    used = [one.limit for one in decision.findings if one.check == "coverage_ratio" and one.limit is not None]
    return used[0] if used else CATALOGUE["coverage_ratio"].limit


def trial_table(trials: list[dict[str, Any]]) -> pd.DataFrame:
    """Return one row for each trial, as text."""
    return pd.DataFrame([{"no.": at, **_row(one)} for at, one in enumerate(trials, start=1)])


def plot_trials(trials: list[dict[str, Any]], limit: Limit) -> Figure:
    """Plot the events covered by each trial against its lowest coverage ratio, with intervals and limits."""
    figure = Figure(figsize=(7.2, 5.0), layout="constrained")
    axes = figure.subplots()
    shown: set[str] = set()
    for at, one in enumerate(trials, start=1):
        worst = (one.get("worst") or {}).get("coverage_ratio")
        if worst is None:
            continue
        covered, state = one["covered"], _state(one)
        colour, marker = _STYLES[state]
        x, y = worst["value"], 100 * covered["value"]
        axes.plot(x, y, marker, c=colour, ms=7, label="" if state in shown else state, zorder=3)
        axes.plot([_number(worst["low"]), _number(worst["high"])], [y, y], c=colour, lw=0.8, alpha=0.6)
        axes.plot([x, x], [100 * _number(covered["low"]), 100 * _number(covered["high"])], c=colour, lw=0.8, alpha=0.6)
        axes.annotate(str(at), (x, y), xytext=(5, 4), textcoords="offset points", fontsize=8, color=INK)
        shown.add(state)
    for bound, word, style in ((limit.fail_below, "fails", "--"), (limit.warn_below, "review", ":")):
        if bound is not None and abs(np.clip(bound, *axes.get_xlim()) - bound) < _NEAR:
            axes.axvline(bound, c=GREY, lw=1, ls=style, label=f"{word} below {bound:g}")
    axes.set_xlabel("lowest coverage ratio of any group (1: all groups alike)", fontsize=9)
    axes.set_ylabel("recorded events covered, %", fontsize=9)
    if shown:
        axes.legend(fontsize=8, framealpha=0.9, edgecolor="none")
    style_axes(axes)
    return figure


def _row(trial: Mapping[str, Any]) -> dict[str, str]:
    if "error" in trial:
        return {"plan": trial["name"], "checks": _UNPLANNED}
    states = [f"{word}: {_labels(trial[key])}" for word, key in STATES if trial[key]]
    return {
        "plan": trial["name"],
        "events covered, %": _numbers(trial["covered"], 1),
        _CHANGE: _numbers(trial["cost"], -1),
        **{f"lowest {defined(name).label.lower()}": _worst(one) for name, one in trial["worst"].items()},
        "checks": "; ".join(states) or _PASSES,
    }


def _worst(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return MISSING
    about = finding_scope(one["crime_type"], one["dimension"], one["group"])
    ends = "" if one["low"] is None else f"{number(one['low'])} to {number(one['high'])}; "
    return f"{number(one['value'])} ({ends}{about})"


def _numbers(share: Mapping[str, Any], sign: int) -> str:
    """Return a share in percent, or with a negative ``sign`` the change that a cost in events means, with interval."""
    form, scale = (".1f", 100) if sign > 0 else ("+.1f", -100)
    value, one, other = (np.nan if share[name] is None else scale * share[name] for name in ("value", "low", "high"))
    if not np.isfinite(value):
        return MISSING
    ends = f" ({min(one, other):{form}} to {max(one, other):{form}})" if np.isfinite(one + other) else ""
    return f"{value:{form}}{ends}" if value else "0"


def _labels(checks: list[str]) -> str:
    return ", ".join(defined(check).label.lower() for check in checks)


def _state(trial: Mapping[str, Any]) -> str:
    return _FAILS if trial["failed"] or trial["lacking"] else _REVIEWS if trial["reviewed"] else _PASSES


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
