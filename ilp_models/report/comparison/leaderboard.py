"""The leaderboard of a comparison, as a DataFrame and as a LaTeX table for papers.

It includes the forecasters that did not run and the bounds (ceiling, true intensity, oracle).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.replay import Cost
from ilp_models.domain.scores import ALL, SECOND, ScoreTable, second_baseline

FORECASTER: Final = "forecaster"
BOUND: Final = "bound"
NOT_RUN: Final = "not run"
REPLAYED: Final = "replayed"  # seal of forecasts that this package made, as known at each cutoff
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
_WITH_INTERVALS: Final = ("deviance", "hit_rate_05", "sum_ratio")
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
class Participants:
    """The forecasters of a comparison: baseline, recipes, computing cost and those that did not run."""

    baseline: str
    truths: tuple[str, ...]  # names of those that know the true rates of a simulated city; shown with the bounds
    recipes: Mapping[str, str]  # fingerprint of each recipe
    costs: Mapping[str, Cost | None]  # None if the cost is not known
    not_run: Mapping[str, str]  # reason
    seals: Mapping[str, str] = field(default_factory=dict)  # of forecasts that others handed in


def leaderboard(
    scores: ScoreTable, skill: pd.DataFrame, confidence: pd.DataFrame, participants: Participants
) -> pd.DataFrame:
    """Return one row per forecaster and lead with its scores over all crime types, best deviance first."""
    pooled = scores.summarise(by=("forecaster", "lead"))
    parts = []
    for lead in sorted(map(int, pooled["lead"].unique())):
        wide = _scores(pooled[pooled["lead"] == lead])
        wide = _add_skill(wide, _pool(skill, lead), _pool(confidence, lead), participants)
        parts.append(_add_cost(wide, participants).assign(lead=lead)[_column_order(second_baseline(skill))])
    return pd.concat(parts, ignore_index=True)


def cost_table(participants: Participants) -> pd.DataFrame:
    """Return the computing cost of each forecaster, measured when its forecasts were made."""
    rows = {name: {} if cost is None else cost.to_dict() for name, cost in participants.costs.items()}
    rows |= {name: {} for name in participants.not_run}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(_COSTS)).astype(float)
    table = table.reset_index(names="forecaster")
    return table.assign(did_not_run=[participants.not_run.get(name, "") for name in table["forecaster"]])


def _pool(table: pd.DataFrame, lead: int) -> pd.DataFrame:
    rows = table[(table["lead"] == lead) & (table["crime_type"] == ALL)]
    return rows.set_index("forecaster").drop(columns=["lead", "crime_type"])


def _scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the pooled scores of one lead, one row per forecaster or bound."""
    wide = rows.pivot_table(index="forecaster", columns="score", values="value").reindex(columns=list(SCORES))
    for end in ("low", "high"):
        ends = rows.pivot_table(index="forecaster", columns="score", values=end, dropna=False)
        ends = ends.reindex(index=wide.index, columns=list(_WITH_INTERVALS))
        wide = wide.join(ends.rename(columns={name: f"{name}_{end}" for name in _WITH_INTERVALS}))
    return wide


def _add_skill(
    wide: pd.DataFrame, skill: pd.DataFrame, confidence: pd.DataFrame, participants: Participants
) -> pd.DataFrame:
    """Add skill, verdict and membership of the model confidence set; sort by deviance."""
    ends = ("low", "high")
    names = {end: f"skill_{end}" for end in ends} | {f"{SECOND}{end}": f"{SECOND}skill_{end}" for end in ends}
    wide = wide.join(skill.rename(columns=names))
    wide = wide.join(confidence.rename(columns={"p_value": "confidence_p_value", "inside": "in_confidence_set"}))
    bound = ~wide.index.isin(confidence.index)
    wide["kind"] = np.where(bound, BOUND, FORECASTER)
    wide["verdict"] = wide["verdict"].mask(bound | (wide.index == participants.baseline), "")
    wide.loc[participants.baseline, ["skill_low", "skill_high", "p_value"]] = np.nan
    if second := second_baseline(skill):
        columns = [f"{SECOND}{name}" for name in ("skill_low", "skill_high", "p_value")]
        wide.loc[second, columns] = np.nan
        wide[f"{SECOND}verdict"] = wide[f"{SECOND}verdict"].mask(bound | (wide.index == second), "")
    truth = skill["skill"].reindex(list(participants.truths)).max()
    known = wide.index.isin(list(participants.recipes))
    wide["attained"] = (wide["skill"] / truth).where(known) if truth > 0 else np.nan
    order = wide["deviance"].where(~bound, -wide["deviance"])
    return wide.assign(order=order).sort_values("order", kind="stable").drop(columns="order")


