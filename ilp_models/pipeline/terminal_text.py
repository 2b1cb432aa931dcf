"""Texts of tasks for the terminal: scores, intake and decision."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.decision import FAILURE, MISSING, REVIEW, Decision
from ilp_models.domain.disclaimers import RESEARCH_ONLY
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import state_text
from ilp_models.domain.intake import IntakeReport
from ilp_models.domain.rule_trials import search_lines
from ilp_models.domain.scores import ALL, SECOND, is_bound, second_baseline
from ilp_models.pipeline.backtesting import Backtest
from ilp_models.report.ceiling import ceiling_notes
from ilp_models.report.tables import group_table_text


def as_text(word: object) -> str:
    """Return a setting as text; one that looks like a number or null arrives as one. Lists are refused."""
    if isinstance(word, Mapping | Sequence) and not isinstance(word, str):
        msg = f"{word} is a list or has parts, and a text is needed. Write it in quotes: reason='agreed, on 3 May'."
        raise InputError(msg)
    return "" if word is None else str(word)


def intake_line(intake: IntakeReport) -> str:
    """Return how many records were read and kept, in one line."""
    flagged = sum(finding.action == "flagged" for finding in intake.findings)
    rows = f"{intake.rows_kept:,} of {intake.rows_read:,} records used"
    return f"{intake.source}: {rows}; {flagged} data quality warnings (intake.json)"


def decision_lines(decision: Decision) -> list[str]:
    """Return the decision in one line, and one line for each reason."""
    if decision.admitted:
        head = f"ADMITTED for resource allocation until {decision.valid_until:%Y-%m-%d %H:%M %Z}"
    else:
        head = f"WITHHELD: {RESEARCH_ONLY}"
    header = decision.report.header
    table = [f"Group table: {group_table_text(header)}"] if header.get("group_table") else []
    found = search_lines(header, admitted=decision.admitted)
    return [f"Decision on {decision.forecaster}: {head}", *_reason_lines(decision), *found, *table]


_HEADINGS: Final = {
    FAILURE: "Failures (no signature helps):",
    REVIEW: "Reviews that the reviewer may accept with a reason:",
    MISSING: "Missing inputs or evidence:",
}


def _reason_lines(decision: Decision) -> list[str]:
    """Return the reasons to withhold by kind, and the other reasons."""
    lines, obstacles = [], decision.obstacles
    for kind, heading in _HEADINGS.items():
        texts = [one.as_text() for one in obstacles if one.kind == kind]
        lines += [heading, *(f"  - {text}" for text in texts)] if texts else []
    others = [f"  - {reason}" for reason in decision.reasons[len(obstacles) :]]
    return [*lines, *(["Notes:"] if obstacles and others else []), *others]


def score_lines(backtest: Backtest, adjusted: pd.DataFrame | None = None) -> str:
    """Return the pooled scores of all forecasters as a short table, the best first.

    A comparison passes its own skills, whose verdicts are adjusted.
    """
    baseline, summary = backtest.scoring.baseline, backtest.summary()
    skills: pd.DataFrame = backtest.skill() if adjusted is None else adjusted
    pooled = summary[(summary["crime_type"] == _pool(summary)) & (summary["lead"] == summary["lead"].min())]
    values = pooled.pivot_table(index="forecaster", columns="score", values="value")
    skills = skills[skills["crime_type"].isin(set(pooled["crime_type"])) & (skills["lead"] == skills["lead"].min())]
    skill, second = skills.set_index("forecaster"), second_baseline(skills)
    over = f"{'over ' + second:>24}" if second else ""
    lines = [f"{'forecaster':<22}{'deviance':>10}{'skill over ' + baseline:>34}{over}{'hit 5 %':>9}{'sum ratio':>11}"]
    seals = {one.name: f"  {one.seal}" for one in backtest.rivals}
    for name in _best_first(values):
        row = values.loc[name]
        known: Any = skill.loc[name] if name in skill.index else None
        lines.append(
            f"{name:<22}{_cell(row, 'deviance', '.4f'):>10}{_skill(known, name, baseline):>34}{_second(known, second)}"
            f"{_cell(row, 'hit_rate_05', '.1%'):>9}{_cell(row, 'sum_ratio', '.3f'):>11}"
            f"{seals.get(name, '')}"
        )
    lines.extend(_not_run_lines(backtest.not_run))
    notes = ceiling_notes(backtest.scores, skills, baseline, int(summary["lead"].min()))
    lines += ["", *(note.replace("\N{NO-BREAK SPACE}", " ") for note in notes)] if notes else []
    return "\n".join(lines)


def _not_run_lines(not_run: Mapping[str, str]) -> list[str]:
    return [f"{name:<22}did not run: {why}" for name, why in not_run.items()]


def _pool(summary: pd.DataFrame) -> str:
    kinds = set(summary["crime_type"])
    return ALL if ALL in kinds else str(next(iter(kinds)))


def _best_first(values: pd.DataFrame) -> Iterable[str]:
    """Return the forecasters, best first, then the bounds, the ceiling before the oracle."""
    deviance = values["deviance"].fillna(np.inf)
    bound = deviance.index.map(is_bound).to_numpy(dtype=bool)
    order = deviance.where(~bound, -deviance).sort_values(kind="stable").index
    return sorted(map(str, order), key=is_bound)


def _cell(row: pd.Series, name: str, form: str) -> str:
    value = row.get(name, np.nan)
    return format(value, form) if np.isfinite(value) else "-"


def _skill(row: pd.Series | None, name: str, baseline: str) -> str:
    if name == baseline:
        return "baseline"
    if row is None or not np.isfinite(row["skill"]):
        return "-"
    if not np.isfinite(row["low"]):
        return f"{row['skill']:+.2%} without interval"
    interval = f"{row['skill']:+.2%} [{row['low']:+.2%}, {row['high']:+.2%}]"
    return interval if is_bound(name) else f"{interval} {row['verdict']}"


def _second(row: pd.Series | None, second: str) -> str:
    """Return the skill over the second baseline with its verdict, in a column of its own."""
    if not second:
        return ""
    if row is None or not np.isfinite(row[f"{SECOND}skill"]):
        return f"{'-':>24}"
    verdict = "" if is_bound(str(row.name)) or row.name == second else f" {row[f'{SECOND}verdict']}"
    text = f"{row[f'{SECOND}skill']:+.2%}{verdict}"
    return f"{text:>24}"


def finding_lines(decision: Decision) -> list[str]:
    """Return the findings of an audit as a table, and the decision with its reasons."""
    wide = 1 + max(len(name) for name in ("check", *(finding.check for finding in decision.findings)))
    lines = [f"{'check':<{wide}}{'about':<34}{'state':<14}{'value':>10}{'interval':>22}"]
    for finding in decision.findings:
        about = " ".join(word for word in (finding.crime_type, finding.dimension, finding.group) if word)
        interval = f"[{finding.low:.3f}, {finding.high:.3f}]"
        lines.append(
            f"{finding.check:<{wide}}{about[:33]:<34}{state_text(finding):<14}{finding.value:>10.3f}{interval:>22}"
        )
    return [*lines, "", *decision_lines(decision)]


def ground_lines(decision: Decision) -> list[str]:
    """Return what a decision rests on, and who approved it."""
    approval = decision.approval
    return [*decision.reasons, *([f"Approved by {approval.reviewer}: {approval.reason}"] if approval else [])]
