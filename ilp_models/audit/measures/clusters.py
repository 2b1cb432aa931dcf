"""Areas as clusters: bootstrap of areas, and exchange of residents between areas of similar population."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from ilp_models.audit.residents import Residents
from ilp_models.stats.bootstrap import Bootstrap

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FEWEST: Final = 3
_STRATUM: Final = 20  # fewer areas allow too few permutations for a p-value of a few per cent
_MOST_STRATA: Final = 10
_AREA_BATCH: Final = 4_000_000
_EXCHANGE_BATCH: Final = 500_000  # fits in the processor cache


@dataclass(frozen=True, eq=False)
class Clusters:
    """The areas with residents of one dimension."""

    matrix: csr_matrix  # 1 where a cell (column) belongs to an area (row)
    people: Floats  # residents of each area

    @classmethod
    def from_residents(cls, residents: Residents) -> Self:
        """Return the areas that cells belong to."""
        cells = len(residents.total)
        label = np.where(residents.area >= 0, residents.area, residents.area.max(initial=0) + 1 + np.arange(cells))
        alive = np.flatnonzero(residents.total > 0)
        names, row = np.unique(label[alive], return_inverse=True)
        matrix = csr_matrix((np.ones(len(alive)), (row, alive)), shape=(len(names), cells))
        return cls(matrix, matrix @ residents.total)

    def __len__(self) -> int:
        """Return the number of areas."""
        return len(self.people)

    @property
    def enough(self) -> bool:
        """Whether there are enough areas to draw or exchange."""
        return len(self) >= _FEWEST

    def sums(self, values: Floats, weights: Floats) -> Floats:
        """Return weighted sums over the cells of each area."""
        return np.asarray(self.matrix @ (values[:, None] * weights))

    def drawn(self, resampling: Bootstrap) -> Iterator[Floats]:
        """Yield how often each area is drawn, with replacement."""
        generator, size = np.random.default_rng([resampling.seed, 1]), len(self)
        for draws in _parts(resampling.draws, _AREA_BATCH // size):
            flat = generator.integers(size, size=(draws, size)) + size * np.arange(draws)[:, None]
            yield np.bincount(flat.ravel(), minlength=draws * size).reshape(draws, size).astype(float)

    def exchanged(self, resampling: Bootstrap, width: int) -> Iterator[Ints]:
        """Yield the area whose residents each area gets, permuted within strata of similar population."""
        generator, strata = np.random.default_rng([resampling.seed, 2]), self.strata
        members = [np.flatnonzero(strata == one) for one in range(strata.max() + 1)]
        for draws in _parts(resampling.draws, _EXCHANGE_BATCH // (len(self) * width)):
            result = np.empty((draws, len(self)), dtype=np.int64)
            for own in members:
                result[:, own] = generator.permuted(np.broadcast_to(own, (draws, len(own))), axis=1)
            yield result

    @property
    def strata(self) -> Ints:
        """The stratum of each area by number of residents; at least 20 areas in each, or all in one."""
        parts = int(np.clip(len(self) // _STRATUM, 1, _MOST_STRATA))
        place = np.empty(len(self), dtype=np.int64)
        place[np.argsort(self.people, kind="stable")] = np.arange(len(self))
        return place * parts // max(len(self), 1)


def _parts(draws: int, step: int) -> Iterator[int]:
    """Yield the number of draws of each batch; batches limit memory and do not change the draws."""
    for start in range(0, draws, max(1, step)):
        yield min(max(1, step), draws - start)
