"""Diebold-Mariano tests of every pair of forecasters, with Holm-adjusted p-values."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from statsmodels.stats.multitest import multipletests

from ilp_models.domain.scores import ALL, OPPOSITE_VERDICT, ScoreTable
from ilp_models.stats.bootstrap import paired_p_value
from ilp_models.stats.pooling import direction

Floats = npt.NDArray[np.float64]

_COLUMNS: Final = (
    "forecaster",
    "other",
    "lead",
    "crime_type",
    "difference",
    "low",
    "high",
    "p_value",
    "holm",
    "verdict",
)


def paired_tests(scores: ScoreTable, lead: int = 1, crime_type: str = ALL, score: str = "deviance") -> pd.DataFrame:
    """Return the score difference of every pair of forecasters with interval, p-value, Holm p-value and verdict."""
    sign = direction(score)
    values, weights = scores.by_period(score, lead, crime_type)
    names = np.array(values.columns, dtype=object)
    first, second = np.triu_indices(len(names), 1)
    sums, total = values.to_numpy(), weights.to_numpy()
    differences = sums[:, first] - sums[:, second]
    weighted = np.broadcast_to(total[:, None], differences.shape)
    horizon = lead + scores.delay
    estimate = scores.resampling.for_lead(horizon).ratio(differences, weighted)
    lags = scores.resampling.lags(horizon)
    p_values = np.array([paired_p_value(one, lags) for one in (differences / total.mean()).T])
    adjusted = _holm(p_values)
    significant = adjusted < 1 - scores.resampling.confidence
    lower, upper = (
        np.minimum(sign * estimate.low, sign * estimate.high),
        np.maximum(sign * estimate.low, sign * estimate.high),
    )
    verdict = np.select([significant & (lower > 0), significant & (upper < 0)], ["better", "worse"], "tie")
    columns = (
        names[first],
        names[second],
        lead,
        crime_type,
        estimate.value,
        estimate.low,
        estimate.high,
        p_values,
        adjusted,
        verdict,
    )
    return pd.DataFrame(dict(zip(_COLUMNS, columns, strict=True)))


def with_paired_verdicts(skill: pd.DataFrame, pairs: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Return the skill table with p-value (Holm-adjusted) and verdict of each pair with the baseline.

    One test decides wherever a comparison shows a verdict on two forecasters. Rows without a pair stay, such as bounds.
    """
    keys = ["forecaster", "lead", "crime_type"]
    one = pairs[pairs["other"] == baseline]
    other = pairs[pairs["forecaster"] == baseline]
    other = other.assign(forecaster=other["other"], verdict=other["verdict"].map(OPPOSITE_VERDICT))
    known = pd.concat([one, other])[[*keys, "holm", "verdict"]].rename(columns={"verdict": "paired"})
    table = skill.merge(known, on=keys, how="left")
    paired = table["paired"].notna()
    adjusted = table.assign(
        p_value=table["p_value"].mask(paired, table["holm"]), verdict=table["verdict"].mask(paired, table["paired"])
    )
    return adjusted[list(skill.columns)]


def _holm(p_values: Floats) -> Floats:
    """Return Holm-adjusted p-values; all are NaN where one is, since all use the same periods."""
    if not len(p_values) or np.isnan(p_values).any():
        return np.full(len(p_values), np.nan)
    return np.asarray(multipletests(p_values, method="holm")[1])
