"""Expected incidents of a branching process: background, repeats of known incidents, and repeats of those.

The mean of a self-exciting process over its future solves a linear recursion (Hawkes and Oakes, 1974, Journal of
Applied Probability 11, 493-503).
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
    """The expected number of repeats of one incident by the time after it."""

    def cumulative(self, days: Floats) -> Floats:
        """Return the expected repeats within some days; 0 for negative days."""
        ...

    def area(self, days: Floats) -> Floats:
        """Return the integral of :meth:`cumulative` from 0."""
        ...


@dataclass(frozen=True)
class ForecastBins:
    """The time to forecast in equal steps, from the last known moment on."""

    steps: int
    days: float  # length of a step
    first: npt.NDArray[np.int64]  # first step of each period
    last: npt.NDArray[np.int64]  # step after the last one of each period

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


def expected_repeats(delays: Delays, ages: Floats, bins: ForecastBins) -> Floats:
    """Return the expected direct repeats of each known incident in each step, from its age in days."""
    return np.diff(delays.cumulative(ages[:, None] + bins.days * np.arange(bins.steps + 1)), axis=1)


def step_repeats(delays: Delays, bins: ForecastBins) -> Floats:
    """Return the expected direct repeats of an incident in its own step and in each later step."""
    area = delays.area(bins.days * np.arange(-1.0, bins.steps + 1))
    return np.asarray(np.diff(area, 2) / bins.days)


def next_generation(parents: Floats, step: Floats) -> Floats:
    """Return the direct repeats of expected incidents, shape (incidents, steps)."""
    lag = np.subtract.outer(np.arange(len(step)), np.arange(len(step)))
    kernel = np.where(lag >= 0, step[np.abs(lag)], 0.0)
    return np.asarray(parents @ kernel.T)


def all_generations(first: Floats, step: Floats) -> Floats:
    """Return expected incidents with their repeats of all generations."""
    kernel = -step
    kernel[0] += 1.0
    nothing = np.zeros_like(kernel)
    nothing[0] = kernel[0]
    return np.asarray(solve_toeplitz((kernel, nothing), first.T, check_finite=False).T)
