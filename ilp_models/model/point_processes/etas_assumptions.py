"""What a self-exciting process is assumed to be before its records are read."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SHARES: Final = (1e-4, 0.95)
_SHORTEST: Final = 0.25  # days; a mean delay below it is one incident recorded several times


class EtasBounds(NamedTuple):
    """The delays and distances at which near repeats are looked for.

    Parameters
    ----------
    least_days, most_days : float
        Delays, days.
    most_metres : float
        Largest distance.
    """

    least_days: float
    most_days: float
    most_metres: float

    def bounds(self, side: float) -> list[tuple[float, float]]:
        """Return the bounds of the logarithms of share, rate and metres."""
        delays = max(_SHORTEST, self.least_days), self.most_days / 3
        metres = side / np.sqrt(2 * np.pi), self.most_metres / 4
        natural = (_SHARES, (1 / delays[1], 1 / delays[0]), metres)
        return [(float(np.log(low)), float(np.log(max(low, high)))) for low, high in natural]


class EtasPrior(NamedTuple):
    """What is assumed before the records are seen.

    Parameters
    ----------
    shape : ndarray of float64
        Relative background of each square, summing to 1; 0 outside the study area.
    gamma : float
        Shape of the gamma prior of the unevenness: large for a background close to ``shape``.
    precision : ndarray of float64
        Inverse variance of each coefficient of time; 0 for none.
    alone : ndarray of float64
        What each target's background is multiplied by so that the target itself does not raise it.
    """

    shape: Floats
    gamma: float
    precision: Floats
    alone: Floats
