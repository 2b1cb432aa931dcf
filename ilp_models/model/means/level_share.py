"""City level times cell share: the two are forecast separately because they change at different speeds."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.calendar_terms import CalendarTerms
from ilp_models.domain.family_reasons import NEIGHBOURS, OTHER_TYPES, SEASON, TREND, USUAL
from ilp_models.domain.features import OWN_PAST
from ilp_models.domain.forecaster import Cube
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster, deviance_by_type, recent_periods
from ilp_models.model.reason_parts import Parts, city_levels, split_level_and_shares, split_shares
from ilp_models.stats.filters import exponential_means

_CALENDAR: Final = CalendarTerms()
_TREND_HALF_LIFE: Final = 0.25  # years; slower change is trend, not calendar
_RIDGE: Final = 1.0
_MEMORY_YEARS: Final = 2.0  # latest past on which the memory of the level is learned
_MEMORY_RIDGE: Final = 0.02  # of the regression of one log deviation on the last one
_STRONGEST_MEMORY: Final = 0.9
_LEAST_GAIN: Final = 2.0  # of the deviance, for which the memory of a crime type is used
_FEWEST_PERIODS: Final = 26  # with fewer, no memory is learned
_BURN_IN: Final = 8
_WITHIN_A_YEAR: Final = ("weekday_", "first_of_month", "holidays")  # terms that recur within a year


class LevelShare(HindcastForecaster):
    """City level of each crime type times the share of each cell.

    Shares are slow exponentially weighted means, mixed with the shares of all crime types together and smoothed over
    the neighbours. The level is a fast exponentially weighted mean of the city count, after division by a calendar
    index (season, holidays, first of the month, weekdays). Its half-life has the smallest deviance over the latest
    year.

    Parameters
    ----------
    half_life : float, default 80
        Half-life of the shares, periods.
    mix : float, default 0.1
        Weight of the shares of all crime types together, 0 to 1.
    smoothing : float, default 0.1
        Weight of the neighbourhood mean, 0 to 1.
    reach_cells : float, default 1.0
        Width of the Gaussian neighbourhood, in steps between neighbouring cells.
    level_half_lives : sequence of float
        Candidate half-lives of the level, periods.
    calendar : CalendarTerms
        Terms of the calendar index. By default one harmonic of the year, and the holidays of the events' country.
    level_memory : bool, default False
        Whether the latest deviation of the city count from the level lasts. The log deviation of a period is then
        ``level_memory_`` times that of the period before (first-order autoregression). It is used for a crime type
        only where it lowered the deviance over the latest two years by more than 2.

    Examples
    --------
    >>> forecast = LevelShare(half_life=52).fit(history).predict(next_week)
    >>> forecast.expected.sum("cell").shape
    (2, 1)
    """

    share_column = OWN_PAST
    level_half_lives_: npt.NDArray[np.float64]
    calendar_: npt.NDArray[np.float64]  # coefficients (terms, crime types)
    level_memory_: npt.NDArray[np.float64]  # by crime type; 0 where the level has none

    def __init__(
        self,
        half_life: float = 80,
        mix: float = 0.1,
        smoothing: float = 0.1,
        reach_cells: float = 1.0,
        level_half_lives: Sequence[float] = (2, 4, 8, 16, 52, 208),
        calendar: CalendarTerms = _CALENDAR,
        *,
        level_memory: bool = False,
    ) -> None:
        self.half_life = half_life
        self.mix = mix
        self.smoothing = smoothing
        self.reach_cells = reach_cells
        self.level_half_lives = level_half_lives
        self.calendar = calendar
        self.level_memory = level_memory

    def _tune(self, history: History) -> None:
        self.calendar_ = self._fit_calendar(history)
        targets = recent_periods(history)
        totals = history.panel.by_period.sum(axis=2, keepdims=True, dtype=np.float64)
        observed = totals[-len(targets) :]
        levels = self._candidate_levels(history, targets, history.first_step, self.level_half_lives)
        losses = [deviance_by_type(observed, level[..., None]) for level in levels]
        self.level_half_lives_ = np.asarray(self.level_half_lives, dtype=float)[np.argmin(losses, axis=0)]
        if self.level_memory:
            self.level_memory_ = self._fit_memory(history)

    def _fit_memory(self, history: History) -> npt.NDArray[np.float64]:
        """Return how much of the log deviation of a period lasts, by crime type; 0 where that gains little."""
        known = history.panel.periods
        latest = known[-min(len(known) - 1, round(_MEMORY_YEARS * history.calendar.per_year)) :]
        if len(latest) < _FEWEST_PERIODS:
            return np.zeros(len(history.events.crime_types))
        observed, level = self._known_levels(history, latest)
        deviation = np.log((observed + 0.5) / (level + 0.5))
        before, after = deviation[:-1], deviation[1:]
        memory = np.clip((before * after).sum(axis=0) / ((before**2).sum(axis=0) + _MEMORY_RIDGE), 0, _STRONGEST_MEMORY)
        counts = observed[1:, :, None]
        without = deviance_by_type(counts, level[1:, :, None])
        gained = without - deviance_by_type(counts, (level[1:] * np.exp(memory * before))[..., None])
        return np.where(gained > _LEAST_GAIN, memory, 0.0)

    def _known_levels(
        self, history: History, periods: pd.PeriodIndex
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return city counts and plain levels (periods, crime types) of known periods, one period ahead."""
        first = int(periods.asi8[0] - history.panel.periods.asi8[0])
        observed = history.panel.by_period[first : first + len(periods)].sum(axis=2, dtype=np.float64)
        return observed, self._plain_levels(history, periods, 1)

    def _terms(self, history: History, periods: pd.PeriodIndex) -> npt.NDArray[np.float64]:
        return self.calendar.for_events(history.events).values(periods, history.calendar)

    def _fit_calendar(self, history: History) -> npt.NDArray[np.float64]:
        """Regress the detrended log city counts on the detrended calendar terms (ridge)."""
        periods = history.panel.periods
        terms = self._terms(history, periods)
        learned = self._learnable_terms(history)
        logs = np.log(history.panel.by_period.sum(axis=2, dtype=np.float64) + 0.5)
        order = np.arange(len(periods))
        half_life = _TREND_HALF_LIFE * history.calendar.per_year
        trend = 0.5 ** (np.abs(np.subtract.outer(order, order)) / half_life)
        trend /= trend.sum(axis=1, keepdims=True)
        terms, logs = (terms - trend @ terms)[:, learned], logs - trend @ logs
        index = np.zeros((len(learned), logs.shape[1]))
        index[learned] = np.linalg.solve(terms.T @ terms + _RIDGE * np.eye(terms.shape[1]), terms.T @ logs)
        return index

    def _learnable_terms(self, history: History) -> npt.NDArray[np.bool_]:
        """Return which terms can be learned: all from two years on, before that those of days that recur in a year."""
        names = self.calendar.for_events(history.events).names(history.calendar)
        if len(history.panel.periods) >= 2 * history.calendar.per_year:
            return np.ones(len(names), dtype=bool)
        return np.array([history.calendar.period_unit == "day" and name.startswith(_WITHIN_A_YEAR) for name in names])

    def _candidate_levels(
        self, history: History, periods: pd.PeriodIndex, step: int, half_lives: Iterable[float]
    ) -> Iterator[npt.NDArray[np.float64]]:
        """Yield the expected city counts (periods, crime types) for each half-life of the level."""
        totals = history.panel.by_period.sum(axis=2, dtype=np.float64)
        adjusted = totals / self.calendar_index(history, history.panel.periods)
        usable, index = history.usable_periods(periods, step), self.calendar_index(history, periods)
        for half_life in half_lives:
            yield np.asarray(exponential_means(adjusted, half_life, usable) * index)

    def calendar_index(self, history: History, periods: pd.PeriodIndex) -> npt.NDArray[np.float64]:
        """Return the factors of season, holidays and weekdays in the level (periods, crime types)."""
        return np.exp(self._terms(history, periods) @ self.calendar_)

    def hindcast(self, history: History, periods: pd.PeriodIndex, step: int) -> Cube:
        """Return level times share with the learned settings."""
        own, every = self._plain_shares(history, periods, step)
        shares = (1 - self.mix) * own + self.mix * every
        shares += self.smoothing * (_shares(history.grid.smoothed(shares, self.reach_cells)) - shares)
        return np.asarray(shares * self._levels(history, periods, step)[:, :, None])

    def _plain_shares(self, history: History, periods: pd.PeriodIndex, step: int) -> tuple[Cube, Cube]:
        """Return the shares of each crime type and of all together, before they are mixed and smoothed."""
        means = history.panel.past.exponential_means(self.half_life, history.usable_periods(periods, step))
        return _shares(means), _shares(means.sum(axis=1, keepdims=True))

    def _levels(self, history: History, periods: pd.PeriodIndex, step: int) -> npt.NDArray[np.float64]:
        """Return the expected city counts (periods, crime types), with the part of the latest deviation that lasts."""
        level = self._plain_levels(history, periods, step)
        if not self.level_memory or not self.level_memory_.any():
            return level
        observed, known = self._known_levels(history, history.panel.periods)
        deviation = np.log((observed + 0.5) / (known + 0.5))
        deviation[:_BURN_IN] = 0.0  # the level has seen too little
        last = history.usable_periods(periods, step) - 1
        latest = np.where((last >= 0)[:, None], deviation[np.maximum(last, 0)], 0.0)
        return np.asarray(level * np.exp(self.level_memory_**step * latest))

    def _plain_levels(self, history: History, periods: pd.PeriodIndex, step: int) -> npt.NDArray[np.float64]:
        """Return the expected city counts (periods, crime types) with the learned half-lives."""
        level = np.empty((len(periods), len(self.level_half_lives_)))
        half_lives = np.unique(self.level_half_lives_)
        candidates = self._candidate_levels(history, periods, step, half_lives.tolist())
        for half_life, candidate in zip(half_lives, candidates, strict=True):
            chosen = self.level_half_lives_ == half_life
            level[:, chosen] = candidate[:, chosen]
        return level

    def split_hindcast(self, history: History, period: pd.PeriodIndex, step: int, expected: Cube) -> Parts:
        """Return trend and time of year of the level, and own share, other crime types and neighbours of the share."""
        level, index = self._levels(history, period, step)[0], self.calendar_index(history, period)[0]
        own, every = (shares[0] for shares in self._plain_shares(history, period, step))
        mixed = self.mix * (every - own)
        share = expected / np.where(level > 0, level, 1.0)[:, None]
        levels = {TREND: (level / index, city_levels(history)), SEASON: (index, np.ones(len(index)))}
        shares = {USUAL: split_shares(own), OTHER_TYPES: split_shares(mixed)}
        return split_level_and_shares(levels, shares | {NEIGHBOURS: split_shares(share - own - mixed)})


def _shares(values: Cube) -> Cube:
    """Return values divided by their sum over the cells; equal shares if the sum is 0."""
    total = values.sum(axis=2, keepdims=True, dtype=np.float64)
    shares = np.full(values.shape, 1.0 / values.shape[2])
    np.divide(values, total, out=shares, where=total > 0)
    return shares
