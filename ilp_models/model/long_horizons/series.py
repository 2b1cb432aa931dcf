"""Forecast each crime type in each cell as one series of counts, many periods ahead."""

from abc import abstractmethod
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.features import OWN_PAST
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.history import History
from ilp_models.stats.distributions import quantiles

Floats = npt.NDArray[np.float64]

_LEAST_PERIODS: Final = 8
_SMALLEST: Final = 1e-3  # mean below which no variance is known
_LARGEST: Final = 100.0  # dispersion
_UNITS: Final = {"M": "month", "W": "week", "D": "day"}
# periods of each cycle, the main one first; weeks of a year are too many to fit
SEASONS: Final = {"month": (12,), "day": (7, 365)}


class SeriesForecaster(Forecaster):
    """A method for single series of counts, which uses neither neighbours nor other crime types.

    It suits few cells with many events: a city, or its districts, by month or by day. A subclass writes ``_forecast``.

    Parameters
    ----------
    train_periods : int, default 36
        Latest periods to learn from; at least twice the season.
    season : int, optional
        Periods of a cycle. By default 12 for months, and 0 (no season) for weeks. For days 7, and also the year where
        ``train_periods`` holds two: two harmonics of it are removed first and added to the forecast.
    """

    share_column = OWN_PAST

    def __init__(self, train_periods: int = 36, season: int | None = None) -> None:
        self.train_periods = train_periods
        self.season = season

    def _fit(self, history: History) -> None:
        self.seasons_ = self.seasons(history.calendar.period_unit, len(history.panel.periods))
        # (crime types, cells, periods)
        self.counts_ = np.moveaxis(history.panel.by_period[-self.train_periods :], 0, 2).astype(np.float64)

    def seasons(self, unit: str, known: int) -> tuple[int, ...]:
        """Return the periods of each cycle; refuse settings that do not fit, and too few known periods."""
        usual = SEASONS.get(unit, ())
        usual = (*usual[:1], *(cycle for cycle in usual[1:] if 2 * cycle <= self.train_periods))
        seasons = usual if self.season is None else (self.season,) if self.season else ()
        season = seasons[0] if seasons else 0
        if season < 0 or season == 1 or self.train_periods < max(2 * season, _LEAST_PERIODS):
            msg = (
                f"season={season} and train_periods={self.train_periods} do not fit. A season has at least 2 periods, "
                f"or is 0 for none; a method learns from at least {_LEAST_PERIODS} periods and two seasons."
            )
            raise InputError(msg)
        if known < self.train_periods:
            msg = (
                f"There are {known} {unit}s of records, and train_periods={self.train_periods}. Give more data, or a "
                "smaller train_periods."
            )
            raise NotRunError(msg)
        return seasons

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, Floats]:
        shape = (*self.counts_.shape[:2], len(steps))
        expected, variance = np.zeros(shape), np.zeros(shape)
        for unit in np.ndindex(shape[:2]):
            mean, spread = self.moments(self.counts_[unit], int(steps[-1]), self.seasons_)
            spread = spread + self.drift_variance(self.counts_[unit], int(steps[-1]), unit_of(periods))
            expected[unit], variance[unit] = mean[steps - 1], spread[steps - 1]
        return expected, dispersion_of(expected, variance)

    def moments(self, counts: Floats, horizon: int, seasons: tuple[int, ...]) -> tuple[Floats, Floats]:
        """Return means and variances of the next periods, shape (horizon,) each; a constant series is continued.

        The counts are those of the training periods.
        """
        if not counts.any() or (counts == counts[0]).all():
            return np.full(horizon, counts[0]), np.zeros(horizon)
        cycles = longer_cycles(counts, horizon, seasons)
        mean, variance = self._forecast(counts - cycles[: len(counts)], horizon, seasons[:1])
        return np.clip(mean + cycles[len(counts) :], 0, None), variance

    def drift_variance(self, counts: Floats, horizon: int, unit: str) -> Floats:
        """Return what a drift of the level adds to the variances of the moments, shape (..., horizon): here 0.

        Intervals include it, and the weights of a reconciliation do not, so that no expected count depends on it.
        """
        del unit
        return np.zeros((*counts.shape[:-1], horizon))

    @abstractmethod
    def _forecast(self, counts: Floats, horizon: int, seasons: tuple[int, ...]) -> tuple[Floats, Floats]:
        """Return means and variances of the periods after a series, shape (horizon,) each."""

    def forecast_series(self, counts: pd.DataFrame | pd.Series, horizon: int) -> pd.DataFrame:
        """Return the forecast of series of counts that have no events behind them, such as published monthly totals.

        Parameters
        ----------
        counts : DataFrame or Series
            One column for each series; the index is a PeriodIndex of months, weeks or days without a gap.
        horizon : int
            Periods ahead.

        Returns
        -------
        DataFrame
            One row for each series and period: ``series, period, expected, q05, q25, q50, q75, q95``.

        Raises
        ------
        InputError
            If a period or a count is missing, or the horizon is below 1.
        NotRunError
            If there are fewer periods than ``train_periods``.
        """
        table = counts.to_frame() if isinstance(counts, pd.Series) else counts
        index, unit = _check_series(table, horizon)
        seasons = self.seasons(unit, len(table))
        ahead = pd.period_range(index[-1] + 1, periods=horizon, freq=index.freqstr, name="period")
        found = []
        for name, column in table.items():
            known = column.to_numpy(dtype=np.float64)[-self.train_periods :]
            mean, variance = self.moments(known, horizon, seasons)
            variance = variance + self.drift_variance(known, horizon, unit)
            levels = quantiles(mean, dispersion_of(mean, variance))
            rows = pd.DataFrame({"series": str(name), "period": ahead, "expected": mean})
            found.append(rows.assign(**dict(zip(QUANTILE_COLUMNS, levels, strict=True))))
        return pd.concat(found, ignore_index=True)


