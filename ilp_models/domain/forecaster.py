"""The shape of every forecasting method."""

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from sklearn.base import BaseEstimator, clone

from ilp_models.domain.errors import InputError, NotFittedError
from ilp_models.domain.features import Column
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.history import History
from ilp_models.domain.panel import DIMS

Steps = npt.NDArray[np.int64]
Cube = npt.NDArray[np.floating[Any]]


class Forecaster(BaseEstimator, ABC):
    """A method that learns from a history and forecasts the periods after its cutoff.

    The scikit-learn idiom: ``__init__`` only stores its arguments, learned names end in an underscore,
    ``get_params`` and ``clone`` work. No method receives data of the future: ``predict`` is given periods only.
    A subclass writes ``_fit``, ``_predict`` and, where keeping what was learned is cheaper than learning
    anew, ``_update``.
    """

    history_: History

    @property
    def share_column(self) -> Column | None:
        """What alone the share of a cell in its city follows, in words: it explains a method without design matrix.

        None unless a method says so: an explanation that left out what was looked at would hide it from the audit.
        """
        return None

    def set_params(self, **params: Any) -> Self:
        """Set settings, such as ``offset__half_life=40``; nested estimators are cloned, so that defaults stay as is."""
        for name in sorted({key.partition("__")[0] for key in params if "__" in key}):
            if isinstance(nested := getattr(self, name, None), BaseEstimator):
                setattr(self, name, clone(nested))
        super().set_params(**params)
        return self

    def fit(self, history: History) -> Self:
        """Return the forecaster, having learned from a history.

        Parameters
        ----------
        history : History
            What was known at the cutoff.

        Returns
        -------
        Forecaster
            Itself.

        Raises
        ------
        NotRunError
            If the method cannot run on these data.
        """
        self._fit(history)
        self.history_ = history  # last, so that one that could not learn counts as not fitted
        return self

    def update(self, history: History) -> Self:
        """Return the forecaster with newer counts in view and what it learned kept.

        Parameters
        ----------
        history : History
            A history of the same grid at the same or a later cutoff.

        Returns
        -------
        Forecaster
            Itself.

        Raises
        ------
        NotFittedError
            If it was not fitted before.
        InputError
            If the history is older than the one seen last, or of other cells.
        """
        self._check_fitted()
        if not history.grid.cells.equals(self.history_.grid.cells):
            msg = "Cannot update on other cells than those learned on. Fit anew."
            raise InputError(msg)
        if history.cutoff < self.history_.cutoff:
            msg = f"Cannot update to {history.cutoff}: {self.history_.cutoff} was seen already. Fit anew."
            raise InputError(msg)
        self.history_ = history
        self._update(history)
        return self

    def predict(self, periods: pd.PeriodIndex) -> RiskForecast:
        """Return the forecast of some periods after the cutoff.

        Parameters
        ----------
        periods : PeriodIndex
            Consecutive periods of the history's calendar that start at or after the cutoff.

        Returns
        -------
        RiskForecast
            Expected counts and quantiles for every crime type and cell.

        Raises
        ------
        NotFittedError
            If it was not fitted before.
        InputError
            If a period starts before the cutoff, or is of another length than the history's.
        """
        self._check_fitted()
        history = self.history_
        if periods.freqstr != history.panel.periods.freqstr or periods[0].start_time < history.cutoff:
            msg = f"Periods to forecast must be {history.panel.periods.freqstr} and start at or after {history.cutoff}."
            raise InputError(msg)
        steps = np.asarray(periods.asi8 - history.panel.periods.asi8[-1], dtype=np.int64)
        expected, dispersion = self._predict(periods, steps)
        coords = {"crime_type": list(history.events.crime_types), "cell": history.grid.cells, "period": periods}
        cube = xr.DataArray(np.asarray(expected, dtype=np.float64), dims=DIMS, coords=coords, name="expected")
        spread = xr.DataArray(dispersion, dims=DIMS[: dispersion.ndim], coords={"crime_type": coords["crime_type"]})
        return RiskForecast.negative_binomial(cube, spread, history.cutoff)

    def _check_fitted(self) -> None:
        if not hasattr(self, "history_"):
            msg = f"{type(self).__name__} has not seen a history; call fit first."
            raise NotFittedError(msg)

    @abstractmethod
    def _fit(self, history: History) -> None:
        """Learn from a history."""

    def _update(self, history: History) -> None:
        """Take newer counts in; by default by learning anew."""
        self._fit(history)

    @abstractmethod
    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, npt.NDArray[np.float64]]:
        """Return expected counts (types, cells, periods) and dispersions (types[, cells[, periods]]).

        ``steps`` counts each period from the last settled one: 1 is the period right after it.
        """
