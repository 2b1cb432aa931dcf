"""Moving average of the latest periods: the baseline that every method must beat."""

import numpy as np
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.family_reasons import RECENT, mean_cell, recent_count
from ilp_models.domain.features import OWN_PAST
from ilp_models.domain.forecaster import Cube
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster
from ilp_models.model.reason_parts import Parts, split_own_past


class MovingAverage(HindcastForecaster):
    """Mean count of each cell and crime type over the latest periods.

    Parameters
    ----------
    window : int or None, default 52
        Number of periods; fewer if the past is shorter. 1 repeats the last period. None takes the whole past.

    Examples
    --------
    >>> forecast = MovingAverage(window=26).fit(history).predict(next_week)
    >>> bool(forecast.expected[0, 0, 0] == history.panel.values[0, 0, -26:].mean())
    True
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
        """Return the means of the ``window`` periods that end ``step`` periods before each target."""
        counts = history.panel.by_period
        stop = np.clip(history.usable_periods(periods, step), 0, None)
        start = np.zeros_like(stop) if self.window is None else np.clip(stop - self.window, 0, None)
        first, last = int(start[0]), int(stop[-1])
        totals = np.zeros((last - first + 1, *counts.shape[1:]), dtype=np.float64)
        np.cumsum(counts[first:last], axis=0, dtype=np.float64, out=totals[1:])
        length = np.maximum(stop - start, 1)[:, None, None]
        return np.asarray((totals[stop - first] - totals[start - first]) / length)

    def split_hindcast(self, history: History, period: pd.PeriodIndex, step: int, expected: Cube) -> Parts:
        """Return the usual level, which is the older part of the window, and the last weeks."""
        recent = recent_count(history)
        if self.window is not None and self.window <= recent:
            reference = mean_cell(history)
            return reference, {RECENT: expected - reference[:, None]}
        older = MovingAverage(None if self.window is None else self.window - recent)
        return split_own_past(history, expected, step, lambda step: older.hindcast(history, period, step)[0])
