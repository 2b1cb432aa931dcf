"""Draws behind the ranking of threats: future counts, harm weights and judgements."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.domain.harm_weights import HarmWeights
from ilp_models.strategy.rank_draws import RankDraws
from ilp_models.strategy.threats.judgements import Judgements, JudgementScheme

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
class ThreatDraws:
    """Drawn inputs of the scores of all threats under one harm set; the same seed gives the same draws."""

    scheme: JudgementScheme
    counts: Floats  # crimes of the next 12 months, (draws, threats)
    harm: Floats  # harm of one crime, (draws, threats)
    points: Floats  # judgements on the scale, (draws, threats, dimensions)
    weights: Floats  # of the dimensions, (draws, dimensions)
    noise: Floats  # (draws, threats)

    @classmethod
    def from_inputs(
        cls, counts: ThreatCounts, weights: HarmWeights, judgements: Judgements, settings: RankDraws
    ) -> "ThreatDraws":
        """Return the draws; InputError if the harm set weighs other threats."""
        if weights.crime_types != counts.threats:
            theirs, ours = ", ".join(weights.crime_types), ", ".join(counts.threats)
            msg = f"The harm set {weights.name} weighs {theirs}, not {ours}."
            raise InputError(msg)
        generator, scheme = np.random.default_rng(settings.seed), judgements.scheme
        drawn = counts.draw(settings.draws, generator)
        harm = draw_harm(weights, drawn.shape, generator)
        points = judgements.draw_points(settings.draws, generator)
        own = scheme.draw_weights(settings.draws, generator)
        return cls(scheme, drawn, harm, points, own, _JITTER * generator.random(drawn.shape))

    def scores(self, share: float) -> Floats:
        """Return the score of each threat in each draw; ``share`` is that of the judgements."""
        harm = self.counts * self.harm
        scores = (1 - share) * harm / np.maximum(harm.max(axis=1, keepdims=True), 1e-12)
        if share:
            scores += share * self.scheme.relative(self.points, self.weights)
        return np.asarray(scores + self.noise)


def draw_harm(weights: HarmWeights, shape: tuple[int, int], generator: np.random.Generator) -> Floats:
    """Return the harm of one crime between both readings, shape (draws, threats); all ratios are equally likely."""
    reading = np.exp(generator.uniform(_log(weights.low), _log(weights.high), shape))
    return np.where(weights.high > 0, reading, 0.0)


def _log(weights: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(weights, 1e-12)))
