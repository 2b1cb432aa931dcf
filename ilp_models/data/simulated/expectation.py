"""True expected counts of a simulated city, given the incidents recorded so far.

The expected count has three parts: the background, the near repeats of recorded incidents, and the near repeats of
incidents that are not in the records. The last are those of the forecast periods, those never recorded and those not
yet reported; they enter at their mean. The expected excitation U of a type obeys the linear equation
dU/dt = -U / T + (n / T) K [q (background + known excitation + U)]. Here n is the number of near repeats per incident,
T their mean delay in days, K the Gaussian spread and q the unrecorded share of incidents (1 after the cutoff).
Hawkes (1971), Biometrika 58, 83-90, gives this equation.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from ilp_models.data.simulated.layout import CityMap
from ilp_models.data.simulated.rates import SimulatedType

Floats = npt.NDArray[np.float64]

_LOOK_BACK = 6.0  # mean delays; the mean excitation replaces older records
_ORDER = 6  # terms of the Taylor series for a step of at most a day


@dataclass(frozen=True, eq=False)
class RecordedIncidents:
    """Recorded incidents of one crime type in the order of time."""

    day: Floats  # days since the first day of the city
    x: Floats  # metres from the south-west corner
    y: Floats

    def starting_at(self, day: float) -> Self:
        """Return the incidents from a day on."""
        first = int(np.searchsorted(self.day, day))
        return replace(self, day=self.day[first:], x=self.x[first:], y=self.y[first:])


@dataclass(frozen=True, eq=False)
class Expectation:
    """The expected incidents of a simulated city on its small squares."""

    lattice: CityMap
    kinds: tuple[SimulatedType, ...]
    risk: Floats  # probability of each square for a background incident, (types, squares, squares)
    background: Callable[[Floats], Floats]  # whole days since the start -> incidents per day, (types, days)
    unrecorded: Callable[[float], Floats]  # day before the cutoff -> unrecorded share of incidents, (squares, squares)

    def expected_counts(self, recorded: tuple[RecordedIncidents, ...], cutoff: float, edges: Floats) -> Floats:
        """Return the incidents expected in each square between consecutive days, recorded or not."""
        begin = np.floor(cutoff - _LOOK_BACK * max(kind.mean_days for kind in self.kinds))
        marks = np.unique(np.concatenate([np.arange(begin, edges[-1] + 1), [cutoff], edges]))
        rates = self.background(np.floor(marks[:-1]))
        repeats_of_known = _NearRepeats.from_types(
            self.kinds, tuple(one.starting_at(begin) for one in recorded), self.lattice
        )
        direct, indirect = np.zeros_like(self.risk), self._stationary(rates[:, 0])
        total = np.zeros((*self.risk.shape, len(edges) - 1))
        for step, (low, high) in enumerate(pairwise(marks)):
            length = high - low
            if low >= cutoff:  # no later incident is recorded, so one equation describes all excitation
                direct, indirect = np.zeros_like(direct), indirect + direct
            after, repeats = repeats_of_known.step(direct, low, high)
            known = rates[:, step, None, None] * self.risk + repeats / length
            share = np.ones_like(self.risk[0]) if low >= cutoff else self.unrecorded(low + length / 2)
            indirect, more = self._advance(indirect, known, share, length)
            direct = after
            if low >= edges[0]:
                total[..., np.searchsorted(edges, low, side="right") - 1] += known * length + more
        return total

    @cached_property
    def _kernels(self) -> Floats:
        """The Gaussian mass that each square along an axis receives from the centre of every other square."""
        centre = np.asarray((np.arange(self.lattice.squares) + 0.5) * self.lattice.side, dtype=np.float64)
        return np.stack([_mass(centre, kind.metres, self.lattice) for kind in self.kinds])

    @cached_property
    def _mean_days(self) -> Floats:
        return np.array([kind.mean_days for kind in self.kinds])[:, None, None]

    @cached_property
    def _offspring(self) -> Floats:
        return np.array([kind.offspring for kind in self.kinds])[:, None, None]

    def _spread(self, field: Floats) -> Floats:
        """Return the near repeats that incidents trigger, by square."""
        return np.asarray(self._offspring * (self._kernels.transpose(0, 2, 1) @ field @ self._kernels))

    def _stationary(self, rates: Floats) -> Floats:
        """Return the mean excitation under a constant background."""
        background = rates[:, None, None] * self.risk
        excitation = np.zeros_like(background)
        for _ in range(int(np.ceil(np.log(1e-3) / np.log(self._offspring.max() + 1e-9)))):  # generations
            excitation = self._spread(background + excitation)
        return excitation

    def _advance(self, excitation: Floats, known: Floats, share: Floats, length: float) -> tuple[Floats, Floats]:
        """Return the excitation by unrecorded incidents after a step, and its integral over the step."""
        pace = length / self._mean_days
        term = pace * (self._spread(share * (known + excitation)) - excitation)
        integral = excitation * length
        for order in range(1, _ORDER):
            excitation = excitation + term
            integral = integral + term * length / (order + 1)
            if order < _ORDER - 1:
                term = pace * (self._spread(share * term) - term) / (order + 1)
        return excitation, integral


@dataclass(frozen=True, eq=False)
class _NearRepeats:
    """Direct near repeats of recorded incidents: exact integrals of the kernel over squares and time."""

    kinds: tuple[SimulatedType, ...]
    day: tuple[Floats, ...]
    rows: tuple[Floats, ...]
    columns: tuple[Floats, ...]

    @classmethod
    def from_types(
        cls, kinds: tuple[SimulatedType, ...], recorded: tuple[RecordedIncidents, ...], lattice: CityMap
    ) -> Self:
        rows = tuple(_mass(one.y, kind.metres, lattice) for kind, one in zip(kinds, recorded, strict=True))
        columns = tuple(_mass(one.x, kind.metres, lattice) for kind, one in zip(kinds, recorded, strict=True))
        return cls(kinds, tuple(one.day for one in recorded), rows, columns)

    def step(self, excitation: Floats, low: float, high: float) -> tuple[Floats, Floats]:
        """Return the excitation at the end of a step, and the near repeats expected during it."""
        after, repeats = np.empty_like(excitation), np.empty_like(excitation)
        for k, kind in enumerate(self.kinds):
            first, last = np.searchsorted(self.day[k], [low, high])
            window = slice(first, last)
            left = np.exp(-(high - self.day[k][window]) / kind.mean_days) * kind.offspring
            rest = (self.rows[k][window].T * left) @ self.columns[k][window]
            every = kind.offspring * (self.rows[k][window].T @ self.columns[k][window])
            after[k] = excitation[k] * np.exp(-(high - low) / kind.mean_days) + rest / kind.mean_days
            repeats[k] = kind.mean_days * (excitation[k] - after[k]) + every
        return after, repeats


def _mass(position: Floats, metres: float, lattice: CityMap) -> Floats:
    """Return the Gaussian mass of each square along an axis, reflected at the edges, (incidents, squares)."""
    edges = np.arange(lattice.squares + 1) * lattice.side
    images = (position, -position, 2 * lattice.extent - position)
    below = sum(ndtr((edges[None, :] - image[:, None]) / metres) for image in images)
    return np.asarray(np.diff(below, axis=1))
