"""Five methods for a series of counts, and their mean."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.stats import norm
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.forecasting.theta import ThetaModel
from statsmodels.tsa.seasonal import STL

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.model.long_horizons.series import Floats, SeriesForecaster

_TAIL: Final = 0.3173  # both tails beyond one standard deviation
_ONE_SD: Final = float(norm.ppf(1 - _TAIL / 2))


class SeasonalNaive(SeriesForecaster):
    """The counts of the latest season, repeated; without a season, the latest count.

    Parameters
    ----------
    train_periods, season : int
        As for every method of series.

    Examples
    --------
    >>> SeasonalNaive(train_periods=36).fit(history).predict(next_week).expected.shape
    (2, 12, 1)
    """

    def _forecast(self, counts: Floats, horizon: int, season: int) -> tuple[Floats, Floats]:
        cycle = season or 1
        ahead = np.arange(horizon)
        change = counts[cycle:] - counts[:-cycle]
        # each further season adds the variance of one more change
        return counts[-cycle:][ahead % cycle], (change**2).mean() * (ahead // cycle + 1.0)


class ETS(SeriesForecaster):
    """Exponential smoothing with additive errors and season (Hyndman et al. 2008).

    It has a damped trend where that gives the smaller corrected Akaike criterion.

    Parameters
    ----------
    train_periods, season : int
        As for every method of series.

    Examples
    --------
    >>> ETS(train_periods=36).fit(history).predict(next_week).expected.shape
    (2, 12, 1)
    """

    def _forecast(self, counts: Floats, horizon: int, season: int) -> tuple[Floats, Floats]:
        return smooth(counts, horizon, season)


class STLETS(SeriesForecaster):
    """ETS of the series without its season, which STL separates and repeats (Cleveland et al. 1990).

    Parameters
    ----------
    train_periods, season : int
        As for every method of series.

    Examples
    --------
    >>> STLETS(train_periods=36).fit(history).predict(next_week).expected.shape
    (2, 12, 1)
    """

    def _forecast(self, counts: Floats, horizon: int, season: int) -> tuple[Floats, Floats]:
        if not season:
            return smooth(counts, horizon, 0)
        parts = STL(counts, period=season, robust=True).fit()
        mean, variance = smooth(counts - parts.seasonal, horizon, 0)
        return mean + parts.seasonal[-season:][np.arange(horizon) % season], variance


class Theta(SeriesForecaster):
    """The theta method: half the trend, and exponential smoothing (Assimakopoulos and Nikolopoulos 2000).

    Parameters
    ----------
    train_periods, season : int
        As for every method of series.

    Examples
    --------
    >>> Theta(train_periods=36).fit(history).predict(next_week).expected.shape
    (2, 12, 1)
    """

    def _forecast(self, counts: Floats, horizon: int, season: int) -> tuple[Floats, Floats]:
        seasonal = {"period": season, "method": "additive", "use_test": False} if season else {"deseasonalize": False}
        with _without_warnings():
            fitted = ThetaModel(pd.Series(counts), **seasonal).fit()
            mean = np.asarray(fitted.forecast(horizon))
            upper = np.asarray(fitted.prediction_intervals(horizon, alpha=_TAIL)["upper"])
        return mean, ((upper - mean) / _ONE_SD) ** 2


class LinearTrend(SeriesForecaster):
    """Least squares on time and the periods of the season.

    Parameters
    ----------
    train_periods, season : int
        As for every method of series.

    Examples
    --------
    >>> LinearTrend(train_periods=36).fit(history).predict(next_week).expected.shape
    (2, 12, 1)
    """

    def _forecast(self, counts: Floats, horizon: int, season: int) -> tuple[Floats, Floats]:
        time = np.arange(len(counts) + horizon)
        season_columns = [(time % season == phase).astype(float) for phase in range(1, season)]
        columns = np.column_stack([np.ones(len(time)), time / len(counts), *season_columns])
        predicted = sm.OLS(counts, columns[: len(counts)]).fit().get_prediction(columns[len(counts) :])
        return np.asarray(predicted.predicted_mean), np.asarray(predicted.se_obs) ** 2


class SeriesMean(SeriesForecaster):
    """The mean of several methods for one series, with the mean of their standard deviations.

    Parameters
    ----------
    train_periods, season : int
        As for every method of series; the members use these, and not their own.
    members : sequence of SeriesForecaster, optional
        By default seasonal naive, ETS, STL with ETS, theta and linear trend.

    References
    ----------
    Ashby, M. police-crime-forecasting: a benchmark on records of American cities.

    Examples
    --------
    >>> SeriesMean(train_periods=36).fit(history).predict(next_week).expected.shape
    (2, 12, 1)
    """

    def __init__(
        self,
        train_periods: int = 36,
        season: int | None = None,
        members: Sequence[SeriesForecaster] = (SeasonalNaive(), ETS(), STLETS(), Theta(), LinearTrend()),
    ) -> None:
        super().__init__(train_periods, season)
        self.members = members

    def _forecast(self, counts: Floats, horizon: int, season: int) -> tuple[Floats, Floats]:
        if not self.members:
            msg = "members is empty. Give at least one method of series."
            raise InputError(msg)
        each = [one._forecast(counts, horizon, season) for one in self.members]
        # the errors of methods for one series are nearly the same, so that their deviations do not cancel out
        deviation = np.mean([np.sqrt(np.maximum(variance, 0)) for _, variance in each], axis=0)
        return np.mean([np.clip(mean, 0, None) for mean, _ in each], axis=0), deviation**2


def smooth(counts: Floats, horizon: int, season: int) -> tuple[Floats, Floats]:
    """Return means and variances of the ETS model with the smaller corrected Akaike criterion."""
    seasonal = {"seasonal": "add", "seasonal_periods": season} if season else {}
    with _without_warnings():
        fits = [
            ETSModel(pd.Series(counts), error="add", initialization_method="heuristic", **trend, **seasonal).fit(
                disp=False
            )
            for trend in ({}, {"trend": "add", "damped_trend": True})
        ]
        best = min(fits, key=lambda one: float(one.aicc))
        ahead = best.get_prediction(len(counts), len(counts) + horizon - 1)
        return np.asarray(ahead.predicted_mean), np.asarray(ahead.forecast_variance)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Silence statsmodels on short series; turn its failures into an error of this package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (np.linalg.LinAlgError, ValueError) as error:
            msg = f"A method of series could not be fitted ({error}). Give longer records, or choose another method."
            raise NotRunError(msg) from error
