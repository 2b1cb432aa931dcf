"""Forecasters ranked in every block of periods, and how far mean ranks must lie apart to mean anything."""

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
    """Mean ranks, and the difference between two of them that would be a finding.

    Parameters
    ----------
    table : DataFrame
        ``forecaster, mean_rank, group``, best first; rank 1 is the best. Forecasters that share a letter in ``group``
        were not told apart.
    critical_difference : float
        Mean ranks this far apart differ at the level of the test (Nemenyi 1963); NaN with too few blocks.
    p_value : float
        Of Friedman's test (1937) that all forecasters rank alike, for two of them of the sign test; NaN with too few
        blocks.
    n : int
        Blocks of periods that were ranked.
    """

    table: pd.DataFrame
    critical_difference: float
    p_value: float
    n: int


def rank_test(scores: ScoreTable, lead: int = 1, crime_type: str = ALL, score: str = "deviance") -> RankTest:
    """Return the mean ranks of the forecasters and their critical difference (Demsar 2006).

    Neighbouring periods are not independent, as the test wants its cases to be: means over blocks of periods are
    ranked, as long as those of the resampling and at least as long as lead and delay. All pairs are compared at once.
    """
    if len(scores.forecasters) < 2:
        msg = f"Ranks need two forecasters or more, not {scores.forecasters}; add another to model=[...]."
        raise InputError(msg)
    sign = direction(score)
    values, _ = scores.by_period(score, lead, crime_type)
    resampling = scores.resampling.for_lead(lead + scores.delay)
    losses = _block_means(-sign * values.to_numpy(), resampling.block)
    placed = stats.rankdata(_rounded(losses), axis=1)
    n, count = placed.shape
    mean = placed.mean(axis=0)
    enough = resampling.enough(n * resampling.block)
    quantile = float(stats.studentized_range.ppf(resampling.confidence, count, np.inf))
    distance = quantile / np.sqrt(2.0) * np.sqrt(count * (count + 1) / n / 6)
    critical = float(distance) if enough else float("nan")
    table = pd.DataFrame({"forecaster": list(values.columns), "mean_rank": mean})
    table = table.sort_values("mean_rank", kind="stable", ignore_index=True)
    table["group"] = _letters(table["mean_rank"].to_numpy(), critical)
    return RankTest(table, critical, _p_value(placed) if enough else float("nan"), n)


def _block_means(values: Floats, block: int) -> Floats:
    """Return means over blocks of at least so many periods; what does not fill one is spread over the others."""
    return np.stack([part.mean(axis=0) for part in np.array_split(values, max(len(values) // block, 1))])


def _rounded(losses: Floats) -> Floats:
    """Return losses in which differences of rounding only are ties."""
    scale = np.abs(losses).max() or 1.0
    return np.asarray(np.round(losses / scale, 12), dtype=float)


def _p_value(placed: Floats) -> float:
    if (placed == placed[:, :1]).all():
        return 1.0
    if placed.shape[1] == 2:
        wins, losses = int((placed[:, 0] < placed[:, 1]).sum()), int((placed[:, 0] > placed[:, 1]).sum())
        return float(stats.binomtest(wins, wins + losses).pvalue)
    return float(stats.friedmanchisquare(*placed.T).pvalue)


def _letters(mean_rank: Floats, critical: float) -> list[str]:
    """Return for sorted mean ranks the letters of all longest runs that lie within the critical difference."""
    within = ~(np.abs(mean_rank[:, None] - mean_rank) >= critical)
    last = [int(np.flatnonzero(row).max()) for row in within]
    runs = [(first, end) for first, end in enumerate(last) if first == 0 or end > last[first - 1]]
    return ["".join(chr(97 + run) for run, (a, b) in enumerate(runs) if a <= place <= b) for place in range(len(last))]
