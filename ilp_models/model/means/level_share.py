"""A city's level, shared out over its cells: the two are forecast apart because they change at different speeds."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.calendar_terms import CalendarTerms
from ilp_models.domain.features import OWN_PAST
from ilp_models.domain.forecaster import Cube
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster, deviance_by_type, recent_periods
from ilp_models.stats.filters import exponential_means

_TREND_HALF_LIFE: Final = 0.25  # years; slower change than this is trend, not calendar
_RIDGE: Final = 1.0
_WITHIN_A_YEAR: Final = ("weekday_", "first_of_month", "holidays")  # terms that days meet again and again in a year


class LevelShare(HindcastForecaster):
    """City level of each crime type times the share of each cell.

    Shares are slow exponentially weighted means, mixed with the shares of all types together and with the
    surroundings. The level is a fast exponentially weighted mean of the city's count after a calendar index
    (season, holidays, first of the month, weekdays) has been divided out; its half-life is the one with the least
    deviance over the latest year.

    Parameters
    ----------
    half_life : float, default 80
        Half-life of the shares, in periods.
    mix : float, default 0.1
        Weight of the shares of all crime types together, 0 to 1.
    smoothing : float, default 0.1
        Weight of the surroundings, 0 to 1.
    reach : float, default 1.0
        Extent of the surroundings, in steps between neighbours.
    level_half_lives : sequence of float
        Half-lives of the level to choose from, in periods.
    calendar : CalendarTerms, optional
        Terms of the calendar index; by default one harmonic of the year and the holidays of the events' country.
    """

    share_column = OWN_PAST
    level_half_lives_: npt.NDArray[np.float64]
    calendar_: npt.NDArray[np.float64]

    def __init__(
        self,
        half_life: float = 80,
        mix: float = 0.1,
        smoothing: float = 0.1,
        reach: float = 1.0,
        level_half_lives: Sequence[float] = (2, 4, 8, 16, 52, 208),
        calendar: CalendarTerms | None = None,
    ) -> None:
        self.half_life = half_life
        self.mix = mix
        self.smoothing = smoothing
        self.reach = reach
        self.level_half_lives = level_half_lives
        self.calendar = calendar

    def _tune(self, history: History) -> None:
        self.calendar_ = self._fit_calendar(history)
        targets = recent_periods(history)
        totals = history.panel.by_period.sum(axis=2, keepdims=True, dtype=np.float64)
        observed = totals[-len(targets) :]
        losses = []
        for half_life in self.level_half_lives:
            level = self._level(history, targets, history.first_step, half_life)
            losses.append(deviance_by_type(observed, level[..., None]))
        self.level_half_lives_ = np.asarray(self.level_half_lives, dtype=float)[np.argmin(losses, axis=0)]

    def _calendar_terms(self, history: History) -> CalendarTerms:
        return (self.calendar or CalendarTerms()).for_events(history.events)

    def _terms(self, history: History, periods: pd.PeriodIndex) -> npt.NDArray[np.float64]:
        return self._calendar_terms(history).values(periods, history.calendar)

    def _fit_calendar(self, history: History) -> npt.NDArray[np.float64]:
        """Regress the log city counts on the calendar after taking a smooth trend out of both (ridge)."""
        periods = history.panel.periods
        terms = self._terms(history, periods)
        learned = self._learnable(history)
        logs = np.log(history.panel.by_period.sum(axis=2, dtype=np.float64) + 0.5)
        order = np.arange(len(periods))
        half_life = _TREND_HALF_LIFE * history.calendar.per_year
        trend = 0.5 ** (np.abs(np.subtract.outer(order, order)) / half_life)
        trend /= trend.sum(axis=1, keepdims=True)
        terms, logs = (terms - trend @ terms)[:, learned], logs - trend @ logs
        index = np.zeros((len(learned), logs.shape[1]))
        index[learned] = np.linalg.solve(terms.T @ terms + _RIDGE * np.eye(terms.shape[1]), terms.T @ logs)
        return index

    def _learnable(self, history: History) -> npt.NDArray[np.bool_]:
        """Return which terms the past can tell: all from two years on, of shorter days what recurs within a year."""
        names = self._calendar_terms(history).names(history.calendar)
        if len(history.panel.periods) >= 2 * history.calendar.per_year:
            return np.ones(len(names), dtype=bool)
        return np.array([history.calendar.period_unit == "day" and name.startswith(_WITHIN_A_YEAR) for name in names])

    def _level(self, history: History, periods: pd.PeriodIndex, step: int, half_life: float) -> npt.NDArray[np.float64]:
        """Return the expected city counts, shape (periods, crime types)."""
        index = np.exp(self._terms(history, history.panel.periods) @ self.calendar_)
        plain = history.panel.by_period.sum(axis=2, dtype=np.float64) / index
        ahead = np.exp(self._terms(history, periods) @ self.calendar_)
        return np.asarray(exponential_means(plain, half_life, history.usable_periods(periods, step)) * ahead)

    def hindcast(self, history: History, periods: pd.PeriodIndex, step: int) -> Cube:
        """Return level times share with the settings learned."""
        own = exponential_means(history.panel.by_period, self.half_life, history.usable_periods(periods, step))
        shares = (1 - self.mix) * _shares(own) + self.mix * _shares(own.sum(axis=1, keepdims=True))
        shares += self.smoothing * (_shares(history.grid.smoothed(shares, self.reach)) - shares)
        level = np.empty((len(periods), own.shape[1]))
        for half_life in np.unique(self.level_half_lives_):
            chosen = self.level_half_lives_ == half_life
            level[:, chosen] = self._level(history, periods, step, float(half_life))[:, chosen]
        return np.asarray(shares * level[:, :, None])


def _shares(values: Cube) -> Cube:
    """Return values as parts of their sum over the cells; equal parts where there is nothing yet."""
    total = values.sum(axis=2, keepdims=True, dtype=np.float64)
    shares = np.full(values.shape, 1.0 / values.shape[2])
    np.divide(values, total, out=shares, where=total > 0)
    return shares
