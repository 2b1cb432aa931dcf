"""Many areas of which a few are patrolled: what counts of records show, without a forecaster.

The urn of ``urns.py`` with a fixed number of patrols, reports from residents, exploration,
and a correction by the chance that an incident was recorded. All runs are simulated together, week by week.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

import ilp_models as ilp
from ilp_models.stats.rank_statistics import rank_correlation, total_variation

Floats = npt.NDArray[np.float64]

_UPDATES: Final = ("naive", "weight")


@dataclass(frozen=True)
class PatrolledAreas:
    """Areas with true rates drawn from a gamma distribution, the highest counts of which are patrolled each week.

    Parameters
    ----------
    update : {"naive", "weight"}, default "naive"
        Whether each record counts one, or one over the chance that it would be recorded.
    reporting : float, default 0
        Chance that an incident outside patrolled areas is recorded.
    exploration : float, default 0
        Chance of a week whose patrols go to areas drawn at random.
    areas, patrolled, weeks : int, default 20, 4 and 520
        Areas, how many of them are patrolled in a week, and weeks after the first, which is recorded in full.
    shape : float, default 4
        Shape of the gamma distribution of the true rates, its scale 1.

    Raises
    ------
    InputError
        If a setting is out of its range, or weights are wanted where some incidents can never be recorded.
    """

    update: Literal["naive", "weight"] = "naive"
    reporting: float = 0.0
    exploration: float = 0.0
    areas: int = 20
    patrolled: int = 4
    weeks: int = 520
    shape: float = 4.0

    def __post_init__(self) -> None:
        """Check the settings, and that a correction exists."""
        if self.update not in _UPDATES or not 0 < self.patrolled < self.areas or self.weeks < 1 or self.shape <= 0:
            msg = (
                f"Patrolled areas need update in {_UPDATES}, 0 < patrolled < areas, weeks >= 1 and shape > 0, not "
                f"{self.update!r}, {self.patrolled}, {self.areas}, {self.weeks} and {self.shape}."
            )
            raise ilp.InputError(msg)
        if not 0 <= self.reporting <= 1 or not 0 <= self.exploration <= 1:
            msg = f"reporting and exploration lie from 0 to 1, not {self.reporting} and {self.exploration}."
            raise ilp.InputError(msg)
        if self.update == "weight" and self.reporting == 0 and self.exploration == 0:
            msg = (
                "Nothing can correct records where incidents outside patrolled areas are never recorded; set reporting "
                "or exploration above 0."
            )
            raise ilp.InputError(msg)


@dataclass(frozen=True, eq=False)
class Learned:
    """How well the final records of each run show the true rates; arrays of shape (runs,).

    Parameters
    ----------
    distance : ndarray of float64
        Total variation: half the sum of absolute differences between learned and true shares.
    rank_correlation : ndarray of float64
        Spearman's, of records and true rates over areas.
    seen : ndarray of float64
        Share of areas patrolled at least once.
    """

    distance: Floats
    rank_correlation: Floats
    seen: Floats


def simulate_areas(city: PatrolledAreas, runs: int = 200, seed: int = 0) -> Learned:
    """Return how well the records show the true rates after the last week.

    Parameters
    ----------
    city : PatrolledAreas
        Areas, patrols and update.
    runs : int, default 200
        Independent runs, each with rates of its own.
    seed : int, default 0
        Seed of all runs.

    Returns
    -------
    Learned
        One value a run.
    """
    random = np.random.default_rng(seed)
    rates = random.gamma(city.shape, 1.0, (runs, city.areas))
    records = random.poisson(rates).astype(float)
    seen = np.zeros(rates.shape, dtype=bool)
    for _ in range(city.weeks):
        first = _largest(records + 1e-9 * random.random(rates.shape), city.patrolled)  # ties are broken at random
        anywhere = _largest(random.random(rates.shape), city.patrolled)
        explored = random.random((runs, 1)) < city.exploration
        visited = np.where(explored, anywhere, first)
        chance = (1 - city.exploration) * first + city.exploration * city.patrolled / city.areas
        happened = random.poisson(rates)
        found = np.where(visited, happened, random.binomial(happened, city.reporting)).astype(float)
        if city.update == "weight":
            found /= np.maximum(chance + (1 - chance) * city.reporting, 1e-300)
        records += found
        seen |= visited
    distance = total_variation(records, rates)
    return Learned(distance, rank_correlation(records, rates), seen.mean(axis=1))


def _largest(values: Floats, count: int) -> npt.NDArray[np.bool_]:
    result = np.zeros(values.shape, dtype=bool)
    np.put_along_axis(result, np.argpartition(-values, count - 1, axis=1)[:, :count], values=True, axis=1)
    return result
