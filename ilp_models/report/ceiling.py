"""Sentences on the ceiling and the forecasters above it, for pages and the terminal."""

import numpy as np
import pandas as pd

from ilp_models.domain.scores import ALL, POISSON_DEVIANCE, ScoreTable, ceiling_of
from ilp_models.report.formatting import percent, percent_interval


def ceiling_notes(scores: ScoreTable, skill: pd.DataFrame, baseline: str, lead: int = 1) -> tuple[str, ...]:
    """Return the ceiling, the forecasters above it, and the ceiling that Poisson counts would have."""
    rows = skill[(skill["lead"] == lead) & (skill["crime_type"] == ALL)].set_index("forecaster")
    best = next((name for name in scores.forecasters if ceiling_of(name) in rows.index), None)
    if best is None:
        return ()
    ceiling, low, high = (float(rows[column][ceiling_of(best)]) for column in ("skill", "low", "high"))
    ends = percent_interval(low, high, 2, sign=True) or "(too few periods for an interval)"
    sentences = [
        f"Ceiling: if the expected counts and the dispersions of {best} were right, its skill over {baseline} would be "
        f"{percent(ceiling, 2, sign=True)} {ends}."
    ]
    own = rows.loc[[name for name in scores.forecasters if name in rows.index], "skill"]
    above = own[own > ceiling]
    inside = above[above <= high]
    beyond = above[above > high]
    if len(inside):
        sentences.append(f"Above this ceiling, within what chance allows: {', '.join(inside.index)}.")
    if len(beyond):
        sentences.append(
            f"Above this ceiling by more than chance allows: {', '.join(beyond.index)}. The counts scatter less than "
            f"{best} expects, its totals are too high, or a forecast knew the counts."
        )
    poisson = _poisson_skill(scores, best, baseline, lead)
    if np.isfinite(poisson):
        sentences.append(
            f"If counts were Poisson, the ceiling would be {percent(poisson, 2, sign=True)}. That is too high where "
            "recorded counts scatter more. A ceiling is a check, not a limit: a method that knows more can be above it."
        )
    return tuple(sentences)


def _poisson_skill(scores: ScoreTable, best: str, baseline: str, lead: int) -> float:
    table = scores.table[scores.table["lead"] == lead]
    own = table[(table["forecaster"] == ceiling_of(best)) & (table["score"] == POISSON_DEVIANCE)]["value"]
    base = table[(table["forecaster"] == baseline) & (table["score"] == "deviance")]["value"]
    return 1 - float(own.mean()) / float(base.mean()) if len(own) and base.mean() > 0 else np.nan
