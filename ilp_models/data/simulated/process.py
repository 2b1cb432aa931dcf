"""Incidents of a simulated city: a background and the near repeats that every incident sets off.

A self-exciting point process drawn as a tree of generations (Hawkes and Oakes, 1974, Journal of Applied
Probability 11, 493-503): exponential in time, Gaussian in space, folded back at the edge of the city.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data.simulated.map import CityMap
from ilp_models.data.simulated.rates import SimulatedType

Floats = npt.NDArray[np.float64]


def draw_incidents(
    rng: np.random.Generator, kind: SimulatedType, lattice: CityMap, where: Floats, when: Floats
) -> pd.DataFrame:
    """Return all incidents of one crime type, recorded or not."""
    generation = _background(rng, lattice, where, when)
    generations = [generation]
    while len(generation):
        generation = _repeats(rng, kind, lattice.extent, generation)
        generation = generation[generation[:, 0] < len(when)]
        generations.append(generation)
    every = np.concatenate(generations)
    return pd.DataFrame(every[np.argsort(every[:, 0], kind="stable")], columns=["day", "x", "y"])


def _background(rng: np.random.Generator, lattice: CityMap, where: Floats, when: Floats) -> Floats:
    day = np.repeat(np.arange(len(when)), rng.poisson(when))
    total = np.cumsum(where.ravel())
    square = np.searchsorted(total / total[-1], rng.random(len(day)), side="right")
    row, column = np.divmod(square, lattice.squares)
    inside = rng.random((len(day), 3))
    return np.column_stack(
        [day + inside[:, 0], (column + inside[:, 1]) * lattice.side, (row + inside[:, 2]) * lattice.side]
    )


def _repeats(rng: np.random.Generator, kind: SimulatedType, extent: float, parents: Floats) -> Floats:
    repeats = np.repeat(parents, rng.poisson(kind.offspring, len(parents)), axis=0)
    later = rng.exponential(kind.mean_days, len(repeats))
    away = rng.normal(0.0, kind.metres, (len(repeats), 2))
    return np.column_stack([repeats[:, 0] + later, folded(repeats[:, 1:] + away, extent)])


def folded(positions: Floats, extent: float) -> Floats:
    """Return positions folded back into the city at its edges."""
    round_trip = np.mod(positions, 2 * extent)
    return np.minimum(round_trip, 2 * extent - round_trip)
