"""Tables of the comparison page: paired tests, skill by crime type, lead and season, and consistency tests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.scores import ALL, OPPOSITE_VERDICT
from ilp_models.report.formatting import MISSING, crime_type_label, number, percent


@dataclass(frozen=True)
class MatrixCell:
    """A number with its verdict (``better``, ``worse``, ``tie`` or empty) and a note with interval and test."""

    text: str
    verdict: str = ""
    note: str = ""


@dataclass(frozen=True)
class Matrix:
    """A table with one row per forecaster."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[MatrixCell, ...]], ...]


def pair_results(pairs: pd.DataFrame, lead: int) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the paired test of every ordered pair of forecasters over all crime types."""
    found = {}
    for row in pairs[(pairs["lead"] == lead) & (pairs["crime_type"] == ALL)].to_dict("records"):
        one, other = str(row["forecaster"]), str(row["other"])
        found[one, other] = {name: row[name] for name in ("difference", "low", "high", "holm", "verdict")}
        found[other, one] = {
            "difference": -row["difference"],
            "low": -row["high"],
            "high": -row["low"],
            "holm": row["holm"],
            "verdict": OPPOSITE_VERDICT[str(row["verdict"])],
        }
    return found


def ties(best: str, pairs: pd.DataFrame, lead: int) -> tuple[str, ...]:
    """Return the forecasters that do not differ from the best."""
    known = pair_results(pairs, lead)
    return tuple(other for (one, other), pair in known.items() if one == best and pair["verdict"] == "tie")


def pair_matrix(pairs: pd.DataFrame, deviance: pd.Series, lead: int) -> Matrix:
    """Return the share of the column's deviance that the row removes, for every pair."""
    known = pair_results(pairs, lead)
    names = tuple(map(str, deviance.index))
    rows = [
        (one, tuple(_pair_cell(known.get((one, other)), float(deviance[other])) for other in names)) for one in names
    ]
    title = "Share of the column's deviance that the row removes; verdict on the row (Holm-adjusted)"
    return Matrix(title, names, tuple(rows))


def _pair_cell(pair: dict[str, Any] | None, deviance: float) -> MatrixCell:
    if pair is None:
        return MatrixCell("")
    low, high = (percent(-pair[end] / deviance, 2, sign=True) for end in ("high", "low"))
    note = (
        f"interval [{low}, {high}], adjusted p = {pair['holm']:.2g}" if np.isfinite(pair["holm"]) else "too few periods"
    )
    return MatrixCell(percent(-pair["difference"] / deviance, 2, sign=True), str(pair["verdict"]), note)


def skill_matrices(
    skill: pd.DataFrame, seasons: pd.DataFrame, forecasters: Sequence[str], lead: int
) -> tuple[Matrix, ...]:
    """Return skill by crime type, by lead where there are several, and by season."""
    return tuple(_skill_matrices(skill, seasons, forecasters, lead))


def _skill_matrices(
    skill: pd.DataFrame, seasons: pd.DataFrame, forecasters: Sequence[str], lead: int
) -> Iterator[Matrix]:
    near = skill[skill["lead"] == lead]
    kinds = [ALL, *(kind for kind in dict.fromkeys(near["crime_type"]) if kind != ALL)]
    heads = [crime_type_label(kind) for kind in kinds]
    yield Matrix("Skill by crime type", tuple(heads), _skill_rows(near, "crime_type", kinds, forecasters))
    pooled = skill[skill["crime_type"] == ALL]
    leads = sorted(pooled["lead"].unique())
    if len(leads) > 1:
        heads = [f"lead {lead_value}" for lead_value in leads]
        yield Matrix("Skill by lead, all types", tuple(heads), _skill_rows(pooled, "lead", leads, forecasters))
    parts = seasons[(seasons["lead"] == lead) & (seasons["crime_type"] == ALL)]
    names = list(dict.fromkeys(parts["season"]))
    yield Matrix("Skill by season, all types", tuple(map(str, names)), _skill_rows(parts, "season", names, forecasters))


def _part_cell(row: Any, part: str) -> MatrixCell:
    return MatrixCell(MISSING if row is None else number(row[part], 3))


_SCORE_HEADS: Final = {"crps": "CRPS", "brier_any": "any event, Brier", "log_any": "any event, log"}


