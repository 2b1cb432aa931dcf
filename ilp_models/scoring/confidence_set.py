"""Model confidence set: the forecasters that are not significantly worse than the best."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from arch.bootstrap import MCS

from ilp_models.domain.errors import InputError
from ilp_models.domain.scores import ALL, ScoreTable
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.pooling import direction

Floats = npt.NDArray[np.float64]

_TOLERANCE: Final = 1e-12
# A year of weeks. With half a year, one of five equal forecasters is excluded in 34 % of tables instead of 10 %.
_FEWEST_BLOCKS: Final = 13


def confidence_set(
    scores: ScoreTable, lead: int = 1, crime_type: str = ALL, score: str = "deviance", size: float = 0.1
) -> pd.DataFrame:
    """Return for each forecaster whether it is in the model confidence set, with its p-value.

    The set of Hansen, Lunde and Nason (2011), range statistic, computed by ``arch``. With probability ``1 - size`` it
    contains the forecaster with the best expected score.
    """
    if not 0 < size < 1:
        msg = f"size={size} must be above 0 and below 1, such as 0.1."
        raise InputError(msg)
    sign = direction(score)
    values, weights = scores.by_period(score, lead, crime_type)
    losses = -sign * values.to_numpy() / weights.mean()
    p_value = _p_values(losses, scores.resampling.for_lead(lead + scores.delay), size)
    table = pd.DataFrame({"forecaster": list(values.columns), "lead": lead, "crime_type": crime_type})
    return table.assign(p_value=p_value, inside=~(p_value <= size))


def _p_values(losses: Floats, resampling: Bootstrap, size: float) -> Floats:
    """Return the p-value of each column; columns that differ by a constant are ranked by that constant."""
    periods, count = losses.shape
    block = resampling.block
    if periods < _FEWEST_BLOCKS * block:
        return np.full(count, np.nan)
    leader = _leaders(losses)
    distinct = np.unique(leader)
    found = np.ones(count)
    if len(distinct) > 1:
        test = MCS(losses[:, distinct], size, resampling.draws, block, bootstrap="circular", seed=resampling.seed)
        test.compute()
        found[distinct] = test.pvalues["Pvalue"].reindex(range(len(distinct))).to_numpy()
    same = np.abs(losses - losses[:, leader]).max(axis=0) <= _TOLERANCE * np.abs(losses).max()
    return np.where(same, found[leader], 0.0)


def _leaders(losses: Floats) -> npt.NDArray[np.intp]:
    """Return for each column the best one at a constant distance, since a variance of 0 cannot be tested."""
    count = losses.shape[1]
    spread = np.ptp(losses[:, :, None] - losses[:, None, :], axis=0)
    tied = spread <= _TOLERANCE * np.abs(losses).max()
    mean = losses.mean(axis=0)
    return np.array([min(np.flatnonzero(tied[one]), key=lambda other: (mean[other], other)) for one in range(count)])
