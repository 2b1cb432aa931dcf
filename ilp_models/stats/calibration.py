"""Calibration slope and intercept: a Poisson regression of recorded counts on the log of the forecasts."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.stats.bootstrap import Bootstrap

Floats = npt.NDArray[np.float64]

_STEPS: Final = 100
_LARGEST_STEP: Final = 1.0


@dataclass(frozen=True, eq=False)
class CalibrationLine:
    """A fit of log(mean count) = intercept + slope * log(expected count).

    Calibrated forecasts have slope 1 and intercept 0. A slope below 1 means that high forecasts are too high and low
    forecasts too low. With a slope of 1, forecasts are wrong by the factor exp(intercept).
    """

    slope: float
    intercept: float
    influence: Floats  # (periods, 2): first-order effect of each period on (intercept, slope)

    def intervals(self, resampling: Bootstrap) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the confidence intervals of the slope and of the intercept, from resampled influences."""
        periods = len(self.influence)
        if not resampling.enough(periods):
            return (np.nan, np.nan), (np.nan, np.nan)
        drawn = np.array([self.intercept, self.slope]) + resampling.weights(periods) @ self.influence
        low, high = resampling.interval(drawn, periods)
        return (float(low[1]), float(high[1])), (float(low[0]), float(high[0]))


def calibration_line(
    observed: npt.ArrayLike, expected: npt.ArrayLike, weight: npt.ArrayLike = 1.0, floor: float = 0.005
) -> CalibrationLine:
    """Return the Poisson regression of counts on the logarithm of their forecasts (Cox 1958)."""
    y, p = np.asarray(observed, dtype=float), np.asarray(expected, dtype=float)
    _check(y, p, floor)
    shape = (-1, y.shape[-1])
    w = np.broadcast_to(np.asarray(weight, dtype=float), y.shape).reshape(shape)
    y, x = y.reshape(shape), np.log(np.maximum(p, floor)).reshape(shape)
    events = float((w * y).sum())
    if not events > 0 or np.ptp(x[w > 0]) < 1e-9:
        msg = "A calibration line needs events and forecasts that differ between cells or periods. Add periods."
        raise NotRunError(msg)
    line = np.array([np.log(events / float((w * np.exp(x)).sum())), 1.0])
    for _ in range(_STEPS):
        mean = w * np.exp(line[0] + line[1] * x)
        residual = w * y - mean
        gradient = np.stack([residual.sum(axis=0), (residual * x).sum(axis=0)], axis=1)
        first = float((mean * x).sum())
        influence = gradient @ np.linalg.inv([[float(mean.sum()), first], [first, float((mean * x * x).sum())]])
        step = influence.sum(axis=0)
        if np.abs(step).max() < 1e-9:
            return CalibrationLine(float(line[1]), float(line[0]), influence)
        line = line + step * min(1.0, _LARGEST_STEP / np.abs(step).max())
    msg = f"The calibration line did not converge in {_STEPS} steps: {events:.0f} events are too few. Add periods."
    raise NotRunError(msg)


def _check(observed: Floats, expected: Floats, floor: float) -> None:
    if observed.shape != expected.shape or observed.ndim == 0:
        msg = f"Counts have shape {observed.shape} and forecasts {expected.shape}. Pass arrays of one shape."
        raise InputError(msg)
    if not ((observed >= 0).all() and (expected >= 0).all() and floor > 0):
        msg = f"Calibration needs counts and forecasts without NaN or negative values, and floor={floor} above 0."
        raise InputError(msg)
