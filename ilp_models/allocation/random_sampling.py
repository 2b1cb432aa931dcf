"""A share of the budget drawn at random, so that places that no model points at are seen with a known probability."""

import math

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def check_sampling(share: float) -> None:
    """Refuse a share that is none."""
    if not 0 <= share < 1:
        msg = f"allocation.exploration={share} must lie in [0, 1); write 10 % as 0.1."
        raise InputError(msg)


def sampled_cells(share: float, need: Floats, available: float) -> tuple[int, int]:
    """Return how many whole cells the budget covers, and how many of them are drawn at random."""
    if np.ptp(need) > 1e-9 * need.max():
        msg = "allocation.exploration draws whole cells of equal need; set budget.per_km2=0, or exploration=0."
        raise InputError(msg)
    cells = math.floor(available / need[0] * (1 + 1e-9))
    if cells < 1:
        msg = f"A budget of {available:g} does not cover one cell ({need[0]:g}); raise it, or set exploration=0."
        raise InputError(msg)
    return cells, min(cells, max(1, round(share * cells)))


def inclusion_probability(cells: int, covered: int, drawn: int) -> float:
    """Return the probability with which a cell that was not chosen is drawn."""
    return drawn / (cells - (covered - drawn))


def sample_cells(chosen: Flags, drawn: int, rng: np.random.Generator) -> tuple[Flags, Floats]:
    """Return the cells covered after a draw among those not chosen, and the probability that each had."""
    others = np.flatnonzero(~chosen)
    covered = chosen.copy()
    covered[rng.choice(others, size=drawn, replace=False)] = True
    return covered, np.where(chosen, 1.0, drawn / len(others))
