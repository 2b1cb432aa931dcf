"""The rows of many training samples, of which one at a time is in memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import lightgbm
import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.model.regressions.training_sample import SampleHead, TrainingSample
from ilp_models.stats.systematic_sampling import systematic_sample

Floats = npt.NDArray[np.float32]
Sample = TrainingSample | Path  # a path is read when its rows are needed

_BLOCK_ROWS: Final = 1 << 16


def head_of(sample: Sample) -> SampleHead:
    """Return the facts of a sample; of a file without reading its rows."""
    return sample.head if isinstance(sample, TrainingSample) else TrainingSample.read_head(sample)


class BlockRows(lightgbm.Sequence):
    """The columns of one lead of one sample, from which LightGBM takes single rows, then blocks of rows.

    ``held`` is shared by the rows of all samples, and holds the columns of the latest one.
    """

    batch_size = _BLOCK_ROWS

    def __init__(self, sample: Sample, kinds: Sequence[str], lead: int, held: dict["BlockRows", Floats]) -> None:
        self._sample, self._kinds, self._lead, self._held = sample, tuple(kinds), lead, held
        self._share, self._start = 1.0, 0.0
        loaded, rows = self._rows()
        self.size, self.zeros = len(rows), int((loaded.target[rows] == 0).sum())

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.size

    def thin(self, share: float, start: float) -> Self:
        """Return the rows with events and a share of the others, drawn along their risk from a start below 1."""
        if share < 1:
            self._share, self._start = share, start
            self.size = len(self._rows()[1])
        return self

    def targets(self) -> tuple[Floats, Floats]:
        """Return the rate and the weight of each row."""
        loaded, rows = self._rows()
        target, weight = loaded.target[rows], loaded.weight[rows]
        start: Floats = np.exp(loaded.log_offset[rows])
        weight[target == 0] /= np.float32(self._share)
        return target / start, start * weight

    def __getitem__(self, rows: Any) -> npt.NDArray[Any]:
        """Return one row as LightGBM samples it, or a block of rows."""
        if self not in self._held:
            self._held.clear()  # before the next one is read
            self._held[self] = self._columns()
        found: npt.NDArray[Any] = self._held[self][rows]
        return found.astype(np.float64) if found.ndim == 1 else found

    def _rows(self) -> tuple[TrainingSample, npt.NDArray[np.int64]]:
        """Return the sample, and the numbers of the rows that are learned from."""
        loaded = self._sample if isinstance(self._sample, TrainingSample) else TrainingSample.read(self._sample)
        rows = np.flatnonzero(loaded.lead == self._lead)
        if self._share == 1:
            return loaded, rows
        empty = rows[loaded.target[rows] == 0]
        by_risk = empty[np.argsort(loaded.log_offset[empty], kind="stable")]
        drawn = by_risk[systematic_sample(np.full(len(by_risk), self._share), self._start)]
        return loaded, np.sort(np.concatenate([rows[loaded.target[rows] > 0], drawn]))

    def _columns(self) -> Floats:
        """Return the indicators of the crime types and the features."""
        loaded, rows = self._rows()
        codes = np.array([self._kinds.index(kind) for kind in loaded.crime_types])[loaded.crime_type[rows]]
        columns = np.zeros((len(rows), len(self._kinds) + len(loaded.columns)), dtype=np.float32)
        columns[np.arange(len(rows)), codes] = 1
        columns[:, len(self._kinds) :] = loaded.values[rows]
        return columns


def rows_of_lead(
    samples: Sequence[Sample], kinds: Sequence[str], lead: int, max_zeros: int | None = None, start: float = 0.0
) -> tuple[list[BlockRows], Floats, Floats]:
    """Return the rows of one lead in all samples, their rates and their weights; InputError if there is none.

    Of more than ``max_zeros`` rows without an event a sample is taken, with the same share in each jurisdiction. Its
    rows weigh more, so that a weighted sum over them has the sum over all rows as expectation for a uniform start.
    """
    held: dict[BlockRows, Floats] = {}
    found = [BlockRows(sample, kinds, lead, held) for sample in samples]
    zeros = sum(one.zeros for one in found)
    share = 1.0 if max_zeros is None or zeros <= max_zeros else max_zeros / zeros
    found = [one for one in found if len(one.thin(share, start))]
    if not found:
        msg = f"No sample has rows of lead {lead}. Make the samples with leads of at least {lead}."
        raise InputError(msg)
    rates, weights = zip(*(one.targets() for one in found), strict=True)
    return found, np.concatenate(rates), np.concatenate(weights)
