"""The mean of the latest periods: the baseline that every method must beat."""

import numpy as np
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.features import OWN_PAST
from ilp_models.domain.forecaster import Cube
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster


class MovingAverage(HindcastForecaster):
    """The mean count of each cell and crime type over the latest periods.

    Parameters
    ----------
    window : int or None, default 52
        Periods averaged, fewer where the past is shorter; 1 repeats the last period, None averages all of the past.
    """

    share_column = OWN_PAST

    def __init__(self, window: int | None = 52) -> None:
        self.window = window

    def _tune(self, history: History) -> None:
        del history
        if self.window is not None and self.window < 1:
            msg = f"window={self.window} must be at least 1 period."
            raise InputError(msg)

    def hindcast(self, history: History, periods: pd.PeriodIndex, step: int) -> Cube:
        """Return the mean of the ``window`` periods that end ``step`` periods before each target."""
        counts = history.panel.by_period
        seen = np.clip(history.usable_periods(periods, step), 0, None)
        first = np.zeros_like(seen) if self.window is None else np.clip(seen - self.window, 0, None)
        start, stop = int(first[0]), int(seen[-1])
        totals = np.zeros((stop - start + 1, *counts.shape[1:]), dtype=np.float64)
        np.cumsum(counts[start:stop], axis=0, dtype=np.float64, out=totals[1:])
        length = np.maximum(seen - first, 1)[:, None, None]
        return np.asarray((totals[seen - start] - totals[first - start]) / length)
