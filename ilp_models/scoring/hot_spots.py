"""Hot spot scores: hit rate, PAI, PEI, recapture rate index and displacement of the flagged areas."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.replay import Replay
from ilp_models.domain.scores import ALL
from ilp_models.stats.ranking import Ranking

Floats = npt.NDArray[np.float64]

CURVE: Final = tuple(np.linspace(0.0, 1.0, 101).round(2).tolist())


def share_label(share: float) -> str:
    """Return the suffix of score names at a share of land: ``05`` for 0.05."""
    return f"{100 * share:02g}"


def rank_cells(expected: Floats, area_m2: Floats) -> list[Ranking]:
    """Return the ranking of cells for each crime type; periods are ranked separately."""
    return [Ranking.from_expected(of_type, area_m2) for of_type in expected]


def flagged_events(rankings: Sequence[Ranking], observed: Floats, shares: Sequence[float]) -> Floats:
    """Return the recorded events in the flagged areas, shape (shares, types, periods)."""
    captured = np.empty((len(shares), observed.shape[0], observed.shape[2]))
    for kind, (ranking, counts) in enumerate(zip(rankings, observed, strict=True)):
        units = np.nonzero(counts)  # few units have an event
        for place, share in enumerate(shares):
            events = ranking.flagged_at(share, units) * counts[units]
            captured[place, kind] = np.bincount(units[1], events, minlength=counts.shape[1])
    return captured


def hit_rate_area(rankings: Sequence[Ranking], observed: Floats, up_to: float) -> Floats:
    """Return the area under the hit-rate curve up to a share of land, relative to a random map.

    The mean hit rate over all shares of land from 0 to ``up_to``, divided by ``up_to / 2``, the value of a random map.
    A random map scores 1; the maximum is ``2 / up_to``. The curve is integrated exactly.
    """
    events, result = observed.sum(axis=1), np.empty((len(rankings), observed.shape[2]))
    for kind, ranking in enumerate(rankings):
        budget = up_to * ranking.area_m2.sum()
        before, tied = ranking.before_m2, ranking.through_m2 - ranking.before_m2
        spent = np.clip(budget - before, 0.0, tied)  # land of the tied cells that is within the budget
        flagged = spent**2 / (2 * tied) + np.maximum(budget - before - tied, 0.0)
        result[kind] = np.einsum("ij,ij->j", flagged, observed[kind]) / budget
    return np.asarray(np.divide(2 * result, up_to * events, out=np.full(events.shape, np.nan), where=events > 0))


def hit_rates(captured: Floats, events: Floats, shares: Sequence[float]) -> dict[str, Floats]:
    """Return the hit rate and the PAI at each share of land.

    PAI, the prediction accuracy index, is hit rate / share (Chainey, Tompson and Uhlig 2008).
    """
    scores = {}
    for share, flagged_events in zip(shares, captured, strict=True):
        rate = np.divide(flagged_events, events, out=np.full(events.shape, np.nan), where=events > 0)
        scores[f"hit_rate_{share_label(share)}"] = rate
        scores[f"pai_{share_label(share)}"] = rate / share
    return scores


def prediction_efficiencies(captured: Floats, best: Floats, shares: Sequence[float]) -> dict[str, Floats]:
    """Return the PEI at each share of land, and the events that an oracle captures.

    PEI, the prediction efficiency index, is captured events / events that an oracle of the counts captures on the
    same share of land (Hunt 2016).
    """
    scores = {}
    for share, events, most in zip(shares, captured, best, strict=True):
        scores[f"pei_{share_label(share)}"] = np.divide(events, most, out=np.full(most.shape, np.nan), where=most > 0)
        scores[f"oracle_hits_{share_label(share)}"] = most
    return scores


def hit_curve(replay: Replay, area_m2: npt.NDArray[np.generic], shares: Sequence[float] = CURVE) -> pd.DataFrame:
    """Return the share of events captured on each share of land, for a hit-rate curve."""
    observed = np.asarray(replay.observed.values, dtype=float)
    land = np.asarray(area_m2, dtype=float)
    events = observed.sum(axis=(1, 2))
    rates = []
    for rank_by in (np.asarray(replay.expected.values, dtype=float), observed):
        captured = flagged_events(rank_cells(rank_by, land), observed, shares).sum(axis=2)
        rates.append(np.column_stack((captured, captured.sum(axis=1))))
    total = np.append(events, events.sum())
    recorded = total > 0
    kinds = np.array([*replay.crime_types, ALL], dtype=object)[recorded]
    return pd.DataFrame(
        {
            "forecaster": replay.forecaster,
            "lead": replay.lead,
            "crime_type": np.repeat(kinds, len(shares)),
            "share": np.tile(np.asarray(shares, dtype=float), len(kinds)),
            "hit_rate": (rates[0][:, recorded] / total[recorded]).T.ravel(),
            "oracle": (rates[1][:, recorded] / total[recorded]).T.ravel(),
        }
    )


def recapture_rates(
    rankings: Sequence[Ranking], observed: Floats, shares: Sequence[float], horizon: int
) -> dict[str, Floats]:
    """Return the recapture rate index (RRI) at each share of land, and the sums that it is pooled from.

    The index of Levine (2008) is the share of events in the flagged areas divided by the share in the same areas in the
    last period known to the forecast: ``(now / events now) / (then / events then)``. 1 means that hot spots persist.
    """
    events = observed.sum(axis=1)
    late, early = slice(horizon, None), slice(None, -horizon)
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
        name = share_label(share)
        scores |= {f"rri_{name}": rate, f"recaptured_now_{name}": now, f"recaptured_then_{name}": then}
    return scores


def displacement_shares(rankings: Sequence[Ranking], area_m2: Floats, shares: Sequence[float]) -> dict[str, Floats]:
    """Return the share of the flagged areas that was not flagged in the period before."""
    scores = {}
    for share in shares:
        displaced = []
        for ranking in rankings:
            flagged = ranking.flagged(share)
            stable = area_m2 @ np.minimum(flagged[:, 1:], flagged[:, :-1])
            displaced.append(np.concatenate(([np.nan], np.clip(1 - stable / (share * area_m2.sum()), 0.0, 1.0))))
        scores[f"displacement_{share_label(share)}"] = np.array(displaced)
    return scores
