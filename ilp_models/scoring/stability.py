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
    """Return the share of the flagged land that was not flagged in the period before."""
    scores = {}
    for share in shares:
        moved = []
        for ranking in rankings:
            flagged = ranking.flagged(share)
            kept = area_m2 @ np.minimum(flagged[:, 1:], flagged[:, :-1])
            moved.append(np.concatenate(([np.nan], np.clip(1 - kept / (share * area_m2.sum()), 0.0, 1.0))))
        scores[f"displacement_{label(share)}"] = np.array(moved)
    return scores
