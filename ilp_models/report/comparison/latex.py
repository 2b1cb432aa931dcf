"""The leaderboard as a LaTeX table for a paper."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.report.comparison.leaderboard import BOUND, FORECASTER, NOT_RUN

_ESCAPES: Final = str.maketrans(
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
_MISSING: Final = "--"


@dataclass(frozen=True)
class _Column:
    """A column of the table: which score, how it is written, and which way is better (0: nearest to 1)."""

    score: str
    head: str
    digits: int
    better: int
    scale: float = 1.0

    def text(self, value: float) -> str:
        return f"{self.scale * value:.{self.digits}f}" if np.isfinite(value) else _MISSING

    def distance(self, value: float) -> float:
        """Return how far a value, as it is written, lies from the best there could be."""
        shown = float(self.text(value)) if np.isfinite(value) else np.inf
        return abs(shown - self.scale) if self.better == 0 else -self.better * shown if np.isfinite(shown) else np.inf


_COLUMNS: Final = (
    _Column("deviance", "Deviance", 4, -1),
    _Column("skill", r"Skill, \%", 2, 1, 100.0),
    _Column("log_score", "Log score", 4, -1),
    _Column("crps", "CRPS", 4, -1),
    _Column("hit_rate_05", r"Hit 5\,\%", 1, 1, 100.0),
    _Column("pai_area", "PAI area", 3, 1),
    _Column("sum_ratio", "Sum ratio", 3, 0),
)


def escape(text: str) -> str:
    r"""Return text that LaTeX prints as it stands."""
    return text.translate(_ESCAPES)


def latex_table(board: pd.DataFrame, baseline: str, protocol: str, ties: Collection[str] = ()) -> str:
    """Return a table of the forecasters at the first lead, over all crime types."""
    rows = board[board["lead"] == board["lead"].min()]
    best = {
        column.score: min(column.distance(value) for value in rows.loc[rows["kind"] == FORECASTER, column.score])
        for column in _COLUMNS
    }
    width = len(_COLUMNS) + 3
    lines = [
        r"% Needs \usepackage{booktabs}.",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{_caption(protocol, baseline, rows)}}}",
        r"  \label{tab:comparison}",
        rf"  \begin{{tabular}}{{l{'r' * (width - 1)}}}",
        r"    \toprule",
        rf"    Method & {' & '.join(column.head for column in _COLUMNS)} & Set & Fit, s \\",
        r"    \midrule",
    ]
    for kind in (FORECASTER, NOT_RUN, BOUND):
        own = rows[rows["kind"] == kind]
        lines += [r"    \midrule"] if kind == BOUND and len(own) else []
        lines += [f"    {_row(row, best, ties, width)} \\\\" for row in own.to_dict("records")]
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}", ""])


def _caption(protocol: str, baseline: str, rows: pd.DataFrame) -> str:
    lead = int(rows["lead"].iloc[0])
    few = rows.loc[rows["kind"] == FORECASTER, "confidence_p_value"].isna().all()
    nobody_out = " (too few periods to leave any out)" if few else ""
    return (
        f"Forecasts {lead} period{'s' if lead > 1 else ''} ahead, all crime types. {escape(protocol)} Skill over "
        f"{escape(baseline)} with the ends of its interval. Bold: best of a column; asterisk: deviance not told apart "
        rf"from the best after Holm's adjustment. Set: inside the 90\,\% model confidence set{nobody_out}. Fit, s: "
        "processor seconds of one fit. Bounds below the rule are not forecasters."
    )


def _row(row: dict[str, float | str], best: dict[str, float], ties: Collection[str], width: int) -> str:
    name = escape(str(row["forecaster"]))
    if row["kind"] == NOT_RUN:
        why = f"did not run: {escape(str(row['did_not_run']))}"
        return rf"{name} & \multicolumn{{{width - 1}}}{{p{{0.65\linewidth}}}}{{{why}}}"
    mark = "$^{*}$" if row["forecaster"] in ties else ""
    cells = [_cell(column, row, best[column.score]) for column in _COLUMNS]
    inside = {True: "yes", False: "no"}.get(row["in_confidence_set"], "")  # type: ignore[call-overload]
    fits = float(row["fits"])
    seconds = f"{float(row['fit_cpu_seconds']) / fits:.2f}" if fits > 0 else _MISSING
    return " & ".join([name + mark, *cells, inside, seconds])


def _cell(column: _Column, row: dict[str, float | str], best: float) -> str:
    value = float(row[column.score])
    text = column.text(value)
    if row["kind"] == FORECASTER and column.distance(value) == best < np.inf:
        text = rf"\textbf{{{text}}}"
    low, high = (float(row.get(f"{column.score}_{end}", np.nan)) for end in ("low", "high"))
    if column.score == "skill" and np.isfinite(low):
        text = f"{text} [{column.text(low)}, {column.text(high)}]"
    return text
