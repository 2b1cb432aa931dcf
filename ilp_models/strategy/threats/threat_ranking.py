"""The ranking of threats as a distribution: draws of future counts, of harm weights and of judgements."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ilp_models.domain.harm_weights import HarmWeights
from ilp_models.stats.rank_distribution import RankDistribution
from ilp_models.strategy.rank_draws import RankDraws
from ilp_models.strategy.threats.judgements import Judgements
from ilp_models.strategy.threats.threat_draws import ThreatCounts, ThreatDraws


@dataclass(frozen=True, eq=False)
class HarmRanking:
    """What one harm set says of the threats: harm with its range, and the ranking as a distribution."""

    weights: HarmWeights
    table: pd.DataFrame  # threat, harm_low, harm_high, share_low, share_high
    ranking: RankDistribution


def rank_by_harm(
    counts: ThreatCounts, weights: HarmWeights, judgements: Judgements, settings: RankDraws
) -> HarmRanking:
    """Return the ranking under one harm set.

    In each draw a threat has the harm of its drawn count, with a weight between its low and its high reading (all
    ratios are equally likely). Its score is ``(1 - share) x harm / largest harm + share x judgement``.
    """
    drawn = ThreatDraws.from_inputs(counts, weights, judgements, settings)
    ranking = RankDistribution.from_scores(counts.threats, drawn.scores(judgements.share), settings.separation)
    return HarmRanking(weights, _harm_table(counts, weights), ranking)


def select_weights(weights: HarmWeights, positions: Sequence[int]) -> HarmWeights:
    """Return the weights of some crime types, in the order given."""
    chosen = list(positions)
    return replace(
        weights,
        crime_types=tuple(weights.crime_types[at] for at in chosen),
        low=weights.low[chosen],
        high=weights.high[chosen],
        doubts=tuple(weights.doubts[at] for at in chosen),
    )


def _harm_table(counts: ThreatCounts, weights: HarmWeights) -> pd.DataFrame:
    """Return the expected harm of the next 12 months with each reading, and its lowest and highest share."""
    low, high = counts.expected * weights.low, counts.expected * weights.high
    rest_high, rest_low = high.sum() - high, low.sum() - low
    share_low = np.divide(low, low + rest_high, out=np.zeros_like(low), where=low + rest_high > 0)
    share_high = np.divide(high, high + rest_low, out=np.zeros_like(high), where=high + rest_low > 0)
    columns = {"harm_low": low, "harm_high": high, "share_low": share_low, "share_high": share_high}
    return pd.DataFrame({"threat": list(counts.threats), **columns})
