"""Past counts as features see them: an event in a span of time is shared between the periods of its span."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ilp_models.stats.filters import exponential_means

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SharedEvents:
    """The parts of events whose span has minutes in more than one period of a panel."""

    kind: Ints  # crime type of each part
    cell: Ints
    period: Ints  # place of its period in the panel
    end: Ints  # place of the period in which the span ends, which is not before `period`
    weight: Floats  # part of the minutes of the span; -1 for the whole event in the period of its drawn time

    def select(self, kinds: Ints) -> Self:
        """Return the parts of some crime types, which are renumbered in the order given."""
        order = np.full(max(self.kind.max(initial=0), kinds.max(initial=0)) + 1, -1)
        order[kinds] = np.arange(len(kinds))
        return self._rows(order[self.kind] >= 0, kind=order[self.kind])

    def all_types(self) -> Self:
        """Return the parts as those of one crime type."""
        return replace(self, kind=np.zeros_like(self.kind))

    def all_cells(self) -> Self:
        """Return the parts as those of one cell."""
        return replace(self, cell=np.zeros_like(self.cell))

    def every(self, stride: int, first: int, step: int, length: int) -> Self:
        """Return the parts in every ``stride``-th period, see `PastCounts.every`; ``length`` periods are left."""
        # from the first target that may use the period in which the span ends
        end = -((first - self.end - step) // stride) + (-step // stride)
        return self._rows((self.period % stride == first) & (end < length), period=self.period // stride, end=end)

    def _rows(self, kept: npt.NDArray[np.bool_], **columns: Ints) -> Self:
        names = ("kind", "cell", "period", "end", "weight")
        return type(self)(*((columns.get(name, getattr(self, name)))[kept] for name in names))


@dataclass(frozen=True, eq=False)
class PastCounts:
    """Counts (periods, crime types, cells) for features and filters, known after each number of periods.

    An event in a span counts with the part of its minutes in each period, from the end of the period in which its span
    ends. Before, it was not known. So a value at a past period is what was known then, and no event is at once part of
    the past and of the period to forecast.
    """

    counts: Floats  # whole events, those in spans at their drawn time
    shared: SharedEvents | None = None  # None if no span reaches over periods

    def select_types(self, kinds: Ints) -> Self:
        """Return the counts of some crime types."""
        return replace(
            self, counts=self.counts[:, kinds], shared=None if self.shared is None else self.shared.select(kinds)
        )

    def all_types(self) -> Self:
        """Return the sums over crime types, which stay as an axis of length 1."""
        counts = self.counts.sum(axis=1, keepdims=True)
        return replace(self, counts=counts, shared=None if self.shared is None else self.shared.all_types())

    def all_cells(self) -> Self:
        """Return the sums over cells, which stay as an axis of length 1."""
        counts = self.counts.sum(axis=2, keepdims=True)
        return replace(self, counts=counts, shared=None if self.shared is None else self.shared.all_cells())

    def every(self, stride: int, first: int, step: int) -> Self:
        """Return the counts of every ``stride``-th period from ``first``, such as those of one weekday.

        Targets are in such periods too, each ``step`` periods after the last that it may use.
        """
        counts = self.counts[first::stride]
        shared = None if self.shared is None else self.shared.every(stride, first, step, len(counts))
        return replace(self, counts=counts, shared=shared)

    def exponential_means(
        self, half_life: float, usable_periods: npt.NDArray[np.integer[Any]], out: npt.NDArray[Any] | None = None
    ) -> Floats:
        """Return exponentially weighted means after each number of usable periods (`exponential_means`)."""
        counts = self.counts
        if self.shared is not None:
            one, counts = self.shared, self._whole.copy()
            parts = one.weight > 0
            weight = one.weight[parts] * 0.5 ** ((one.end - one.period)[parts] / half_life)
            np.add.at(counts, (one.end[parts], one.kind[parts], one.cell[parts]), weight.astype(counts.dtype))
        return exponential_means(counts, half_life, usable_periods, out)

    def window_sums(
        self, usable_periods: npt.NDArray[np.integer[Any]], windows: Iterable[tuple[int, int]]
    ) -> Iterator[npt.NDArray[np.float64]]:
        """Yield for each window the sums over its first to its last period before each target.

        Period 1 is the last usable one. Periods before the start of the counts add nothing.
        """
        counts = self.counts if self.shared is None else self._whole
        sums = np.zeros((len(counts) + 1, *counts.shape[1:]))
        np.cumsum(counts, axis=0, out=sums[1:])
        for first, last in windows:
            newest = np.clip(usable_periods - first + 1, 0, len(counts))
            found = sums[newest] - sums[np.clip(usable_periods - last, 0, len(counts))]
            if self.shared is not None:
                self._add_parts(self.shared, usable_periods, first, last, found)
            yield found

    def _add_parts(
        self,
        shared: SharedEvents,
        usable_periods: npt.NDArray[np.integer[Any]],
        first: int,
        last: int,
        found: npt.NDArray[np.float64],
    ) -> None:
        parts = np.flatnonzero(shared.weight > 0)
        parts = parts[np.argsort(shared.period[parts], kind="stable")]
        begin = np.searchsorted(shared.period[parts], usable_periods - last, side="left")
        stop = np.searchsorted(shared.period[parts], usable_periods - first, side="right")
        for place, usable in enumerate(usable_periods):
            here = parts[begin[place] : stop[place]]
            here = here[shared.end[here] < usable]
            np.add.at(found[place], (shared.kind[here], shared.cell[here]), shared.weight[here])

    @cached_property
    def _whole(self) -> Floats:
        """The counts without the events whose parts are added."""
        counts, one = self.counts.copy(), self.shared
        if one is not None:
            drawn = one.weight < 0
            np.add.at(counts, (one.period[drawn], one.kind[drawn], one.cell[drawn]), one.weight[drawn])
        return counts
