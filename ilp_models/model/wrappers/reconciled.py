"""Reconciliation (MinT): forecasts of cells, parent areas and the city made to agree."""

import warnings
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from scipy.sparse import csr_matrix, identity, vstack
from sklearn.base import clone

from ilp_models.domain.aggregate import AreaLevel, area_levels
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.composition import Composition, Member
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.family_reasons import combine_reasons
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.past_forecasts import Floats, PastForecasts, PastPerformance, shortened_past
from ilp_models.model.regressions.lightgbm import LightGBM

_FORECASTER: Final = LightGBM()
_AREAS_FORECASTER: Final = LevelShare()
COVARIANCES: Final = ("expected_count", "error_variance", "shrunk")
_ROUNDING: Final = 1e-9  # events


class Reconciled(Forecaster):
    """Forecasts of the cells, moved as little as possible to agree with separate forecasts of larger areas.

    One method forecasts the cells, another the city and each level of parent areas, on the counts of these areas.
    Minimum trace reconciliation (MinT; Wickramasuriya, Athanasopoulos and Hyndman 2019) finds the cells whose sums are
    nearest to all forecasts; series with larger errors move more. Dispersions are those of the method for the cells.

    Parameters
    ----------
    forecaster : Forecaster, default LightGBM()
        The method for the cells; clones of it are fitted.
    areas_forecaster : Forecaster, default LevelShare()
        The method for parent areas and the city; a clone of it is fitted to each level.
    covariance : {"expected_count", "error_variance", "shrunk"}, default "expected_count"
        Covariance of the errors. ``expected_count``: diagonal, the expected count of a series times the ratio of
        squared errors to expected counts in its level. ``error_variance``: diagonal, the mean squared error of each
        series. ``shrunk``: the covariance of the errors, shrunk to its diagonal. The latter two need many events per
        cell.
    past_periods : int, default 26
        Latest periods whose errors count.
    refit_every : int, default 26
        Periods between two fits of the clones that forecast these periods.

    Examples
    --------
    >>> from ilp_models.model.means.ewma import EWMA
    >>> model = Reconciled(EWMA(), areas_forecaster=EWMA(), past_periods=8).fit(history)
    >>> [level.name for level in model.levels_]
    ['city', 'neighbourhood']
    """

    levels_: tuple[AreaLevel, ...]
    grids_: tuple[Grid, ...]
    performances_: tuple[PastPerformance, ...]
    errors_: Floats

    def __init__(
        self,
        forecaster: Forecaster = _FORECASTER,
        areas_forecaster: Forecaster = _AREAS_FORECASTER,
        covariance: str = "expected_count",
        past_periods: int = 26,
        refit_every: int = 26,
    ) -> None:
        self.forecaster = forecaster
        self.areas_forecaster = areas_forecaster
        self.covariance = covariance
        self.past_periods = past_periods
        self.refit_every = refit_every

    def _fit(self, history: History) -> None:
        if self.covariance not in COVARIANCES:
            msg = f"covariance={self.covariance!r} is unknown; choose one of {', '.join(COVARIANCES)}."
            raise InputError(msg)
        self.levels_ = area_levels(history.grid)
        self.grids_ = tuple(level.grid(history.grid) for level in self.levels_)
        methods = [self.areas_forecaster] * len(self.levels_) + [self.forecaster]
        self.performances_ = tuple(
            PastPerformance.from_history(clone(method), part, self.past_periods, self.refit_every)
            for method, part in zip(methods, self._histories(history), strict=True)
        )
        self._learn(history)

    def shortened(self, known: int, calendar: Calendar) -> tuple[str, ...]:
        """Return the settings that few known periods reduce, also those of both methods."""
        members = {"forecaster": self.forecaster, "areas_forecaster": self.areas_forecaster}
        return shortened_past(members, self.past_periods, known, calendar)

    def _update(self, history: History) -> None:
        for performance, part in zip(self.performances_, self._histories(history), strict=True):
            performance.advance(part)
        self._learn(history)

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, Floats]:
        del steps
        forecasts = [performance.forecaster.predict(periods) for performance in self.performances_]
        series = np.concatenate([one.expected.values for one in forecasts], axis=1)
        covariance = "error_variance" if self.covariance == "expected_count" else self.covariance
        cells = [
            reconcile(self._matrix(), one, errors, covariance) for one, errors in zip(series, self.errors_, strict=True)
        ]
        return np.stack(cells), forecasts[-1].dispersion.values

    def _split_forecast(
        self, periods: pd.PeriodIndex, steps: Steps, expected: xr.DataArray
    ) -> tuple[Floats, Mapping[str, Cube]]:
        """Return the parts of the method for the cells; what larger areas change is this method's estimate."""
        del steps
        cells = self.performances_[-1].forecaster.reasons(periods)
        return combine_reasons(expected, [cells], np.ones((len(expected), 1)))

    def composition(self) -> Composition:
        """Return the method for the cells, and that for larger areas, which only corrects the level of the areas."""
        self._check_fitted()
        kinds, methods = len(self.errors_), [one.forecaster for one in self.performances_]
        areas = (
            Member(f"areas ({level.name})", method, np.zeros(kinds), level.codes)
            for level, method in zip(self.levels_, methods[:-1], strict=True)
        )
        return Composition((Member("forecaster", methods[-1], np.ones(kinds)), *areas))

    def _histories(self, history: History) -> list[History]:
        """Return the history of each level of areas, the cells last."""
        return [
            *(
                History.from_events(
                    history.cutoff, history.events, grid, history.calendar, history.layers, history.record_lag
                )
                for grid in self.grids_
            ),
            history,
        ]

    def _matrix(self) -> csr_matrix:
        """Return the summing matrix (series, cells)."""
        cells = len(self.levels_[0].codes)
        return vstack([*(level.matrix for level in self.levels_), identity(cells)]).tocsr()

    def _learn(self, history: History) -> None:
        """Compute the past errors of each crime type, shape (crime types, series, past periods)."""
        errors = _typical_errors if self.covariance == "expected_count" else _errors
        parts = zip(self.performances_, self._histories(history), strict=True)
        self.errors_ = np.concatenate([errors(performance.settled(part)) for performance, part in parts], axis=1)


