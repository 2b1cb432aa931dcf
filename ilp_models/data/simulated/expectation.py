"""What a simulated city expects to record next, given what was recorded so far.

Three parts add up: the background, the near repeats of recorded incidents, and the near repeats of incidents that
are not in the records - those of the forecast periods themselves, those never recorded and those not yet reported.
The third part follows its mean: the expected excitation U of a type obeys the linear equation
dU/dt = -U / T + (n / T) K [q (background + seen excitation + U)], with n near repeats an incident, T days on
average, K the Gaussian spread and q the share of incidents that is not in the records (1 after the cutoff).
Hawkes (1971), Biometrika 58, 83-90, gives the equation of the mean.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from ilp_models.data.simulated.map import CityMap
from ilp_models.data.simulated.rates import SimulatedType

Floats = npt.NDArray[np.float64]

_MEMORY = 6.0  # mean delays looked back; before that the mean excitation stands in for the records
_ORDER = 6  # terms of the Taylor series of a step of at most a day


@dataclass(frozen=True, eq=False)
class Seen:
    """Recorded incidents of one crime type, in the order of time.

    Parameters
    ----------
    day : ndarray of float64
        Days since the first day of the city.
    x, y : ndarray of float64
        Metres from the south-west corner.
    """

    day: Floats
    x: Floats
    y: Floats

    def since(self, day: float) -> Self:
        """Return the incidents from a day on."""
        first = int(np.searchsorted(self.day, day))
        return replace(self, day=self.day[first:], x=self.x[first:], y=self.y[first:])


@dataclass(frozen=True, eq=False)
class Expectation:
    """The expected incidents of a simulated city on its lattice.

    Parameters
    ----------
    lattice : Lattice
        The squares.
    kinds : tuple of SimulatedType
        The crime types.
    where : ndarray of float64
        Probability of each square for a background incident, shape (types, squares, squares).
    when : callable
        Returns background incidents a day, shape (types, days), for an array of whole days since the start.
    unseen : callable
        Returns the share of incidents that is not in the records, over the squares, for a day before the cutoff.
    """

    lattice: CityMap
    kinds: tuple[SimulatedType, ...]
    where: Floats
    when: Callable[[Floats], Floats]
    unseen: Callable[[float], Floats]

    def over(self, seen: tuple[Seen, ...], cutoff: float, edges: Floats) -> Floats:
        """Return the incidents expected in each square between consecutive moments, recorded or not."""
        begin = np.floor(cutoff - _MEMORY * max(kind.mean_days for kind in self.kinds))
        marks = np.unique(np.concatenate([np.arange(begin, edges[-1] + 1), [cutoff], edges]))
        rates = self.when(np.floor(marks[:-1]))
        trace = _Trace.from_types(self.kinds, tuple(one.since(begin) for one in seen), self.lattice)
        direct, unseen = np.zeros_like(self.where), self._stationary(rates[:, 0])
        total = np.zeros((*self.where.shape, len(edges) - 1))
        for step, (low, high) in enumerate(pairwise(marks)):
            length = high - low
            if low >= cutoff:  # from here on nothing is in the records: one equation holds for all excitation
                direct, unseen = np.zeros_like(direct), unseen + direct
            after, repeats = trace.step(direct, low, high)
            known = rates[:, step, None, None] * self.where + repeats / length
            share = np.ones_like(self.where[0]) if low >= cutoff else self.unseen(low + length / 2)
            unseen, more = self._advance(unseen, known, share, length)
            direct = after
            if low >= edges[0]:
                total[..., np.searchsorted(edges, low, side="right") - 1] += known * length + more
        return total

    @cached_property
    def _kernels(self) -> Floats:
        """The Gaussian mass that each square along an axis receives from the middle of each other one."""
        middle = np.asarray((np.arange(self.lattice.squares) + 0.5) * self.lattice.side, dtype=np.float64)
        return np.stack([_mass(middle, kind.metres, self.lattice) for kind in self.kinds])

    @cached_property
    def _memory(self) -> Floats:
        return np.array([kind.mean_days for kind in self.kinds])[:, None, None]

    @cached_property
    def _offspring(self) -> Floats:
        return np.array([kind.offspring for kind in self.kinds])[:, None, None]

    def _spread(self, field: Floats) -> Floats:
        """Return the near repeats that incidents set off, where they fall."""
        return np.asarray(self._offspring * (self._kernels.transpose(0, 2, 1) @ field @ self._kernels))

    def _stationary(self, rates: Floats) -> Floats:
        """Return the mean excitation under a background that has not changed for long."""
        background = rates[:, None, None] * self.where
        excitation = np.zeros_like(background)
        for _ in range(int(np.ceil(np.log(1e-3) / np.log(self._offspring.max() + 1e-9)))):  # generations
            excitation = self._spread(background + excitation)
        return excitation

    def _advance(self, excitation: Floats, known: Floats, share: Floats, length: float) -> tuple[Floats, Floats]:
        """Return the excitation by unseen incidents after a step, and its integral over the step."""
        pace = length / self._memory
        term = pace * (self._spread(share * (known + excitation)) - excitation)
        integral = excitation * length
        for order in range(1, _ORDER):
            excitation = excitation + term
            integral = integral + term * length / (order + 1)
            if order < _ORDER - 1:
                term = pace * (self._spread(share * term) - term) / (order + 1)
        return excitation, integral


@dataclass(frozen=True, eq=False)
class _Trace:
    """Near repeats that recorded incidents set off directly: exact integrals of the kernel over squares and time."""

    kinds: tuple[SimulatedType, ...]
    day: tuple[Floats, ...]
    rows: tuple[Floats, ...]
    columns: tuple[Floats, ...]

    @classmethod
    def from_types(cls, kinds: tuple[SimulatedType, ...], seen: tuple[Seen, ...], lattice: CityMap) -> "_Trace":
        rows = tuple(_mass(one.y, kind.metres, lattice) for kind, one in zip(kinds, seen, strict=True))
        columns = tuple(_mass(one.x, kind.metres, lattice) for kind, one in zip(kinds, seen, strict=True))
        return cls(kinds, tuple(one.day for one in seen), rows, columns)

    def step(self, excitation: Floats, low: float, high: float) -> tuple[Floats, Floats]:
        """Return the excitation at the end of a step, and the near repeats expected during it."""
        after, repeats = np.empty_like(excitation), np.empty_like(excitation)
        for k, kind in enumerate(self.kinds):
            first, last = np.searchsorted(self.day[k], [low, high])
            here = slice(first, last)
            left = np.exp(-(high - self.day[k][here]) / kind.mean_days) * kind.offspring
            rest = (self.rows[k][here].T * left) @ self.columns[k][here]
            every = kind.offspring * (self.rows[k][here].T @ self.columns[k][here])
            after[k] = excitation[k] * np.exp(-(high - low) / kind.mean_days) + rest / kind.mean_days
            repeats[k] = kind.mean_days * (excitation[k] - after[k]) + every
        return after, repeats


def _mass(position: Floats, metres: float, lattice: CityMap) -> Floats:
    """Return the Gaussian mass of each square along an axis, folded at both edges, shape (incidents, squares)."""
    edges = np.arange(lattice.squares + 1) * lattice.side
    images = (position, -position, 2 * lattice.extent - position)
    below = sum(ndtr((edges[None, :] - image[:, None]) / metres) for image in images)
    return np.asarray(np.diff(below, axis=1))
