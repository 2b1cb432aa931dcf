"""Seasonal mean: the mean of the same time of earlier years."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.family_reasons import SEASON, USUAL, mean_cell
from ilp_models.domain.features import OWN_PAST
from ilp_models.domain.forecaster import Cube
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.reason_parts import Parts

Ints = npt.NDArray[np.int64]


class SeasonalMean(HindcastForecaster):
    """Mean count of each cell and crime type at the same time of all earlier years.

    A period without an earlier year gets the mean of its whole past.

    Parameters
    ----------
    width : int, default 2
        Periods before and after the period that holds the same day one, two, ... years ago.

    Examples
    --------
    >>> SeasonalMean(width=3).fit(history).predict(next_week).expected.shape
    (2, 12, 1)
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
        """Return the means of the same season of earlier years, from counts up to ``step`` periods before each."""
        counts = history.panel.by_period
        usable = np.clip(history.usable_periods(periods, step), 0, None)
        totals = np.zeros((int(usable[-1]) + 1, *counts.shape[1:]), dtype=np.float64)
        np.cumsum(counts[: usable[-1]], axis=0, dtype=np.float64, out=totals[1:])
        first, last = self._seasons(history, periods, usable)
        season = np.zeros((len(periods), *counts.shape[1:]))
        for start, stop in zip(first, last, strict=True):
            season += totals[stop] - totals[start]
        length = (last - first).sum(axis=0)
        none = length == 0
        season[none], length[none] = totals[usable[none]], np.maximum(usable[none], 1)
        return np.asarray(season / length[:, None, None])

    def split_hindcast(self, history: History, period: pd.PeriodIndex, step: int, expected: Cube) -> Parts:
        """Return the usual level, which is the mean of the whole past, and the time of year."""
        reference, usual = mean_cell(history), MovingAverage(None).hindcast(history, period, step)[0]
        return reference, {USUAL: usual - reference[:, None], SEASON: expected - usual}

    def _seasons(self, history: History, periods: pd.PeriodIndex, usable: Ints) -> tuple[Ints, Ints]:
        """Return the start and end of the known seasons of each target, shape (years, periods); equal if unknown."""
        known = history.panel.periods
        middle = periods.start_time + (periods.end_time - periods.start_time) / 2
        years = range(1, max(periods[-1].year - known[0].year, 0) + 2)
        places = [(middle - pd.DateOffset(years=year)).to_period(known.freqstr).asi8 - known.asi8[0] for year in years]
        centre = np.stack(places)
        first = np.clip(centre - self.width, 0, usable)
        return first, np.clip(centre + self.width + 1, first, usable)
