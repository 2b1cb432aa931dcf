"""Exponentially weighted moving averages (EWMA) of counts, in one pass over the periods."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.floating[Any]]


def exponential_means(
    counts: Floats, half_life: float, usable_periods: npt.NDArray[np.integer[Any]], out: Floats | None = None
) -> Floats:
    """Return exponentially weighted means of counts after each number of usable periods.

    Weights are scaled to sum to 1, so a short history does not give a low rate. ``counts`` has periods on axis 0.
    """
    if not half_life > 0:
        msg = f"A half-life of {half_life:g} periods must be above 0."
        raise InputError(msg)
    decay = counts.dtype.type(0.5 ** (1.0 / half_life))
    if out is None:
        out = np.empty((len(usable_periods), *counts.shape[1:]), dtype=counts.dtype)
    state = np.zeros(counts.shape[1:], dtype=counts.dtype)
    weight = 0.0
    position = int(np.searchsorted(usable_periods, 0, side="right"))
    out[:position] = 0
    for period in range(1, int(usable_periods[-1]) + 1 if len(usable_periods) else 0):
        state *= decay
        state += counts[period - 1]
        weight = weight * float(decay) + 1.0
        while position < len(usable_periods) and usable_periods[position] == period:
            np.divide(state, counts.dtype.type(weight), out=out[position, ...])
            position += 1
    return out
