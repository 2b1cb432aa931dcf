"""The ranking of threats as a distribution: draws of future counts, of harm weights and of judgements."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.harm_weights import HarmWeights
from ilp_models.stats.rank_distribution import RankDistribution
from ilp_models.strategy.threats.judgements import Judgements

Floats = npt.NDArray[np.float64]

_JITTER: Final = 1e-9  # equal scores are ordered at random in each draw


@dataclass(frozen=True, eq=False)
class ThreatCounts:
    """Recorded and expected crimes of each threat.

    Parameters
    ----------
    threats : tuple of str
        Names of the crime types.
    recorded : ndarray of float64
        Recorded crimes of the last 12 months, shape (threats,).
    expected, variance : ndarray of float64
        Mean and variance of the forecast of the next 12 months.
    """

    threats: tuple[str, ...]
    recorded: Floats
    expected: Floats
    variance: Floats

    def select(self, positions: Sequence[int]) -> "ThreatCounts":
        """Return some of the threats, in the order given."""
        chosen = list(positions)
        names = tuple(self.threats[at] for at in chosen)
        return ThreatCounts(names, self.recorded[chosen], self.expected[chosen], self.variance[chosen])

    def draw(self, draws: int, generator: np.random.Generator) -> Floats:
        """Return drawn counts of the next 12 months, shape (draws, threats): negative binomial, or Poisson."""
        mean = np.maximum(self.expected, 1e-9)
        extra = np.maximum(self.variance - mean, 0.0)
        shape = np.divide(mean**2, extra, out=np.full_like(mean, np.inf), where=extra > 0)
        finite = np.isfinite(shape)
        rates = np.broadcast_to(mean, (draws, len(mean))).copy()
        rates[:, finite] = generator.gamma(shape[finite], mean[finite] / shape[finite], (draws, int(finite.sum())))
        return generator.poisson(rates).astype(np.float64)


@dataclass(frozen=True, eq=False)
class HarmRanking:
    """What one harm set says of the threats: harm with its range, and the ranking as a distribution."""

    weights: HarmWeights
    table: pd.DataFrame  # threat, harm_low, harm_high, share_low, share_high
    ranking: RankDistribution


def rank_by_harm(
    counts: ThreatCounts, weights: HarmWeights, judgements: Judgements, draws: int, separation: float, seed: int
) -> HarmRanking:
    """Return the ranking under one harm set.

    In each draw a threat has the harm of its drawn count, with a weight between its low and its high reading (all
    ratios are equally likely). Its score is ``(1 - share) x harm / largest harm + share x judgement``.
    """
    if weights.crime_types != counts.threats:
        msg = f"The harm set {weights.name} weighs {', '.join(weights.crime_types)}, not {', '.join(counts.threats)}."
        raise InputError(msg)
    generator = np.random.default_rng(seed)
    drawn = counts.draw(draws, generator)
    reading = np.exp(generator.uniform(_log(weights.low), _log(weights.high), drawn.shape))
    harm = drawn * np.where(weights.high > 0, reading, 0.0)
    share = judgements.scheme.share if judgements.known else 0.0
    scores = (1 - share) * harm / np.maximum(harm.max(axis=1, keepdims=True), 1e-12)
    scores += share * judgements.draw(draws, generator)
    scores += _JITTER * generator.random(scores.shape)
    ranking = RankDistribution.from_scores(counts.threats, scores, separation)
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


def _log(weights: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(weights, 1e-12)))


def _harm_table(counts: ThreatCounts, weights: HarmWeights) -> pd.DataFrame:
    """Return the expected harm of the next 12 months with each reading, and its lowest and highest share."""
    low, high = counts.expected * weights.low, counts.expected * weights.high
    rest_high, rest_low = high.sum() - high, low.sum() - low
    share_low = np.divide(low, low + rest_high, out=np.zeros_like(low), where=low + rest_high > 0)
    share_high = np.divide(high, high + rest_low, out=np.zeros_like(high), where=high + rest_low > 0)
    columns = {"harm_low": low, "harm_high": high, "share_low": share_low, "share_high": share_high}
    return pd.DataFrame({"threat": list(counts.threats), **columns})
