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
    """Return the intensity that known incidents excite at a moment."""
    share, rate, metres = trigger
    recent = incidents.between(day - most_days, day)
    rows, columns = ground.masses(recent.x, recent.y, metres)
    weight = share * rate * np.exp(-rate * (day - recent.day))
    return np.asarray((rows * weight[:, None]).T @ columns)


def expected_counts(
    ground: EtasRaster, background: Floats, levels: Floats, excitation: Floats, trigger: tuple[float, float, float]
) -> Floats:
    """Return the incidents expected in each square on consecutive days."""
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