def _add_cost(wide: pd.DataFrame, participants: Participants) -> pd.DataFrame:
    """Add cost, recipes and the forecasters that did not run; put the rows into the order of the page."""
    names = list(participants.not_run)
    not_run = pd.DataFrame({"forecaster": names, "kind": NOT_RUN, "verdict": "", f"{SECOND}verdict": ""})
    table = pd.concat([wide.reset_index(names="forecaster"), not_run], ignore_index=True)
    table = table.merge(cost_table(participants).drop(columns="did_not_run"), on="forecaster", how="left")
    table["in_confidence_set"] = table["in_confidence_set"].astype("boolean")
    for name, known in (("recipe", participants.recipes), ("did_not_run", participants.not_run)):
        table[name] = [known.get(forecaster, "") for forecaster in table["forecaster"]]
    seals = pd.Series([participants.seals.get(name, REPLAYED) for name in table["forecaster"]])
    table["seal"] = seals.where((table["recipe"] != "") & (table["kind"] != NOT_RUN), "")
    place = table["kind"].map({FORECASTER: 0, NOT_RUN: 1, BOUND: 2})
    return table.assign(place=place).sort_values("place", kind="stable", ignore_index=True)


def _column_order(second: str) -> list[str]:
    scores = [name for score in SCORES for name in (score, *_interval_columns(score))]
    skill = ["skill", "skill_low", "skill_high", "p_value", "verdict", "attained"]
    if second:
        skill += [f"{SECOND}{name}" for name in ("baseline", "skill", "skill_low", "skill_high", "p_value", "verdict")]
    confidence = ["in_confidence_set", "confidence_p_value", "n"]
    return ["lead", "forecaster", "kind", "seal", *scores, *skill, *confidence, *_COSTS, "recipe", "did_not_run"]


def _interval_columns(score: str) -> tuple[str, ...]:
    return (f"{score}_low", f"{score}_high") if score in _WITH_INTERVALS else ()


_LATEX_ESCAPES: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        '"': r"\textquotedbl{}",
        "|": r"\textbar{}",
    }
)
_LATEX_MISSING: Final = "--"
_MEMBERSHIP: Final[Mapping[object, str]] = {True: "yes", False: "no"}  # of the confidence set; unknown: empty


@dataclass(frozen=True)
class _LatexColumn:
    """A LaTeX column: score, heading, digits, and direction (-1: smaller is better, 0: nearest to 1 is best)."""

    score: str
    head: str
    digits: int
    better: int
    scale: float = 1.0

    def text(self, value: float) -> str:
        return f"{self.scale * value:.{self.digits}f}" if np.isfinite(value) else _LATEX_MISSING

    def distance(self, value: float) -> float:
        """Return the distance of a value, as printed, from the best possible value."""
        shown = float(self.text(value)) if np.isfinite(value) else np.inf
        return abs(shown - self.scale) if self.better == 0 else -self.better * shown if np.isfinite(shown) else np.inf


_LATEX_COLUMNS: Final = (
    _LatexColumn("deviance", "Deviance", 4, -1),
    _LatexColumn("skill", r"Skill, \%", 2, 1, 100.0),
    _LatexColumn("log_score", "Log score", 4, -1),
    _LatexColumn("crps", "CRPS", 4, -1),
    _LatexColumn("hit_rate_05", r"Captured 5\,\%", 1, 1, 100.0),
    _LatexColumn("pai_area", "PAI area", 3, 1),
    _LatexColumn("sum_ratio", "Exp./rec.", 3, 0),
)


def escape_latex(text: str) -> str:
    r"""Return text that LaTeX prints unchanged."""
    return text.translate(_LATEX_ESCAPES)