def score_matrices(table: pd.DataFrame, forecasters: Sequence[str], lead: int) -> tuple[Matrix, ...]:
    """Return the skill in other scores at the first lead, and that of city and areas by lead where there are more."""
    pooled = table[table["crime_type"] == ALL]
    names = list(dict.fromkeys(pooled["score"]))
    heads = tuple(_SCORE_HEADS.get(name, name.replace("_", " ")) for name in names)
    near = _skill_rows(pooled[pooled["lead"] == lead], "score", names, forecasters)
    matrices = [Matrix("Skill in other scores, all types", heads, near)]
    leads = sorted(pooled["lead"].unique())
    for name in names if len(leads) > 1 else []:
        if name not in _SCORE_HEADS:
            rows = _skill_rows(pooled[pooled["score"] == name], "lead", leads, forecasters)
            title = f"Skill in {name.replace('_', ' ')} by lead, all types"
            matrices.append(Matrix(title, tuple(f"lead {one}" for one in leads), rows))
    return tuple(matrices)


def split_matrix(table: pd.DataFrame, forecasters: Sequence[str], lead: int) -> Matrix:
    """Return the parts of deviance and CRPS over all types."""
    rows = table[(table["lead"] == lead) & (table["crime_type"] == ALL)]
    known = {(row["forecaster"], row["score"]): row for row in rows.to_dict("records")}
    scores, parts = {"deviance": "deviance", "crps": "CRPS"}, ("miscalibration", "discrimination", "uncertainty")
    heads = tuple(f"{label}: {part}" for label in scores.values() for part in parts)
    cells = [
        (name, tuple(_part_cell(known.get((name, score)), part) for score in scores for part in parts))
        for name in forecasters
    ]
    return Matrix("Parts of two scores: score = miscalibration - discrimination + uncertainty", heads, tuple(cells))


def _skill_rows(
    rows: pd.DataFrame, column: str, values: Sequence[Any], forecasters: Sequence[str]
) -> tuple[tuple[str, tuple[MatrixCell, ...]], ...]:
    known = {(row["forecaster"], row[column]): row for row in rows.to_dict("records")}
    return tuple((name, tuple(_skill_cell(known.get((name, value))) for value in values)) for name in forecasters)


def _skill_cell(row: Any) -> MatrixCell:
    if row is None or not np.isfinite(row["skill"]):
        return MatrixCell(percent(float("nan")))
    low, high = percent(row["low"], 2, sign=True), percent(row["high"], 2, sign=True)
    few = not np.isfinite(row["low"])
    note = f"too few periods for an interval ({row['n']})" if few else f"interval [{low}, {high}], {row['n']} periods"
    return MatrixCell(percent(row["skill"], 2, sign=True), "" if row["skill"] == 0 else str(row["verdict"]), note)


def consistency_matrix(table: pd.DataFrame, forecasters: Sequence[str], lead: int) -> Matrix:
    """Return the verdict of each test on all types together, and the number of consistent crime types."""
    near = table[table["lead"] == lead]
    tests = list(near[["test", "distribution"]].drop_duplicates().itertuples(index=False, name=None))
    groups = dict(tuple(near.groupby(["forecaster", "test", "distribution"], sort=False)))
    rows = [(name, tuple(_consistency_cell(groups.get((name, *test))) for test in tests)) for name in forecasters]
    heads = tuple(f"{test}, {distribution.replace('_', ' ')}" for test, distribution in tests)
    return Matrix("Verdict on all types together; number of crime types that are consistent", heads, tuple(rows))


def _consistency_cell(rows: pd.DataFrame | None) -> MatrixCell:
    if rows is None:
        return MatrixCell(MISSING)
    pool, types = rows[rows["crime_type"] == ALL], rows[rows["crime_type"] != ALL]
    passed = int((types["verdict"] == "consistent").sum())
    verdict = str(pool["verdict"].iloc[0]) if len(pool) else ""
    note = ""
    if len(pool):
        one = pool.iloc[0]
        span = f"{one['quantile_low']:,.4g} to {one['quantile_high']:,.4g}"
        note = f"observed {one['observed']:,.4g}, consistent from {span}"
    return MatrixCell(f"{verdict}; {passed} of {len(types)}", "tie" if verdict == "consistent" else "worse", note)
