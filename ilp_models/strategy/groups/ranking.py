"""The ranking of groups as a distribution: draws of unknown scores, of scorers and of weights."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.stats.rank_distribution import RankDistribution, pair_probabilities
from ilp_models.strategy.groups.matrix import GroupMatrix
from ilp_models.strategy.groups.scheme import GroupScheme
from ilp_models.strategy.rank_draws import RankDraws

Floats = npt.NDArray[np.float64]

_JITTER: Final = 1e-9  # of the range of the score: equal scores are ordered at random in each draw


@dataclass(frozen=True, eq=False)
class DrawnScores:
    """Scores of all groups in every draw, and the weights that were drawn; points are drawn again when needed."""

    matrix: GroupMatrix
    settings: RankDraws
    weights: Floats  # (draws, attributes)
    scores: Floats  # (draws, groups), with a jitter that orders equal scores at random
    declared: Floats  # the same points under the declared weights, (draws, groups)

    @classmethod
    def from_matrix(cls, matrix: GroupMatrix, settings: RankDraws) -> "DrawnScores":
        """Return the draws; the same seed gives the same draws."""
        scheme, draws = matrix.scheme, settings.draws
        weights = scheme.draw_weights(draws, np.random.default_rng([settings.seed, 0]))
        low, high = map(float, scheme.bounds)
        noise = np.random.default_rng([settings.seed, 1]).random((draws, len(matrix.groups)))
        scores, plain = noise * _JITTER * (high - low), noise * _JITTER * (high - low)
        for at in range(len(matrix.groups)):
            points = draw_points(matrix, at, settings)
            scores[:, at] += np.einsum("da,da->d", weights, points)
            plain[:, at] += points @ scheme.declared_weights()
        return cls(matrix, settings, weights, scores, plain)


def draw_points(matrix: GroupMatrix, at: int, settings: RankDraws) -> Floats:
    """Return drawn points of one group, shape (draws, attributes).

    In each draw and for each attribute, one scorer is drawn. Where this scorer does not know, every value of the scale
    is equally likely.
    """
    given = matrix.scores(matrix.groups[at])
    rng = np.random.default_rng([settings.seed, 2, at])
    shape = (settings.draws, given.shape[1])
    points = given[rng.integers(0, len(given), shape), np.arange(given.shape[1])]
    return np.where(np.isnan(points), rng.choice(scale_points(matrix.scheme), shape), points)


def scale_points(scheme: GroupScheme) -> Floats:
    """Return the points of the scale from low to high."""
    return np.array([float(one) for one in scheme.levels.values()])


@dataclass(frozen=True, eq=False)
class GroupRanking(RankDistribution):
    """The rank distribution of groups, and that of the declared weights."""

    outranks_declared: Floats  # as `outranks`, with the declared weights and without draws around them

    @classmethod
    def from_draws(cls, drawn: DrawnScores) -> "GroupRanking":
        """Return the distributions of drawn scores."""
        plain = RankDistribution.from_scores(drawn.matrix.groups, drawn.scores, drawn.settings.separation)
        return cls(**vars(plain), outranks_declared=pair_probabilities(drawn.declared))

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups, in the order of the file."""
        return self.names

    def count_separated(self, *, declared: bool = False) -> int:
        """Return how many pairs are separated; ``declared``: under the declared weights, without draws of weights."""
        table = self.outranks_declared if declared else self.outranks
        return int((table >= self.separation).sum())
