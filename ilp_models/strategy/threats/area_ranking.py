"""Ranks of areas as a distribution: within each threat, and by the harm of all threats."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.harm_weights import HarmWeights
from ilp_models.stats.rank_distribution import RankDistribution
from ilp_models.strategy.rank_draws import RankDraws
from ilp_models.strategy.threats.threat_draws import Floats, ThreatCounts, draw_harm
from ilp_models.strategy.yardstick import probability_word

ALL_THREATS: Final = "all threats"
EVERY_SET: Final = "every set"
COLUMNS: Final = (
    *("harm_set", "threat", "area", "order", "rank_from", "rank_to", "tied_areas"),
    *("top_three", "top_three_word"),
)
_COMPARISONS: Final = 200_000_000  # of two areas in a draw, for one ranking: about a second
_FEWEST_DRAWS: Final = 1_000


def rank_areas(counts: Mapping[str, ThreatCounts], weights: Sequence[HarmWeights], settings: RankDraws) -> pd.DataFrame:
    """Return the rank of each area for each threat, and for all threats by harm under each set.

    ``counts`` has the areas of each threat. For one threat, every area has the same harm of one crime, so that its
    ranks hold under every set. Many areas use fewer draws.
    """
    if not counts:
        return pd.DataFrame(columns=list(COLUMNS))
    areas = next(iter(counts.values())).threats
    draws = min(settings.draws, max(_COMPARISONS // len(areas) ** 2, _FEWEST_DRAWS))
    settings = replace(settings, draws=draws)
    generator = np.random.default_rng([settings.seed, 1])
    drawn = {threat: one.draw(draws, generator) for threat, one in counts.items()}
    parts = [_ranks(areas, drawn[threat], EVERY_SET, threat, settings) for threat in counts]
    for one in weights:
        each = draw_harm(one, (draws, len(one.crime_types)), np.random.default_rng([settings.seed, 2]))
        total = np.zeros((draws, len(areas)))
        for at, threat in enumerate(one.crime_types):
            total += each[:, [at]] * drawn[threat]
        parts.append(_ranks(areas, total, one.name, ALL_THREATS, settings))
    return pd.concat(parts, ignore_index=True)


def _ranks(areas: Sequence[str], scores: Floats, harm_set: str, threat: str, settings: RankDraws) -> pd.DataFrame:
    """Return the ranks of areas from drawn scores, the first in order at the top."""
    spread = max(float(scores.max()), 1.0) * 1e-12  # below any difference: equal scores are ordered at random
    noise = np.random.default_rng([settings.seed, 3]).random(scores.shape)
    ranking = RankDistribution.from_scores(areas, scores + spread * noise, settings.separation)
    rows = []
    for place, at in enumerate(ranking.order, 1):
        open_ranks, top = (int(ranking.rank_from[at]), int(ranking.rank_to[at])), float(ranking.top_shares[at])
        tied = len(ranking.ties(at))
        rows.append((harm_set, threat, areas[at], place, *open_ranks, tied, top, probability_word(top)))
    return pd.DataFrame(rows, columns=list(COLUMNS))