def _latex_columns(board: pd.DataFrame) -> tuple[_LatexColumn, ...]:
    """Return the columns; the skill over a second baseline, where there is one, is next to the first."""
    second = second_baseline(board)
    if not second:
        return _LATEX_COLUMNS
    over = _LatexColumn(f"{SECOND}skill", rf"Over {escape_latex(second)}, \%", 2, 1, 100.0)
    return (*_LATEX_COLUMNS[:2], over, *_LATEX_COLUMNS[2:])


def latex_table(board: pd.DataFrame, baseline: str, protocol: str, ties: Collection[str] = ()) -> str:
    """Return a LaTeX table (booktabs) of the forecasters at the first lead, over all crime types."""
    rows = board[board["lead"] == board["lead"].min()]
    columns = _latex_columns(board)
    best = {
        column: min(column.distance(value) for value in rows.loc[rows["kind"] == FORECASTER, column.score])
        for column in columns
    }
    width = len(columns) + 3
    lines = [
        r"% Needs \usepackage{booktabs}.",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{_latex_caption(protocol, baseline, rows)}}}",
        r"  \label{tab:comparison}",
        rf"  \begin{{tabular}}{{l{'r' * (width - 1)}}}",
        r"    \toprule",
        rf"    Method & {' & '.join(column.head for column in columns)} & Set & Fit, s \\",
        r"    \midrule",
    ]
    for kind in (FORECASTER, NOT_RUN, BOUND):
        own = rows[rows["kind"] == kind]
        lines += [r"    \midrule"] if kind == BOUND and len(own) else []
        lines += [f"    {_latex_row(row, best, ties, width)} \\\\" for row in own.to_dict("records")]
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}", ""])


def _latex_caption(protocol: str, baseline: str, rows: pd.DataFrame) -> str:
    lead = int(rows["lead"].iloc[0])
    second = f" (and of {escape_latex(second_baseline(rows))})" if second_baseline(rows) else ""
    few = rows.loc[rows["kind"] == FORECASTER, "confidence_p_value"].isna().all()
    all_inside = " (too few periods to exclude any)" if few else ""
    return (
        f"Forecasts {lead} period{'s' if lead > 1 else ''} ahead, all crime types. {escape_latex(protocol)} Skill: "
        f"share of the deviance of {escape_latex(baseline)}{second} removed, with its interval. Captured: share of "
        "crime on 5"
        rf"\,\% of the area. Exp./rec.: expected divided by recorded crimes. Bold: best of a column. Asterisk: "
        "deviance not different from the best (Holm-adjusted). Set: member of the 90"
        rf"\,\% model confidence set{all_inside}. Fit, s: CPU seconds per fit. Rows below the line are bounds, not "
        "forecasters. Ceiling: expected if expected counts and dispersions of the best are right; it has no "
        "capture rate."
    )


def _latex_row(
    row: dict[str, float | str], best: Mapping[_LatexColumn, float], ties: Collection[str], width: int
) -> str:
    name = escape_latex(str(row["forecaster"]))
    name += f" ({row['seal']})" if row["seal"] not in ("", REPLAYED) else ""
    if row["kind"] == NOT_RUN:
        reason = f"did not run: {escape_latex(str(row['did_not_run']))}"
        return rf"{name} & \multicolumn{{{width - 1}}}{{p{{0.65\linewidth}}}}{{{reason}}}"
    mark = "$^{*}$" if row["forecaster"] in ties else ""
    cells = [_latex_cell(column, row, least) for column, least in best.items()]
    inside = _MEMBERSHIP.get(row["in_confidence_set"], "")
    fits = float(row["fits"])
    seconds = f"{float(row['fit_cpu_seconds']) / fits:.2f}" if fits > 0 else _LATEX_MISSING
    return " & ".join([name + mark, *cells, inside, seconds])


def _latex_cell(column: _LatexColumn, row: dict[str, float | str], best: float) -> str:
    value = float(row[column.score])
    text = column.text(value)
    if row["kind"] == FORECASTER and column.distance(value) == best < np.inf:
        text = rf"\textbf{{{text}}}"
    low, high = (float(row.get(f"{column.score}_{end}", np.nan)) for end in ("low", "high"))
    if column.score.endswith("skill") and np.isfinite(low):
        text = f"{text} [{column.text(low)}, {column.text(high)}]"
    return text
