"""Kernels: how the mass of one event is spread around it, integrated over rectangles in closed form."""

from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.floating[Any]]


class Kernel(Protocol):
    """A radially symmetric density of one unit of mass around an event."""

    @property
    def reach(self) -> float:
        """Bandwidths from the event beyond which no mass is counted."""
        ...

    @property
    def deviation(self) -> float:
        """Standard deviation along each axis, in bandwidths."""
        ...

    def masses(self, x: Floats, y: Floats) -> Floats:
        """Return the mass in each rectangle of a lattice around each event."""
        ...


class Gaussian:
    """The normal density; its standard deviation along each axis is the bandwidth."""

    reach: Final = 4.0  # 99.99 % of the mass lies in a square of this half side
    deviation: Final = 1.0

    def masses(self, x: Floats, y: Floats) -> Floats:
        """Return products of differences of the normal distribution function."""
        along, across = np.diff(special.ndtr(x)), np.diff(special.ndtr(y))
        return np.asarray(along[:, :, None] * across[:, None, :])


class Quartic:
    """The density proportional to (1 - r^2)^2 at r bandwidths from the event, nothing beyond one bandwidth."""

    reach: Final = 1.0
    deviation: Final = 8**-0.5

    def masses(self, x: Floats, y: Floats) -> Floats:
        """Return double differences of the mass to the lower left of each corner."""
        corners = _quartic_below(np.clip(x, -1, 1)[:, :, None], np.clip(y, -1, 1)[:, None, :])
        return np.maximum(np.diff(np.diff(corners, axis=1), axis=2), 0.0)  # rounding may leave -1e-17


KERNELS: Final[dict[str, Kernel]] = {"gaussian": Gaussian(), "quartic": Quartic()}


def _quartic_below(x: Floats, y: Floats) -> Floats:
    """Return the mass with both coordinates below x and y; the upper half of the disc mirrors the lower one."""
    low = -np.abs(y)
    side = np.sqrt(1 - low**2)
    right = np.clip(x, -side, side)
    beyond = _strip(right, low) - _strip(-side, low)
    return np.asarray(3 / np.pi * np.where(y > 0, 2 * (_strip(x, 0.0) - _strip(-1.0, 0.0)) - beyond, beyond))


def _strip(x: Floats | float, y: Floats | float) -> Floats:
    """Return an antiderivative in x of the integral of (1 - x^2 - y^2)^2 over the part of the disc below y <= 0."""
    below, square = np.square(y), np.square(x)
    c2 = np.maximum(1 - square, 0)
    c = np.sqrt(c2)
    fifth = x * c * (c2 * (c2 / 6 + 5 / 24) + 5 / 16) + 5 / 16 * np.arcsin(x)  # of c^5, where c^2 = 1 - x^2
    fourth, second = x * (1 - square * (2 / 3 - square / 5)), x * (1 - square / 3)  # of c^4 and of c^2
    return np.asarray(y * (fourth - below * (2 / 3 * second - below / 5 * x)) + 8 / 15 * fifth)
