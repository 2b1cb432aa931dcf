"""Incidents still to be expected from those known: repeats, their repeats in turn, and those of the background.

The mean of a self-exciting process over its own future solves a linear recursion (Hawkes and Oakes, 1974, Journal of
Applied Probability 11, 493-503): what is expected is background, repeats of known incidents, and repeats of what is
expected.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import solve_toeplitz

from ilp_models.domain.calendar import Calendar

Floats = npt.NDArray[np.float64]

_STEPS_A_DAY: Final = {"day": 24, "week": 4, "month": 1}


class Delays(Protocol):
    """How many repeats of one incident are expected by some time after it."""

    def cumulative(self, days: Floats) -> Floats:
        """Return the expected repeats within some days; 0 for negative days."""
        ...

    def area(self, days: Floats) -> Floats:
        """Return the integral of :meth:`cumulative` from 0."""
        ...


@dataclass(frozen=True)
class ForecastBins:
    """The time to be forecast, cut into equal steps from the last moment known.

    Parameters
    ----------
    steps : int
        Number of steps.
    days : float
        Length of a step, days.
    first, last : ndarray of int64
        Half-open span of steps of each period to forecast.
    """

    steps: int
    days: float
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]

    @classmethod
    def from_periods(cls, known_until: pd.Timestamp, periods: pd.PeriodIndex, calendar: Calendar) -> "ForecastBins":
        """Return the steps from a moment to the end of some periods."""
        pace = _STEPS_A_DAY[calendar.period_unit]
        first, last = (
            np.asarray((moments - known_until).days * pace, dtype=np.int64)
            for moments in (periods.start_time, (periods + 1).start_time)
        )
        return cls(int(last[-1]), 1.0 / pace, first, last)

    def by_period(self, counts: Floats) -> Floats:
        """Return sums over the steps of each period."""
        total = np.concatenate([np.zeros((*counts.shape[:-1], 1)), np.cumsum(counts, axis=-1)], axis=-1)
        return np.asarray(total[..., self.last] - total[..., self.first])


def repeats_of(delays: Delays, ages: Floats, ahead: ForecastBins) -> Floats:
    """Return the direct repeats still expected of each known incident."""
    return np.diff(delays.cumulative(ages[:, None] + ahead.days * np.arange(ahead.steps + 1)), axis=1)


def step_repeats(delays: Delays, ahead: ForecastBins) -> Floats:
    """Return the direct repeats that an incident of a step sets off in that step and in each later one."""
    area = delays.area(ahead.days * np.arange(-1.0, ahead.steps + 1))
    return np.asarray(np.diff(area, 2) / ahead.days)


def next_generation(parents: Floats, step: Floats) -> Floats:
    """Return the direct repeats of expected incidents."""
    lag = np.subtract.outer(np.arange(len(step)), np.arange(len(step)))
    onto = np.where(lag >= 0, step[np.abs(lag)], 0.0)
    return np.asarray(parents @ onto.T)


def all_generations(first: Floats, step: Floats) -> Floats:
    """Return expected incidents together with their repeats, the repeats of these, and so on."""
    kernel = -step
    kernel[0] += 1.0
    nothing = np.zeros_like(kernel)
    nothing[0] = kernel[0]
    return np.asarray(solve_toeplitz((kernel, nothing), first.T, check_finite=False).T)
