"""Weighted means of uniform distributions: what the transforms of counts without randomisation add up to."""

from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.model.wrappers.past_performance import Floats

_PIECES: Final = 200  # of a condensed mixture
_NEAREST: Final = 1e-9  # a level may come to 0 and 1


class UniformMixture:
    """A weighted mean of uniform distributions within 0..1.

    Parameters
    ----------
    low, high : ndarray of float64
        Where each distribution begins and ends, within 0..1.
    weight : ndarray of float64
        Weight of each, > 0.
    """

    def __init__(self, low: Floats, high: Floats, weight: Floats) -> None:
        self.low = low
        self.high = high
        self.weight = weight

    @classmethod
    def uniform(cls, weight: float) -> "UniformMixture":
        """Return the one that right forecasts have."""
        return cls(np.zeros(1), np.ones(1), np.full(1, weight))

    def part(self, chosen: npt.NDArray[np.bool_]) -> "UniformMixture":
        """Return some of the distributions."""
        return UniformMixture(self.low[chosen], self.high[chosen], self.weight[chosen])

    def joined(self, other: "UniformMixture") -> "UniformMixture":
        """Return these distributions and others."""
        pairs = ((self.low, other.low), (self.high, other.high), (self.weight, other.weight))
        return UniformMixture(*(np.concatenate(pair) for pair in pairs))

    def condensed(self, weight: float) -> "UniformMixture":
        """Return almost the same mean made of few distributions."""
        ends = np.linspace(0, 1, _PIECES + 1)
        shares = np.diff(self._reached(ends))
        held = shares > 0
        return UniformMixture(ends[:-1][held], ends[1:][held], weight * shares[held])

    def levels(self, wanted: tuple[float, ...]) -> Floats:
        """Return the points below which given shares of the mean lie."""
        points, reached = self._curve()
        return np.clip(np.interp(wanted, reached, points), _NEAREST, 1 - _NEAREST)

    def _reached(self, points: Floats) -> Floats:
        known, reached = self._curve()
        return np.interp(points, known, reached, left=0.0, right=1.0)

    def _curve(self) -> tuple[Floats, Floats]:
        """Return the points where the mean distribution bends, and the share below each of them."""
        slope = self.weight / (self.high - self.low)
        ends = np.concatenate((self.low, self.high))
        order = np.argsort(ends, kind="stable")
        steepness = np.cumsum(np.concatenate((slope, -slope))[order])
        points = ends[order]
        reached = np.concatenate(([0.0], np.cumsum(steepness[:-1] * np.diff(points)))) / self.weight.sum()
        return points, np.maximum.accumulate(np.clip(reached, 0.0, 1.0))
