"""Five methods for a series of counts, and their mean."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.signal import lfilter
from statsmodels.tools.eval_measures import aicc
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.forecasting.theta import ThetaModel
from statsmodels.tsa.seasonal import STL

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.model.long_horizons.series import Floats, SeriesForecaster, trend_and_season


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

    def _forecast(self, counts: Floats, horizon: int, seasons: tuple[int, ...]) -> tuple[Floats, Floats]:
        cycle = seasons[0] if seasons else 1
        ahead = np.arange(horizon)
        return counts[-cycle:][ahead % cycle], _squared_changes(counts, cycle, -(-horizon // cycle))[ahead // cycle]


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

    def _forecast(self, counts: Floats, horizon: int, seasons: tuple[int, ...]) -> tuple[Floats, Floats]:
        return smooth(counts, horizon, seasons[0] if seasons else 0)


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

    def _forecast(self, counts: Floats, horizon: int, seasons: tuple[int, ...]) -> tuple[Floats, Floats]:
        if not seasons:
            return smooth(counts, horizon, 0)
        season = seasons[0]
        parts = STL(counts, period=season, robust=True).fit()
        mean, variance = smooth(counts - parts.seasonal, horizon, 0, removed=season)
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

    def _forecast(self, counts: Floats, horizon: int, seasons: tuple[int, ...]) -> tuple[Floats, Floats]:
        seasonal: dict[str, Any] = {"deseasonalize": False}
        if seasons:
            seasonal = {"period": seasons[0], "method": "additive", "use_test": False}
        with _without_warnings():
            fitted = ThetaModel(pd.Series(counts), **seasonal).fit()
            mean = np.asarray(fitted.forecast(horizon))
            slope, alpha = (float(one) for one in fitted.params.iloc[:2])
        cycle = seasons[0] if seasons else 1
        errors = _smoothing_errors(counts, alpha, slope / 2, cycle)
        one_step = (errors**2).mean() * _prediction_error(len(counts), cycle + 2)  # season, slope and level
        return mean, one_step * (1 + np.arange(horizon) * alpha**2)


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

    def _forecast(self, counts: Floats, horizon: int, seasons: tuple[int, ...]) -> tuple[Floats, Floats]:
        columns = trend_and_season(len(counts) + horizon, seasons[0] if seasons else 0)
        predicted = sm.OLS(counts, columns[: len(counts)]).fit().get_prediction(columns[len(counts) :])
        return np.asarray(predicted.predicted_mean), np.asarray(predicted.se_obs) ** 2


_MEMBERS: Final[Sequence[SeriesForecaster]] = (SeasonalNaive(), ETS(), STLETS(), Theta(), LinearTrend())
_MEMBERS_OF_DAYS: Final[Sequence[SeriesForecaster]] = (ETS(), Theta(), LinearTrend())  # the others add noise


class SeriesMean(SeriesForecaster):
    """The mean of several methods for one series.

    Its variance is that of a mixture: the square of the mean standard deviation, plus the variance of the members'
    means. Intervals add a drift of the level, which the members cannot learn from few years.

    Parameters
    ----------
    train_periods, season : int
        As for every method of series; the members use these, and not their own.
    members : sequence of SeriesForecaster, optional
        By default seasonal naive, ETS, STL with ETS, theta and linear trend. For days with a yearly cycle only ETS,
        theta and linear trend: the experiment ``strategic-horizons`` has the trials.
    drift : float, default 0.014
        Standard deviation by which the level drifts in a month, as a share of the mean count of the training periods;
        0 for none. It widens intervals, and changes no expected count. The default is learned from 21 series of New
        South Wales in the same experiment.

    References
    ----------
    Chatfield, C. (1993). Calculating interval forecasts. Journal of Business & Economic Statistics 11, 121-135.
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
        members: Sequence[SeriesForecaster] | None = None,
        drift: float = 0.014,
    ) -> None:
        super().__init__(train_periods, season)
        self.members = members
        self.drift = drift

    def members_for(self, seasons: tuple[int, ...]) -> Sequence[SeriesForecaster]:
        """Return the members for series with these cycles."""
        if self.members is None:
            return _MEMBERS if len(seasons) < 2 else _MEMBERS_OF_DAYS
        if not self.members:
            msg = "members is empty. Give at least one method of series."
            raise InputError(msg)
        return self.members

    def moments(self, counts: Floats, horizon: int, seasons: tuple[int, ...]) -> tuple[Floats, Floats]:
        """Return means and variances of the next periods, shape (horizon,) each."""
        return average_moments([one.moments(counts, horizon, seasons) for one in self.members_for(seasons)])

    def drift_variance(self, counts: Floats, horizon: int, unit: str) -> Floats:
        """Return what the drift of the level adds to the variances of the moments, shape (..., horizon)."""
        if not 0 <= self.drift < np.inf:
            msg = f"drift={self.drift} is not a share of the level. Give 0 for no drift, or a number such as 0.014."
            raise InputError(msg)
        months = np.arange(1, horizon + 1) * Calendar("month").per_year / Calendar(unit).per_year
        return np.asarray((self.drift * counts.mean(axis=-1, keepdims=True)) ** 2 * months)

    def _forecast(self, counts: Floats, horizon: int, seasons: tuple[int, ...]) -> tuple[Floats, Floats]:
        return self.moments(counts, horizon, seasons)


