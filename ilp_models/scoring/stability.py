"""How land that was flagged holds: whether it keeps its share of the events, and how much of it moves."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ilp_models.scoring.hot_spots import label
from ilp_models.stats.ranking import Ranking

Floats = npt.NDArray[np.float64]


def recaptures(rankings: Sequence[Ranking], observed: Floats, shares: Sequence[float], ahead: int) -> dict[str, Floats]:
    """Return the recapture rate index at each share of land, and what it is pooled from.

    The index of Levine (2008): share of the events on the flagged land, over the share that the same land had before
    it was flagged, ``(now / events now) / (then / events then)``; 1 where hot spots stay as hot as they were. Then is
    the last period known when the forecast was made.

    Parameters
    ----------
    rankings : sequence of Ranking
        Of each crime type.
    observed : ndarray of float64
        Events, shape (crime types, cells, periods).
    shares : sequence of float
        Shares of the active land.
    ahead : int
        Lead and delay, >= 1: the last period known lies so many before the one that was forecast.

    Returns
    -------
    dict of str to ndarray
        ``rri_05`` .., and ``recaptured_now_05`` .., ``recaptured_then_05`` .., whose sums over periods have the pooled
        index as their ratio (Mantel and Haenszel 1959), shape (crime types, periods). NaN in the first ``ahead``
        periods and without events now or then; the index also where the land had none then.

    Examples
    --------
    >>> land = [Ranking.from_expected(np.array([[2.0, 2.0], [1.0, 1.0]]), np.ones(2))]
    >>> scores = recaptures(land, np.array([[[8.0, 3.0], [2.0, 3.0]]]), (0.5,), 1)  # 8 of 10 events, then 3 of 6
    >>> float(scores["rri_50"][0, 1])
    0.625
    """
    events = observed.sum(axis=1)
    late, early = slice(ahead, None), slice(None, -ahead)
    both = (events[:, late] > 0) & (events[:, early] > 0)
    total = np.where(both, events[:, late] + events[:, early], np.nan)
    scores: dict[str, Floats] = {}
    for share in shares:
        now, then, rate = (np.full(events.shape, np.nan) for _ in range(3))
        for kind, ranking in enumerate(rankings):
            flagged = ranking.flagged(share)[:, late]
            now[kind, late], then[kind, late] = (
                np.einsum("ij,ij->j", flagged, observed[kind, :, when]) for when in (late, early)
            )
        now[:, late] *= events[:, early] / total
        then[:, late] *= events[:, late] / total
        np.divide(now, then, out=rate, where=then > 0)
        name = label(share)
        scores |= {f"rri_{name}": rate, f"recaptured_now_{name}": now, f"recaptured_then_{name}": then}
    return scores


def displacements(rankings: Sequence[Ranking], area_m2: Floats, shares: Sequence[float]) -> dict[str, Floats]:
    """Return the share of the flagged land that was not flagged in the period before.

    Parameters
    ----------
    rankings : sequence of Ranking
        Of each crime type.
    area_m2 : ndarray of float64
        Ground area of each cell, square metres.
    shares : sequence of float
        Shares of the active land.

    Returns
    -------
    dict of str to ndarray
        ``displacement_05`` .., from 0 (the same land) to 1 (all other land), shape (crime types, periods); NaN in the
        first period. A cell flagged in part counts by its part.

    Examples
    --------
    >>> land = [Ranking.from_expected(np.array([[2.0, 1.0, 1.0], [1.0, 2.0, 2.0]]), np.ones(2))]
    >>> displacements(land, np.ones(2), (0.5,))["displacement_50"]
    array([[nan,  1.,  0.]])
    """
    scores = {}
    for share in shares:
        moved = []
        for ranking in rankings:
            flagged = ranking.flagged(share)
            kept = area_m2 @ np.minimum(flagged[:, 1:], flagged[:, :-1])
            moved.append(np.concatenate(([np.nan], np.clip(1 - kept / (share * area_m2.sum()), 0.0, 1.0))))
        scores[f"displacement_{label(share)}"] = np.array(moved)
    return scores
