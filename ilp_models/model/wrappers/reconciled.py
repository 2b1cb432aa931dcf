"""Cells, parent areas and the city forecast separately and brought to agree."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, identity, vstack
from sklearn.base import clone

from ilp_models.domain.aggregate import AreaLevel, area_levels
from ilp_models.domain.errors import InputError
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.model.wrappers.mint import COVARIANCES, reconcile
from ilp_models.model.wrappers.past_performance import Floats, PastPerformance, PastWeights


class Reconciled(Forecaster):
    """Forecasts of the cells, moved as little as agreement with separate forecasts of larger areas asks for.

    One method forecasts the cells, another the city and each level of parent areas, on counts of these areas. Minimum
    trace reconciliation then finds the cells whose sums are nearest to all of them, series that erred more giving way
    more. Dispersions are those of the cells' method.

    Parameters
    ----------
    forecaster : Forecaster
        The method for the cells; copies of it are fitted.
    areas_forecaster : Forecaster
        The method for parent areas and the city; copies of it are fitted to each level.
    covariance : {"expected_count", "error_variance", "shrunk"}, default "expected_count"
        How far a series may move: by its expected count times the ratio of squared errors to expected counts in its
        level; by the mean of its own squared errors; or by these and how errors of different series go together,
        shrunk towards no relation. The latter two need many events a cell.
    past_periods : int, default 26
        Latest periods whose errors count.
    refit_every : int, default 26
        Periods between two fits of the copies that forecast these periods.
    """

    levels_: tuple[AreaLevel, ...]
    grids_: tuple[Grid, ...]
    records_: tuple[PastPerformance, ...]
    errors_: Floats

    def __init__(
        self,
        forecaster: Forecaster,
        areas_forecaster: Forecaster,
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
        self.records_ = tuple(
            PastPerformance.from_history(clone(method), part, self.past_periods, self.refit_every)
            for method, part in zip(methods, self._parts(history), strict=True)
        )
        self._learn(history)

    def _update(self, history: History) -> None:
        for record, part in zip(self.records_, self._parts(history), strict=True):
            record.advance(part)
        self._learn(history)

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, Floats]:
        del steps
        said = [record.forecaster.predict(periods) for record in self.records_]
        series = np.concatenate([one.expected.values for one in said], axis=1)
        covariance = "error_variance" if self.covariance == "expected_count" else self.covariance
        cells = [
            reconcile(self._matrix(), one, errors, covariance) for one, errors in zip(series, self.errors_, strict=True)
        ]
        return np.stack(cells), said[-1].dispersion.values

    def _parts(self, history: History) -> list[History]:
        """Return what is known of each level, the cells last."""
        known = (history.cutoff, history.events)
        return [History.from_events(*known, grid, history.calendar, history.layers) for grid in self.grids_] + [history]

    def _matrix(self) -> csr_matrix:
        """Return which cells each series is the sum of."""
        cells = len(self.levels_[0].codes)
        return vstack([*(level.matrix for level in self.levels_), identity(cells)]).tocsr()

    def _learn(self, history: History) -> None:
        """Keep the past errors of each crime type, shape (crime types, series, past periods)."""
        errors = _typical_errors if self.covariance == "expected_count" else _errors
        parts = zip(self.records_, self._parts(history), strict=True)
        self.errors_ = np.concatenate([errors(record.past(part)) for record, part in parts], axis=1)


def _errors(past: PastWeights) -> Floats:
    return np.moveaxis(past.observed - past.expected, 0, 2)


def _typical_errors(past: PastWeights) -> Floats:
    """Return one error a series that is as large as its expected count and the errors of its level let expect."""
    expected = past.expected.mean(axis=0)
    ratio = np.square(past.observed - past.expected).mean(axis=(0, 2)) / np.maximum(expected.mean(axis=1), 1e-12)
    return np.asarray(np.sqrt(expected * ratio[:, None])[..., None])
