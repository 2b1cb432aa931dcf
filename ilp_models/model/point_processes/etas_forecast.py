"""What a self-exciting process expects next: background, near repeats of what is known, and near repeats of those.

The expected excitation V of the squares obeys dV/dt = -rate V + share rate K (background + V) with K the Gaussian
spread, which takes in all generations, those of the forecast period included. Hawkes (1971), Biometrika 58, 83-90,
gives the equation of the mean. It is exact in time up to a Taylor series a day; in space it holds each square's
intensity as even over the square.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.model.point_processes.etas_raster import EtasRaster
from ilp_models.model.point_processes.incidents import Incidents

Floats = npt.NDArray[np.float64]

_ORDER: Final = 12  # terms of the Taylor series; shortest mean delays of a quarter of a day leave 1e-4


def known_excitation(
    ground: EtasRaster, incidents: Incidents, trigger: tuple[float, float, float], day: float, most_days: float
) -> Floats:
    """Return the intensity that known incidents excite at a moment.

    Parameters
    ----------
    ground : Ground
        The squares.
    incidents : Incidents
        What is known; only those before ``day`` are read.
    trigger : tuple of float
        Share, rate (a day) and metres.
    day : float
        The moment, days since the start of the first known period.
    most_days : float
        Longest delay.

    Returns
    -------
    ndarray of float64
        Incidents a day in each square, shape (rows, columns).
    """
    share, rate, metres = trigger
    recent = incidents.between(day - most_days, day)
    rows, columns = ground.masses(recent.x, recent.y, metres)
    weight = share * rate * np.exp(-rate * (day - recent.day))
    return np.asarray((rows * weight[:, None]).T @ columns)


def expected_counts(
    ground: EtasRaster, background: Floats, levels: Floats, excitation: Floats, trigger: tuple[float, float, float]
) -> Floats:
    """Return the incidents expected in each square on consecutive days.

    Parameters
    ----------
    ground : Ground
        The squares.
    background : ndarray of float64
        Relative background, shape (rows, columns).
    levels : ndarray of float64
        Background incidents of each day where ``background`` is 1.
    excitation : ndarray of float64
        What known incidents excite at the start of the first day, incidents a day in each square.
    trigger : tuple of float
        Share, rate (a day) and metres.

    Returns
    -------
    ndarray of float64
        Incidents in each whole square, shape (days, rows, columns); those outside the study area are expected by
        its incidents only, and followed no further.
    """
    share, rate, metres = trigger
    rows, columns = ground.spread(metres)
    result = np.empty((len(levels), *excitation.shape))
    for day, level in enumerate(levels):
        known = level * background
        term = excitation
        total = excitation.copy()
        for order in range(1, _ORDER + 1):
            source = (term + known if order == 1 else term) * ground.inside
            term = rate / order * (share * (rows @ source @ columns) - term)
            excitation = excitation + term
            total += term / (order + 1)
        result[day] = known + total
    return result
