"""The leaderboard of a comparison: a row for every forecaster, those that could not run and the bounds included."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.cost import Cost
from ilp_models.domain.scores import ALL, ScoreTable

FORECASTER: Final = "forecaster"
BOUND: Final = "bound"
NOT_RUN: Final = "not run"
SCORES: Final = (
    "deviance",
    "log_score",
    "crps",
    "brier_any",
    "hit_rate_05",
    "pai_05",
    "pai_area",
    "pei_05",
    "sum_ratio",
    "coverage_90",
    "displacement_05",
)
_WITH_ENDS: Final = ("deviance", "hit_rate_05", "sum_ratio")
_COSTS: Final = (
    "fits",
    "forecasts",
    "fit_seconds",
    "fit_cpu_seconds",
    "forecast_seconds",
    "forecast_cpu_seconds",
    "peak_mb",
)


@dataclass(frozen=True)
class Field:
    """Who takes part in a comparison.

    Parameters
    ----------
    baseline : str
        Skill is measured against this forecaster.
    ceilings : tuple of str
        Forecasters that know the truth of a simulated city; they are shown with the bounds.
    recipes : mapping of str to str
        Fingerprint of each forecaster's recipe.
    costs : mapping of str to Cost or None
        What its forecasts cost; None where that was not kept.
    not_run : mapping of str to str
        Why a forecaster could not run.
    """

    baseline: str
    ceilings: tuple[str, ...]
    recipes: Mapping[str, str]
    costs: Mapping[str, Cost | None]
    not_run: Mapping[str, str]


def leaderboard(scores: ScoreTable, skill: pd.DataFrame, confidence: pd.DataFrame, field: Field) -> pd.DataFrame:
    """Return the forecasters side by side over all crime types, best deviance first at each lead."""
    pooled = scores.summarise(by=("forecaster", "lead"))
    parts = []
    for lead in sorted(map(int, pooled["lead"].unique())):
        wide = _scores(pooled[pooled["lead"] == lead])
        wide = _judged(wide, _pool(skill, lead), _pool(confidence, lead), field)
        parts.append(_finished(wide, field).assign(lead=lead)[_order()])
    return pd.concat(parts, ignore_index=True)


def cost_table(field: Field) -> pd.DataFrame:
    """Return what the forecasts of each forecaster cost, as measured when they were made."""
    rows = {name: {} if cost is None else cost.to_dict() for name, cost in field.costs.items()}
    rows |= {name: {} for name in field.not_run}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(_COSTS)).astype(float)
    table = table.reset_index(names="forecaster")
    return table.assign(did_not_run=[field.not_run.get(name, "") for name in table["forecaster"]])


def _pool(table: pd.DataFrame, lead: int) -> pd.DataFrame:
    rows = table[(table["lead"] == lead) & (table["crime_type"] == ALL)]
    return rows.set_index("forecaster").drop(columns=["lead", "crime_type"])


def _scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the pooled scores of one lead, one row a forecaster or bound."""
    wide = rows.pivot_table(index="forecaster", columns="score", values="value").reindex(columns=list(SCORES))
    for end in ("low", "high"):
        ends = rows.pivot_table(index="forecaster", columns="score", values=end, dropna=False)
        ends = ends.reindex(index=wide.index, columns=list(_WITH_ENDS))
        wide = wide.join(ends.rename(columns={name: f"{name}_{end}" for name in _WITH_ENDS}))
    return wide


def _judged(wide: pd.DataFrame, skill: pd.DataFrame, confidence: pd.DataFrame, field: Field) -> pd.DataFrame:
    """Return scores with skills, verdicts and who may be the best, by deviance; bounds from the nearest on."""
    wide = wide.join(skill.rename(columns={"low": "skill_low", "high": "skill_high"}))
    wide = wide.join(confidence.rename(columns={"p_value": "confidence_p_value", "inside": "in_confidence_set"}))
    bound = ~wide.index.isin(confidence.index)
    wide["kind"] = np.where(bound, BOUND, FORECASTER)
    wide["verdict"] = wide["verdict"].mask(bound | (wide.index == field.baseline), "")
    wide.loc[field.baseline, ["skill_low", "skill_high", "p_value"]] = np.nan
    truth = skill["skill"].reindex(list(field.ceilings)).max()
    known = wide.index.isin(list(field.recipes))
    wide["attained"] = (wide["skill"] / truth).where(known) if truth > 0 else np.nan
    order = wide["deviance"].where(~bound, -wide["deviance"])
    return wide.assign(order=order).sort_values("order", kind="stable").drop(columns="order")


def _finished(wide: pd.DataFrame, field: Field) -> pd.DataFrame:
    """Return the rows in the order in which they are shown, with costs, recipes and those that could not run."""
    names = list(field.not_run)
    absent = pd.DataFrame({"forecaster": names, "kind": NOT_RUN, "verdict": ""})
    table = pd.concat([wide.reset_index(names="forecaster"), absent], ignore_index=True)
    table = table.merge(cost_table(field).drop(columns="did_not_run"), on="forecaster", how="left")
    table["in_confidence_set"] = table["in_confidence_set"].astype("boolean")
    for name, known in (("recipe", field.recipes), ("did_not_run", field.not_run)):
        table[name] = [known.get(forecaster, "") for forecaster in table["forecaster"]]
    place = table["kind"].map({FORECASTER: 0, NOT_RUN: 1, BOUND: 2})
    return table.assign(place=place).sort_values("place", kind="stable", ignore_index=True)


def _order() -> list[str]:
    scores = [name for score in SCORES for name in (score, *_ends(score))]
    skill = ["skill", "skill_low", "skill_high", "p_value", "verdict", "attained"]
    judged = ["in_confidence_set", "confidence_p_value", "n"]
    return ["lead", "forecaster", "kind", *scores, *skill, *judged, *_COSTS, "recipe", "did_not_run"]


def _ends(score: str) -> tuple[str, ...]:
    return (f"{score}_low", f"{score}_high") if score in _WITH_ENDS else ()
