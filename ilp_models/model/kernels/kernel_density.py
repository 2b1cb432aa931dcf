"""Kernel density estimation (KDE) of past events, integrated over the cells."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from ilp_models.domain.errors import InputError
from ilp_models.domain.forecaster import Cube
from ilp_models.domain.history import History
from ilp_models.model.kernels.city_shares import CityShareForecaster, Ints, ShareLikelihood, require_positive
from ilp_models.model.kernels.event_points import EventPoints, event_points
from ilp_models.model.kernels.kernel_integrals import KERNELS, CellLattice

Floats = npt.NDArray[np.float64]

_FACTORS: Final = (0.25, 4.0)  # limits of Abramson's factors: one isolated event must not cover a city


class KDE(CityShareForecaster):
    """Kernel density of the past events of each crime type, integrated over each cell, times the city level.

    Bandwidth, half-life and background of each type maximise the likelihood of the locations of the latest year's
    events; the density for each period uses only the events known before it. With a sensitivity above 0 the
    bandwidth is narrow in busy places and wide in quiet ones (Abramson 1982). Silverman (1986), Density Estimation for
    Statistics and Data Analysis; Chainey, Tompson and Uhlig (2008), Security Journal 21, 4-28.

    Parameters
    ----------
    kernel : str, default "gaussian"
        ``gaussian`` (the bandwidth is its standard deviation) or ``quartic`` (the bandwidth is its radius).
    bandwidths : sequence of float
        Candidate bandwidths, metres.
    sensitivity : float, default 0
        Power of the local density by which the bandwidth falls; 0 is one bandwidth for all events, 0.5 Abramson's law.
    half_lives : sequence of float
        Candidate half-lives of an event's weight, periods; infinity for equal weights.
    window : int, optional
        Latest periods whose events count; by default all.
    background : sequence of float
        Candidate weights of the uniform map, above 0 and at most 1.
    level_half_lives : sequence of float
        Candidate half-lives of the level, periods.

    Examples
    --------
    >>> model = KDE(bandwidths=(250, 500), half_lives=(52,)).fit(history)
    >>> bool(np.isin(model.bandwidths_, (250, 500)).all())
    True
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
        require_positive(self, ("bandwidths", "half_lives"))
        if self.kernel not in KERNELS:
            msg = f"kernel={self.kernel!r} is unknown; choose one of {', '.join(KERNELS)}."
            raise InputError(msg)
        if not 0 <= self.sensitivity <= 1:
            msg = f"sensitivity={self.sensitivity:g} must lie between 0 (one bandwidth) and 1; Abramson's law is 0.5."
            raise InputError(msg)
        if self.window is not None and self.window < 1:
            msg = f"window={self.window} must be at least 1 period, or null for all."
            raise InputError(msg)

    def _tune_maps(self, history: History, likelihood: ShareLikelihood) -> None:
        kinds = len(history.events.crime_types)
        usable = likelihood.usable
        self.bandwidths_, self.half_lives_, self.background_ = np.zeros(kinds), np.zeros(kinds), np.zeros(kinds)
        for kind, points in enumerate(event_points(history, *self._span(usable))):
            best = -np.inf
            for bandwidth in self.bandwidths:
                smoothed = points.by_cell(self._spread(history, points, bandwidth, usable))
                for half_life in self.half_lives:
                    maps = (smoothed @ self._weights(usable, half_life)).T
                    value, background = likelihood.best_background(maps, kind)
                    if value > best:
                        best = value
                        self.bandwidths_[kind], self.half_lives_[kind] = bandwidth, half_life
                        self.background_[kind] = background

    def _maps(self, history: History, usable: Ints) -> Cube:
        out = np.empty((len(usable), len(history.events.crime_types), len(history.grid)))
        for kind, points in enumerate(event_points(history, *self._span(usable))):
            spread = self._spread(history, points, self.bandwidths_[kind], usable)
            out[:, kind] = points.weighted(spread, self._weights(usable, self.half_lives_[kind])).T
        return out

    def _span(self, usable: Ints) -> tuple[int, int]:
        """Return the first period that any target uses, and the one after the last."""
        stop = max(int(usable[-1]), 0)
        return (0 if self.window is None else min(max(int(usable[0]) - self.window, 0), stop)), stop

    def _weights(self, usable: Ints, half_life: float) -> Floats:
        """Return the weight of an event of each period for each target, shape (periods, targets)."""
        first, stop = self._span(usable)
        age = usable - 1 - np.arange(first, stop)[:, None]
        counted = (age >= 0) & (age < (np.inf if self.window is None else self.window))
        return np.where(counted, 0.5 ** (np.maximum(age, 0) / half_life), 0.0)

    def _ages(self, history: History, usable: Ints) -> Floats:
        weights = np.zeros((len(self.half_lives_), len(history.panel.periods)))
        first, stop = self._span(usable)
        for kind, half_life in enumerate(self.half_lives_):
            weights[kind, first:stop] = self._weights(usable, half_life)[:, 0]
        return weights

    def _spread(self, history: History, points: EventPoints, bandwidth: float, usable: Ints) -> csr_matrix:
        """Return the share of an event at each point in each cell; local densities use events that all targets know."""
        kernel = KERNELS[self.kernel]
        lattice = CellLattice.from_grid(history.grid, bandwidth * kernel.deviation)
        fixed = lattice.spread(points, np.full(len(points.xy), float(bandwidth)), kernel)
        if self.sensitivity == 0:
            return fixed
        known = points.counts @ (self._weights(usable, np.inf)[:, 0])
        density = (fixed.T @ known) / history.grid.area_m2
        return lattice.spread(points, bandwidth * local_factors(density[points.cell], known, self.sensitivity), kernel)


def local_factors(density: Floats, count: Floats, sensitivity: float) -> Floats:
    """Return the bandwidth factor of each point: (density / geometric mean of the densities) ** -sensitivity."""
    if not count.any():
        return np.ones(len(density))
    logs = np.log(np.maximum(density, np.finfo(float).tiny))
    mean = (count @ logs) / count.sum()
    return np.asarray(np.clip(np.exp(-sensitivity * (logs - mean)), *_FACTORS))
