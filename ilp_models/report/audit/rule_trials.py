"""Figure and table of the allocation rules that were tried before the audited periods."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.checks import CATALOGUE
from ilp_models.domain.rule_trials import RULE_SEARCH, STATES, search_lines, trials_of
from ilp_models.report.audit.audit_record import AuditRecord
from ilp_models.report.definitions import defined
from ilp_models.report.formatting import MISSING, interval, number, percent, percent_interval
from ilp_models.report.page import FigureFile, HtmlTable
from ilp_models.report.plots import GREY, INK, RED, TEAL, Figure, save_figure, style_axes
from ilp_models.report.tables import finding_scope

_AMBER: Final = "#b36b00"
_FAILS, _REVIEWS, _PASSES = "a check fails or lacks evidence", "a review is needed", "no check fails"
_STYLES: Final[Mapping[str, tuple[str, str]]] = {_FAILS: (RED, "x"), _REVIEWS: (_AMBER, "s"), _PASSES: (TEAL, "o")}


def rule_parts(record: AuditRecord, folder: Path, max_rows: int) -> tuple[dict[str, FigureFile], dict[str, HtmlTable]]:
    """Return the figure and the table of the trials; nothing without a search."""
    trials = trials_of(record.header)
    if not trials:
        return {}, {}
    search = record.header[RULE_SEARCH]
    window = f"{search['first_period'][:10]} to {search['last_period'][:10]}"
    path = save_figure(
        plot_trials(trials), folder / "audit-rules.png", "Events covered against the lowest coverage ratio"
    )
    alt = f"Plans tried on the periods from {window}: events covered against the lowest coverage ratio of groups. "
    caption = (
        f"Plans tried on the periods from {window}, before the audited ones. Up: more recorded events are covered. "
        "Right: groups are covered more equally. Lines are intervals over weeks. Numbers are those of the table."
    )
    table = HtmlTable.from_frame(f"Plans that were tried, on the periods from {window}", trial_table(trials), max_rows)
    lines = " ".join(line.strip(" -") for line in search_lines(record.header))
    return {"rules": FigureFile(path, alt + lines, caption)}, {"rules": table}


def trial_table(trials: list[dict[str, Any]]) -> pd.DataFrame:
    """Return one row for each trial, as text."""
    return pd.DataFrame([{"no.": at, **_row(one)} for at, one in enumerate(trials, start=1)])


def plot_trials(trials: list[dict[str, Any]]) -> Figure:
    """Plot the events covered by each trial against its lowest coverage ratio, with intervals over weeks."""
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
    limit = CATALOGUE["coverage_ratio"].limit
    for bound in (limit.fail_below, limit.warn_below):
        if bound is not None:
            axes.axvline(bound, c=GREY, lw=1, ls=":")
    axes.set_xlabel("lowest coverage ratio of any group (1: all groups alike)", fontsize=9)
    axes.set_ylabel("recorded events covered, %", fontsize=9)
    if shown:
        axes.legend(fontsize=8, framealpha=0.9, edgecolor="none")
    style_axes(axes)
    return figure


def _row(trial: Mapping[str, Any]) -> dict[str, str]:
    if "error" in trial:
        return {"plan": trial["name"], "checks": f"could not be planned: {trial['error']}"}
    covered, cost = trial["covered"], trial["cost"]
    states = [f"{word}: {_labels(trial[key])}" for word, key in STATES if trial[key]]
    return {
        "plan": trial["name"],
        "events covered": _with_ends(covered, percent, percent_interval),
        "fewer events than the audited rule": _with_ends(cost, percent, percent_interval),
        **{f"lowest {defined(name).label.lower()}": _worst(one) for name, one in trial["worst"].items()},
        "checks": "; ".join(states) or _PASSES,
    }


def _worst(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return MISSING
    about = finding_scope(one["crime_type"], one["dimension"], one["group"])
    return f"{number(one['value'])} ({interval(_number(one['low']), _number(one['high']))}; {about})"


def _with_ends(numbers: Mapping[str, Any], one: Any, two: Any) -> str:
    ends = two(_number(numbers["low"]), _number(numbers["high"]))
    return f"{one(_number(numbers['value']))} ({ends})" if ends else str(one(_number(numbers["value"])))


def _labels(checks: list[str]) -> str:
    return ", ".join(defined(check).label.lower() for check in checks)


def _state(trial: Mapping[str, Any]) -> str:
    return _FAILS if trial["failed"] or trial["lacking"] else _REVIEWS if trial["reviewed"] else _PASSES


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