def unit_of(periods: pd.PeriodIndex) -> str:
    """Return month, week or day."""
    return _UNITS[periods.freqstr[:1]]


def longer_cycles(counts: Floats, horizon: int, seasons: tuple[int, ...]) -> Floats:
    """Return the effect of each cycle after the first on known and coming periods, shape (len(counts) + horizon,).

    Such a cycle has too many periods to estimate each of them, so it is two harmonics, fitted with a trend and the
    first cycle. Methods for one season forecast the series without it.
    """
    if len(seasons) < 2:
        return np.zeros(len(counts) + horizon)
    columns = trend_and_season(len(counts) + horizon, seasons[0])
    time = np.arange(len(columns))
    angles = [2 * np.pi * order * time / cycle for cycle in seasons[1:] for order in (1, 2)]
    waves = np.column_stack([wave(angle) for angle in angles for wave in (np.sin, np.cos)])
    design = np.hstack([columns, waves])
    fitted = np.linalg.lstsq(design[: len(counts)], counts, rcond=None)[0]
    return np.asarray(waves @ fitted[columns.shape[1] :])


def trend_and_season(periods: int, season: int) -> Floats:
    """Return the columns of a constant, a trend and each period of a season after the first; 0 for no season."""
    time = np.arange(periods)
    phases = [(time % season == phase).astype(float) for phase in range(1, season)]
    return np.column_stack([np.ones(periods), time / periods, *phases])


def dispersion_of(expected: Floats, variance: Floats) -> Floats:
    """Return the negative binomial dispersions that give means a variance, 0 where it is below that of Poisson."""
    floor = np.maximum(expected, _SMALLEST)
    return np.asarray(np.clip((variance - floor) / floor**2, 0, _LARGEST))


def _check_series(table: pd.DataFrame, horizon: int) -> tuple[pd.PeriodIndex, str]:
    """Return the periods and their unit; raise InputError for series with gaps, or without periods."""
    index, values = table.index, table.to_numpy(dtype=np.float64, na_value=np.nan)
    if not isinstance(index, pd.PeriodIndex) or index.freqstr[:1] not in _UNITS:
        msg = "The index of the counts must be a PeriodIndex of months, weeks or days, such as from to_period('M')."
    elif fault := _gap(index):
        msg = f"The counts must have every period once, in order{fault.rstrip()}. Give 0 where nothing was recorded."
    elif repeated := [str(name) for name in table.columns[table.columns.duplicated()]]:
        msg = f"Two series have the name {repeated[0]}. Give each its own name."
    elif (bad := np.argwhere(~(np.isfinite(values) & (values >= 0)))).size:
        row, column = bad[0]
        msg = f"Series {table.columns[column]} has {values[row, column]} in {index[row]}. Give counts of 0 and above."
    elif horizon < 1:
        msg = f"horizon={horizon} must be at least 1 period."
    else:
        return index, unit_of(index)
    raise InputError(msg)


def _gap(index: pd.PeriodIndex) -> str:
    """Return which period lacks, in words; a blank if the periods are none, repeated or out of order."""
    if not len(index) or not index.is_monotonic_increasing or index.has_duplicates:
        return " "
    missing = pd.period_range(index[0], index[-1], freq=index.freqstr).difference(index)
    return f"; the first that lacks is {missing[0]}" if len(missing) else ""
