"""The ranking of groups as a distribution: draws of unknown scores, of scorers and of weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.strategy.groups.matrix import GroupMatrix
from ilp_models.strategy.groups.scheme import GroupScheme

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_DRAWS: Final = (1_000, 100_000)
_SEPARATION: Final = (0.5, 1.0)
_JITTER: Final = 1e-9  # of the range of the score: equal scores are ordered at random in each draw
_TOP: Final = 3
_ENDS: Final = (0.05, 0.95)


@dataclass(frozen=True)
class RankDraws:
    """How often the ranking is drawn, and when two groups count as separated.

    Parameters
    ----------
    draws : int, default 10000
        Number of draws, 1,000 to 100,000.
    separation : float, default 0.9
        Two groups are separated if one outranks the other with this probability or more; otherwise they are tied.
    seed : int, default 0
        Seed of the draws.

    Raises
    ------
    InputError
        If a setting is out of its range.
    """

    draws: int = 10_000
    separation: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        if isinstance(self.draws, bool) or not isinstance(self.draws, int) or not _DRAWS[0] <= self.draws <= _DRAWS[1]:
            msg = f"ranking.draws={self.draws!r} must be a whole number from {_DRAWS[0]:,} to {_DRAWS[1]:,}."
            raise InputError(msg)
        if isinstance(self.separation, bool | str) or not _SEPARATION[0] < self.separation <= _SEPARATION[1]:
            msg = f"ranking.separation={self.separation!r} must be above {_SEPARATION[0]} and at most {_SEPARATION[1]}."
            raise InputError(msg)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            msg = f"ranking.seed={self.seed!r} must be a whole number of 0 or more."
            raise InputError(msg)


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
class GroupRanking:
    """How probable each rank is, and each order of two groups. Rank 1 has the highest score."""

    groups: tuple[str, ...]
    separation: float
    outranks: Floats  # probability that the row group has a higher score than the column group; 0.5 on the diagonal
    outranks_declared: Floats  # the same with the declared weights, without draws around them
    rank_shares: Floats  # probability of each rank, (groups, ranks)
    intervals: Floats  # 5 % and 95 % quantile of the drawn scores, (groups, 2)

    @classmethod
    def from_draws(cls, drawn: DrawnScores) -> "GroupRanking":
        """Return the distributions of drawn scores."""
        scores, count = drawn.scores, len(drawn.matrix.groups)
        ranks = count - scores.argsort(axis=1).argsort(axis=1) - 1
        shares = np.stack([np.bincount(column, minlength=count) for column in ranks.T]) / len(scores)
        return cls(
            drawn.matrix.groups,
            drawn.settings.separation,
            pair_probabilities(scores),
            pair_probabilities(drawn.declared),
            shares,
            np.quantile(scores, _ENDS, axis=0).T,
        )

    @cached_property
    def order(self) -> Sequence[int]:
        """Positions of the groups, that with the lowest mean rank first."""
        mean = self.rank_shares @ np.arange(1, len(self.groups) + 1)
        return [int(at) for at in np.argsort(mean, kind="stable")]

    @cached_property
    def separated(self) -> Bools:
        """Whether the row group outranks the column group with enough probability."""
        return np.asarray(self.outranks >= self.separation)

    @property
    def rank_from(self) -> npt.NDArray[np.int64]:
        """Best rank that the evidence leaves open: one more than the groups that are separated above."""
        return np.asarray(1 + self.separated.sum(axis=0))

    @property
    def rank_to(self) -> npt.NDArray[np.int64]:
        """Worst rank that the evidence leaves open."""
        return np.asarray(len(self.groups) - self.separated.sum(axis=1))

    @property
    def top_shares(self) -> Floats:
        """Probability of being among the first three."""
        return np.asarray(self.rank_shares[:, :_TOP].sum(axis=1))

    def ties(self, at: int) -> tuple[str, ...]:
        """Return the groups that no evidence separates from one."""
        apart = self.separated[at] | self.separated[:, at]
        return tuple(self.groups[other] for other in self.order if other != at and not apart[other])

    def count_separated(self, *, declared: bool = False) -> int:
        """Return how many pairs are separated; ``declared``: under the declared weights, without draws of weights."""
        table = self.outranks_declared if declared else self.outranks
        return int((table >= self.separation).sum())


def pair_probabilities(scores: Floats) -> Floats:
    """Return how often the row group has the higher score, shape (groups, groups); equal scores count half."""
    columns = [
        (scores[:, [at]] > scores).mean(axis=0) + 0.5 * (scores[:, [at]] == scores).mean(axis=0)
        for at in range(scores.shape[1])
    ]
    return np.stack(columns)
