"""Kernel density of past events, integrated over the cells (Silverman 1986; Chainey, Tompson and Uhlig 2008)."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from ilp_models.domain.errors import InputError
from ilp_models.domain.forecaster import Cube
from ilp_models.domain.history import History
from ilp_models.model.kernels.city_shares import CityShares, Judge, refuse_unless_above
from ilp_models.model.kernels.event_points import EventPoints, event_points
from ilp_models.model.kernels.kernel import KERNELS
from ilp_models.model.kernels.kernel_cells import CellLattice

Floats = npt.NDArray[np.float64]

_FACTORS: Final = (0.25, 4.0)  # Abramson's factors are kept in this span: one lonely event must not cover a city


class KDE(CityShares):
    """Density of the past events of each crime type, integrated over each cell, times the city's level.

    Bandwidth, half-life and background of each type are those under which the places of the latest year's events were
    most likely, each period judged by the density of the events known before it. With a sensitivity above 0 the
    bandwidth is narrow where much happens and wide where little does (Abramson 1982).

    Parameters
    ----------
    kernel : str, default "gaussian"
        ``gaussian`` (the bandwidth is its standard deviation) or ``quartic`` (the bandwidth is its radius).
    bandwidths : sequence of float
        Bandwidths to choose from, metres.
    sensitivity : float, default 0
        Power of the local density that the bandwidth falls with; 0 is one bandwidth for all, 0.5 Abramson's law.
    half_lives : sequence of float
        Half-lives of an event's weight to choose from, in periods; infinity lets none fade.
    window : int, optional
        Latest periods whose events count; by default all.
    background : sequence of float
        Weights of the even map to choose from, above 0 and at most 1.
    level_half_lives : sequence of float
        Half-lives of the level to choose from, in periods.
    """

    bandwidths_: Floats
    half_lives_: Floats

    def __init__(
        self,
        kernel: str = "gaussian",
        bandwidths: Sequence[float] = (50, 100, 150, 225, 350, 500, 750, 1100),
        sensitivity: float = 0.0,
        half_lives: Sequence[float] = (26, 52, 104, 208),
        window: int | None = None,
        background: Sequence[float] = (0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9),
        level_half_lives: Sequence[float] = (2, 4, 8, 16, 52, 208),
    ) -> None:
        self.kernel = kernel
        self.bandwidths = bandwidths
        self.sensitivity = sensitivity
        self.half_lives = half_lives
        self.window = window
        self.background = background
        self.level_half_lives = level_half_lives

    def _check(self) -> None:
        super()._check()
        refuse_unless_above(self, ("bandwidths", "half_lives"))
        if self.kernel not in KERNELS:
            msg = f"kernel={self.kernel!r} is unknown; choose one of {', '.join(KERNELS)}."
            raise InputError(msg)
        if not 0 <= self.sensitivity <= 1:
            msg = f"sensitivity={self.sensitivity:g} must lie between 0 (one bandwidth) and 1; Abramson's law is 0.5."
            raise InputError(msg)
        if self.window is not None and self.window < 1:
            msg = f"window={self.window} must be at least 1 period, or null for all."
            raise InputError(msg)

    def _tune_maps(self, history: History, judge: Judge) -> None:
        kinds = len(history.events.crime_types)
        self.bandwidths_, self.half_lives_, self.background_ = np.zeros(kinds), np.zeros(kinds), np.zeros(kinds)
        for kind, points in enumerate(event_points(history, *self._span(judge.seen))):
            best = -np.inf
            for bandwidth in self.bandwidths:
                smoothed = points.by_cell(self._spread(history, points, bandwidth, judge.seen))
                for half_life in self.half_lives:
                    maps = (smoothed @ self._weights(judge.seen, half_life)).T
                    likelihood, background = judge.best(maps, kind)
                    if likelihood > best:
                        best = likelihood
                        self.bandwidths_[kind], self.half_lives_[kind] = bandwidth, half_life
                        self.background_[kind] = background

    def _maps(self, history: History, seen: npt.NDArray[np.int64]) -> Cube:
        out = np.empty((len(seen), len(history.events.crime_types), len(history.grid)))
        for kind, points in enumerate(event_points(history, *self._span(seen))):
            spread = self._spread(history, points, self.bandwidths_[kind], seen)
            out[:, kind] = points.weighted(spread, self._weights(seen, self.half_lives_[kind])).T
        return out

    def _span(self, seen: npt.NDArray[np.int64]) -> tuple[int, int]:
        """Return the first period that any target looks at, and the one after the last."""
        stop = max(int(seen[-1]), 0)
        return (0 if self.window is None else min(max(int(seen[0]) - self.window, 0), stop)), stop

    def _weights(self, seen: npt.NDArray[np.int64], half_life: float) -> Floats:
        """Return the weight of an event of each period for each target, shape (periods, targets)."""
        first, stop = self._span(seen)
        age = seen - 1 - np.arange(first, stop)[:, None]
        counted = (age >= 0) & (age < (np.inf if self.window is None else self.window))
        return np.where(counted, 0.5 ** (np.maximum(age, 0) / half_life), 0.0)

    def _spread(
        self, history: History, points: EventPoints, bandwidth: float, seen: npt.NDArray[np.int64]
    ) -> csr_matrix:
        """Return what an event at each point gives to each cell; local densities are those that all targets know."""
        kernel = KERNELS[self.kernel]
        lattice = CellLattice.from_grid(history.grid, bandwidth * kernel.deviation)
        even = lattice.spread(points, np.full(len(points.xy), float(bandwidth)), kernel)
        if self.sensitivity == 0:
            return even
        known = points.counts @ (self._weights(seen, np.inf)[:, 0])
        density = (even.T @ known) / history.grid.area_m2
        return lattice.spread(points, bandwidth * local_factors(density[points.cell], known, self.sensitivity), kernel)


def local_factors(density: Floats, count: Floats, sensitivity: float) -> Floats:
    """Return the bandwidth factor of each point: (density / geometric mean of the densities) ** -sensitivity."""
    if not count.any():
        return np.ones(len(density))
    logs = np.log(np.maximum(density, np.finfo(float).tiny))
    mean = (count @ logs) / count.sum()
    return np.asarray(np.clip(np.exp(-sensitivity * (logs - mean)), *_FACTORS))
