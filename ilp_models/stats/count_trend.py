"""The yearly trend of a series of monthly counts, with its interval."""

import numpy as np

from ilp_models.stats.level_shift import Floats, ShiftEstimate, fit_log_linear

_YEAR = 12


def yearly_trend(counts: Floats) -> ShiftEstimate:
    """Return the factor by which monthly counts change in a year, with its 95 % interval.

    A quasi-Poisson regression on time and the month of the year.
    """
    time = np.arange(len(counts))
    months = [(time % _YEAR == month).astype(np.float64) for month in range(1, _YEAR)]
    return fit_log_linear(counts, np.column_stack([np.ones(len(time)), *months, time / _YEAR]))