def _errors(past: PastForecasts) -> Floats:
    return np.moveaxis(past.observed - past.expected, 0, 2)


def _typical_errors(past: PastForecasts) -> Floats:
    """Return one error per series: the root of its expected count times the error ratio of its level."""
    expected = past.expected.mean(axis=0)
    ratio = np.square(past.observed - past.expected).mean(axis=(0, 2)) / np.maximum(expected.mean(axis=1), 1e-12)
    return np.asarray(np.sqrt(expected * ratio[:, None])[..., None])


def reconcile(matrix: csr_matrix, forecasts: Floats, errors: Floats, covariance: str) -> Floats:
    """Return forecasts of the cells whose sums are nearest to the forecasts of all series (series, periods).

    Minimum trace reconciliation (Wickramasuriya, Athanasopoulos and Hyndman 2019). If a cell would be negative, the
    nearest non-negative forecasts (Wickramasuriya, Turlach and Hyndman 2020).
    """
    typical = np.sqrt(np.square(errors).mean(axis=1, keepdims=True))
    if covariance != "shrunk":
        errors = typical  # only its square is used
    scaled = errors / typical.max() if typical.max() > 0 else np.ones_like(typical)  # only ratios matter
    cells = _solve(matrix, forecasts, scaled, covariance, nonnegative=False)
    below = (cells < -_ROUNDING).any(axis=0)
    if below.any():
        cells[:, below] = _solve(matrix, forecasts[:, below], scaled, covariance, nonnegative=True)
    return np.maximum(cells, 0.0)


def _solve(matrix: csr_matrix, forecasts: Floats, errors: Floats, covariance: str, *, nonnegative: bool) -> Floats:
    from hierarchicalforecast.methods import MinTrace, MinTraceSparse  # noqa: PLC0415 - slow to import

    if covariance == "shrunk":
        method, summing = MinTrace("mint_shrink", nonnegative=nonnegative), matrix.toarray()
    elif nonnegative:
        method, summing = MinTraceSparse("wls_var", nonnegative=True), matrix
        errors = np.concatenate((errors, -errors), axis=1)  # it subtracts the mean before it squares
    else:
        method, summing = MinTrace("wls_var"), matrix.toarray()
    cells = matrix.shape[1]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Converted matrix 'P'", UserWarning)  # the input is dense
            fitted: Any = method.fit(summing, forecasts, errors, np.zeros_like(errors))
    except Exception as error:  # the library has its own class of error
        msg = f"Forecasts cannot be reconciled: {error} Set covariance=expected_count, or give more data."
        raise NotRunError(msg) from error
    found = np.asarray(fitted.y_hat[-cells:] if nonnegative else fitted.P @ forecasts, dtype=np.float64)
    if not np.isfinite(found).all():
        msg = f"{errors.shape[1]} past periods are too few to reconcile forecasts. Set covariance=expected_count."
        raise NotRunError(msg)
    return found