def average_moments(each: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Return means and variances of the mean of methods, from those of its members."""
    # the errors of methods for one series are nearly the same, so that their deviations do not cancel out
    deviation = np.mean([np.sqrt(np.maximum(variance, 0)) for _, variance in each], axis=0)
    means = np.clip([mean for mean, _ in each], 0, None)
    return means.mean(axis=0), deviation**2 + means.var(axis=0)  # where the methods disagree, less is known


def _squared_changes(counts: Floats, cycle: int, seasons: int) -> Floats:
    """Return the mean squared change of a series over 1, 2, ... seasons.

    Where fewer than two seasons of changes are known, each further season adds the change of one.
    """
    found: list[float] = []
    for ahead in range(1, seasons + 1):
        change = counts[ahead * cycle :] - counts[: -ahead * cycle]
        enough = ahead == 1 or len(change) >= 2 * cycle
        found.append(float((change**2).mean()) if enough else found[-1] + found[0])
    return np.array(found)


def _smoothing_errors(counts: Floats, alpha: float, drift: float, cycle: int) -> Floats:
    """Return the one-step errors of exponential smoothing with drift, on the series without its mean season."""
    detrended = counts - np.polyval(np.polyfit(np.arange(len(counts)), counts, 1), np.arange(len(counts)))
    season = np.array([detrended[phase::cycle].mean() for phase in range(cycle)]) if cycle > 1 else np.zeros(1)
    plain = counts - season[np.arange(len(counts)) % cycle]
    levels, _ = lfilter([alpha], [1, alpha - 1], plain, zi=[(1 - alpha) * plain[0]])
    return np.asarray((plain[1:] - levels[:-1] - drift)[cycle:])


def _prediction_error(size: int, fitted: int) -> float:
    """Return the factor from the mean squared error of a fit to that of predictions (Akaike 1969, FPE).

    Without it, intervals ignore that the season and level are estimates from few periods.
    """
    return (size + fitted) / max(size - fitted, 1)


def smooth(counts: Floats, horizon: int, season: int, removed: int = 0) -> tuple[Floats, Floats]:
    """Return means and variances of the ETS model with the smaller corrected Akaike criterion.

    ``removed`` is the number of seasonal values that were estimated and removed before.
    """
    seasonal = {"seasonal": "add", "seasonal_periods": season} if season else {}
    with _without_warnings():
        models = [
            ETSModel(pd.Series(counts), error="add", initialization_method="heuristic", **trend, **seasonal)
            for trend in ({}, {"trend": "add", "damped_trend": True})
        ]
        # the results of a model, with their standard errors, take as long as half of its fit
        fits = [(model, model.fit(disp=False, return_params=True)) for model in models]
        model, parameters = min(fits, key=lambda one: _corrected_criterion(*one))
        ahead = model.smooth(parameters).get_prediction(len(counts), len(counts) + horizon - 1)
        factor = _prediction_error(len(counts), max(season, removed, 1) + (2 if model.has_trend else 0))
        return np.asarray(ahead.predicted_mean), np.asarray(ahead.forecast_variance) * factor


def _corrected_criterion(model: ETSModel, parameters: Floats) -> float:
    """Return the corrected Akaike criterion of a fitted model, whose variance is a parameter too."""
    return float(aicc(model.loglike(parameters), model.nobs_effective, model.k_params + 1))


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
