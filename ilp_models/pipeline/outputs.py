"""Writing a run's small files, and telling the tracker."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ilp_models.domain.cost import Cost
from ilp_models.domain.decision import Decision
from ilp_models.domain.scores import ALL, ScoreTable, is_bound
from ilp_models.domain.tracking import TrackedRun


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    """Return the path of a JSON file."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    return path


def plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as plain JSON values."""
    known = table.notna() & ~table.isin([np.inf, -np.inf])
    rows = table.astype(object).where(known, None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def write_scores(
    scores: ScoreTable, baseline: str, folder: Path, not_run: Mapping[str, str] | None = None
) -> list[Path]:
    """Return the files of a score table: the scores by period, their summary, and the skills."""
    skills = all_skills(scores, baseline)
    if not_run:
        lead, verdicts = scores.table["lead"].min(), [f"did not run: {why}" for why in not_run.values()]
        absent = pd.DataFrame(
            {"forecaster": list(not_run), "lead": lead, "crime_type": ALL, "verdict": verdicts, "n": 0}
        )
        skills = pd.concat([skills, absent], ignore_index=True)
    tables = {"scores.csv": scores.table, "summary.csv": scores.summarise(), "skill.csv": skills}
    for name, table in tables.items():
        table.to_csv(folder / name, index=False)
    return [folder / name for name in tables]


def all_skills(scores: ScoreTable, baseline: str) -> pd.DataFrame:
    """Return the skills of the forecasters, then those of the bounds that nobody can reach."""
    return pd.concat([scores.skill(baseline), scores.skill(baseline, bounds=True)], ignore_index=True)


def record_scores(
    run: TrackedRun,
    scores: ScoreTable,
    baseline: str,
    recipes: Mapping[str, str],
    models: Mapping[str, Any],
    costs: Mapping[str, Cost | None] | None = None,
) -> None:
    """Record one child run a forecaster with its pooled scores."""
    summary, skills = scores.summarise(), scores.skill(baseline)
    for name in scores.forecasters:
        if is_bound(name):
            continue
        with run.child(name, {"recipe": recipes[name], "forecaster": name}, models.get(name, {})) as child:
            child.metrics(_metrics(summary[summary["forecaster"] == name], ["score"], "value"))
            own = skills[skills["forecaster"] == name].assign(score="skill")
            child.metrics(_metrics(own, ["score"], "skill"))
            cost = (costs or {}).get(name)
            child.metrics({f"cost/{key}": value for key, value in cost.to_dict().items()} if cost else {})


def record_decision(run: TrackedRun, decision: Decision) -> None:
    """Record what the gate decided, and the number of every finding."""
    words = {"decision": "admitted" if decision.admitted else "withheld", "recipe": decision.recipe}
    run.tags(words | {"audit.decision": decision.seal})
    run.metrics(
        {
            "/".join(filter(None, ("audit", *finding.key))): finding.value
            for finding in decision.findings
            if np.isfinite(finding.value)
        }
    )


def _metrics(rows: pd.DataFrame, labels: list[str], value: str) -> dict[str, float]:
    """Name numbers like ``all/deviance`` and, beyond lead 1, ``all/deviance/lead_2``."""
    named = {}
    for row in rows.to_dict("records"):
        lead = "" if row["lead"] == 1 else f"/lead_{row['lead']}"
        named[f"{row['crime_type']}/{'/'.join(str(row[label]) for label in labels)}{lead}"] = float(row[value])
    return named


def table_of_scores(scores: ScoreTable, baseline: str, not_run: Mapping[str, str]) -> str:
    """Return the comparison as a short table for the terminal."""
    summary = scores.summarise()
    pooled = summary[(summary["crime_type"] == _pool(summary)) & (summary["lead"] == summary["lead"].min())]
    values = pooled.pivot_table(index="forecaster", columns="score", values="value")
    skills = all_skills(scores, baseline)
    skills = skills[skills["crime_type"].isin(set(pooled["crime_type"])) & (skills["lead"] == skills["lead"].min())]
    skill = skills.set_index("forecaster")
    lines = [f"{'forecaster':<22}{'deviance':>10}{'skill over ' + baseline:>34}{'hit 5 %':>9}{'sum ratio':>11}"]
    for name in _best_first(values):
        row = values.loc[name]
        known = skill.loc[name] if name in skill.index else None
        lines.append(
            f"{name:<22}{_cell(row, 'deviance', '.4f'):>10}{_skill(known, name, baseline):>34}"
            f"{_cell(row, 'hit_rate_05', '.1%'):>9}{_cell(row, 'sum_ratio', '.3f'):>11}"
        )
    lines.extend(f"{name:<22}did not run: {why}" for name, why in not_run.items())
    return "\n".join(lines)


def _pool(summary: pd.DataFrame) -> str:
    kinds = set(summary["crime_type"])
    return ALL if ALL in kinds else str(next(iter(kinds)))


def _best_first(values: pd.DataFrame) -> Iterable[str]:
    order = values["deviance"].fillna(np.inf).sort_values(kind="stable").index
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
