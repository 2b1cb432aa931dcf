"""The mean of the same time of earlier years."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.features import OWN_PAST
from ilp_models.domain.forecaster import Cube
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster

Ints = npt.NDArray[np.int64]


class SeasonalMean(HindcastForecaster):
    """The mean count of each cell and crime type at the same time of all earlier years.

    A period that has no such past yet is forecast by the mean of all its past.

    Parameters
    ----------
    width : int, default 2
        Periods taken in before and after the one that holds the same day a year, two years, ... before.
    """

    share_column = OWN_PAST

    def __init__(self, width: int = 2) -> None:
        self.width = width

    def _tune(self, history: History) -> None:
        del history
        if self.width < 0:
            msg = f"width={self.width} must be at least 0 periods."
            raise InputError(msg)

    def hindcast(self, history: History, periods: pd.PeriodIndex, step: int) -> Cube:
        """Return the means of the same time of earlier years, of counts up to ``step`` periods before each target."""
        counts = history.panel.by_period
        seen = np.clip(history.usable_periods(periods, step), 0, None)
        totals = np.zeros((int(seen[-1]) + 1, *counts.shape[1:]), dtype=np.float64)
        np.cumsum(counts[: seen[-1]], axis=0, dtype=np.float64, out=totals[1:])
        first, last = self._seasons(history, periods, seen)
        season = np.zeros((len(periods), *counts.shape[1:]))
        for start, stop in zip(first, last, strict=True):
            season += totals[stop] - totals[start]
        length = (last - first).sum(axis=0)
        none = length == 0
        season[none], length[none] = totals[seen[none]], np.maximum(seen[none], 1)
        return np.asarray(season / length[:, None, None])

    def _seasons(self, history: History, periods: pd.PeriodIndex, seen: Ints) -> tuple[Ints, Ints]:
        """Return where the known seasons of each target start and end, shape (years, periods); equal if unknown."""
        known = history.panel.periods
        middle = periods.start_time + (periods.end_time - periods.start_time) / 2
        years = range(1, max(periods[-1].year - known[0].year, 0) + 2)
        places = [(middle - pd.DateOffset(years=year)).to_period(known.freqstr).asi8 - known.asi8[0] for year in years]
        centre = np.stack(places)
        first = np.clip(centre - self.width, 0, seen)
        return first, np.clip(centre + self.width + 1, first, seen)
