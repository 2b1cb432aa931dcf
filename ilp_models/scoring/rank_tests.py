"""Friedman and Nemenyi tests: mean ranks of forecasters over blocks of periods and their critical difference."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ilp_models.domain.errors import InputError
from ilp_models.domain.scores import ALL, ScoreTable
from ilp_models.stats.pooling import direction

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RankTest:
    """Mean ranks of forecasters and the smallest significant difference between two of them.

    ``table`` has ``forecaster, mean_rank, group``, best first. Forecasters that share a letter in ``group`` do not
    differ significantly. With too few blocks, the critical difference and the p-value are NaN.
    """

    table: pd.DataFrame
    critical_difference: float  # Nemenyi (1963)
    p_value: float  # of equal ranks: Friedman test (1937), or sign test for two forecasters
    n: int  # ranked blocks of periods


def rank_test(scores: ScoreTable, lead: int = 1, crime_type: str = ALL, score: str = "deviance") -> RankTest:
    """Return the mean ranks of the forecasters and their critical difference (Demsar 2006).

    The test needs independent cases, and neighbouring periods are not independent. So means over blocks of periods
    are ranked; blocks are those of the bootstrap, and at least as long as lead and delay.
    """
    if len(scores.forecasters) < 2:
        msg = f"Ranks need two forecasters or more, not {scores.forecasters}. Add another to model=[...]."
        raise InputError(msg)
    sign = direction(score)
    values, _ = scores.by_period(score, lead, crime_type)
    resampling = scores.resampling.for_lead(lead + scores.delay)
    losses = _block_means(-sign * values.to_numpy(), resampling.block)
    ranks = stats.rankdata(_rounded(losses), axis=1)
    n, count = ranks.shape
    mean = ranks.mean(axis=0)
    enough = resampling.enough(n * resampling.block)
    quantile = float(stats.studentized_range.ppf(resampling.confidence, count, np.inf))
    distance = quantile / np.sqrt(2.0) * np.sqrt(count * (count + 1) / n / 6)
    critical = float(distance) if enough else float("nan")
    table = pd.DataFrame({"forecaster": list(values.columns), "mean_rank": mean})
    table = table.sort_values("mean_rank", kind="stable", ignore_index=True)
    table["group"] = _letters(table["mean_rank"].to_numpy(), critical)
    return RankTest(table, critical, _p_value(ranks) if enough else float("nan"), n)


def _block_means(values: Floats, block: int) -> Floats:
    """Return means over blocks of at least ``block`` periods; remaining periods extend the blocks."""
    return np.stack([part.mean(axis=0) for part in np.array_split(values, max(len(values) // block, 1))])


def _rounded(losses: Floats) -> Floats:
    """Return losses rounded so that rounding errors become ties."""
    scale = np.abs(losses).max() or 1.0
    return np.asarray(np.round(losses / scale, 12), dtype=float)


def _p_value(ranks: Floats) -> float:
    if (ranks == ranks[:, :1]).all():
        return 1.0
    if ranks.shape[1] == 2:
        wins, losses = int((ranks[:, 0] < ranks[:, 1]).sum()), int((ranks[:, 0] > ranks[:, 1]).sum())
        return float(stats.binomtest(wins, wins + losses).pvalue)
    return float(stats.friedmanchisquare(*ranks.T).pvalue)


def _letters(mean_rank: Floats, critical: float) -> list[str]:
    """Return group letters for sorted mean ranks: one letter for each run within the critical difference."""
    within = ~(np.abs(mean_rank[:, None] - mean_rank) >= critical)
    last = [int(np.flatnonzero(row).max()) for row in within]
    runs = [(first, end) for first, end in enumerate(last) if first == 0 or end > last[first - 1]]
    return ["".join(chr(97 + run) for run, (a, b) in enumerate(runs) if a <= place <= b) for place in range(len(last))]
