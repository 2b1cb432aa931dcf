"""Ranks of drawn scores: how probable each rank is, and which order is certain enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_TOP: Final = 3
_ENDS: Final = (0.05, 0.95)


@dataclass(frozen=True, eq=False)
class RankDistribution:
    """How probable each rank is, and each order of two items. Rank 1 has the highest score.

    Two items are separated if one outranks the other with the probability ``separation`` or more. Otherwise they are
    tied.
    """

    names: tuple[str, ...]
    separation: float
    outranks: Floats  # probability that the row item has a higher score than the column item; 0.5 on the diagonal
    rank_shares: Floats  # probability of each rank, (items, ranks)
    intervals: Floats  # 5 % and 95 % quantile of the drawn scores, (items, 2)

    @classmethod
    def from_scores(cls, names: Sequence[str], scores: Floats, separation: float) -> "RankDistribution":
        """Return the distributions of drawn scores, shape (draws, items)."""
        count = len(names)
        ranks = count - scores.argsort(axis=1).argsort(axis=1) - 1
        shares = np.stack([np.bincount(column, minlength=count) for column in ranks.T]) / len(scores)
        intervals = np.quantile(scores, _ENDS, axis=0).T
        return cls(tuple(names), separation, pair_probabilities(scores), shares, intervals)

    @cached_property
    def order(self) -> Sequence[int]:
        """Positions of the items, that with the lowest mean rank first."""
        mean = self.rank_shares @ np.arange(1, len(self.names) + 1)
        return [int(at) for at in np.argsort(mean, kind="stable")]

    @cached_property
    def separated(self) -> Bools:
        """Whether the row item outranks the column item with enough probability."""
        return np.asarray(self.outranks >= self.separation)

    @property
    def rank_from(self) -> npt.NDArray[np.int64]:
        """Best rank that the evidence leaves open: one more than the items that are separated above."""
        return np.asarray(1 + self.separated.sum(axis=0))

    @property
    def rank_to(self) -> npt.NDArray[np.int64]:
        """Worst rank that the evidence leaves open."""
        return np.asarray(len(self.names) - self.separated.sum(axis=1))

    @property
    def top_shares(self) -> Floats:
        """Probability of being among the first three."""
        return np.asarray(self.rank_shares[:, :_TOP].sum(axis=1))

    def ties(self, at: int) -> tuple[str, ...]:
        """Return the items that no evidence separates from one."""
        apart = self.separated[at] | self.separated[:, at]
        return tuple(self.names[other] for other in self.order if other != at and not apart[other])


def pair_probabilities(scores: Floats) -> Floats:
    """Return how often the row item has the higher score, shape (items, items); equal scores count half."""
    columns = [
        (scores[:, [at]] > scores).mean(axis=0) + 0.5 * (scores[:, [at]] == scores).mean(axis=0)
        for at in range(scores.shape[1])
    ]
    return np.stack(columns)
