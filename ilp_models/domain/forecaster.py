"""The base class of all forecasting methods, in the scikit-learn idiom."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from sklearn import exceptions
from sklearn.base import BaseEstimator, clone

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.composition import Composition
from ilp_models.domain.errors import IlpError, InputError
from ilp_models.domain.family_reasons import METHOD, FamilyReasons, mean_cell
from ilp_models.domain.features import Column
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.history import History
from ilp_models.domain.panel import DIMS

Steps = npt.NDArray[np.int64]
Cube = npt.NDArray[np.floating[Any]]


class NotFittedError(IlpError, exceptions.NotFittedError):
    """A forecaster was asked to predict before it was fitted."""


class Forecaster(BaseEstimator, ABC):
    """A method that learns from a history and forecasts the periods after its cutoff.

    As in scikit-learn, ``__init__`` only stores its arguments, learned names end in an underscore, and ``get_params``
    and ``clone`` work. No method receives data of the future: ``predict`` only gets periods. A subclass writes
    ``_fit`` and ``_predict``, and ``_update`` if an update is cheaper than a refit.
    """

    history_: History

    @property
    def share_column(self) -> Column | None:
        """The feature that drives each cell's share of the city total, for methods without design matrix.

        None by default: the audit must not miss a feature that the explanation leaves out.
        """
        return None

    def composition(self) -> Composition | None:
        """Return the members of a combined forecast, None for a method that does not combine others.

        All members count, also those without a weight at present: the audit must not miss a column.
        """
        return None

    def shortened(self, known: int, calendar: Calendar) -> tuple[str, ...]:
        """Return the settings that few known periods reduce, in words; empty if there are none."""
        del known, calendar
        return ()

    def set_params(self, **params: Any) -> Self:
        """Set settings, such as ``offset__half_life=40``; nested estimators are cloned, so that defaults stay as is."""
        for name in sorted({key.partition("__")[0] for key in params if "__" in key}):
            if isinstance(nested := getattr(self, name, None), BaseEstimator):
                setattr(self, name, clone(nested))
        super().set_params(**params)
        return self

    def fit(self, history: History) -> Self:
        """Fit the forecaster to a history and return it.

        Parameters
        ----------
        history : History
            What was known at the cutoff.

        Returns
        -------
        Forecaster
            The same object.

        Raises
        ------
        NotRunError
            If the method cannot run on these data.
        """
        self._fit(history)
        self.history_ = history  # last, so that a failed fit counts as not fitted
        return self

    def update(self, history: History) -> Self:
        """Read newer counts without a refit, and return the forecaster.

        Parameters
        ----------
        history : History
            A history of the same grid at the same or a later cutoff.

        Returns
        -------
        Forecaster
            The same object.

        Raises
        ------
        NotFittedError
            If it was not fitted before.
        InputError
            If the history is older than the last one, or has other cells.
        """
        self._check_fitted()
        if not history.grid.cells.equals(self.history_.grid.cells):
            msg = "The history has other cells than the fit. Call fit to learn on these cells."
            raise InputError(msg)
        if history.cutoff < self.history_.cutoff:
            msg = (
                f"Cannot update to {history.cutoff}, because {self.history_.cutoff} was seen already. Call fit instead."
            )
            raise InputError(msg)
        self.history_ = history
        self._update(history)
        return self

    def predict(self, periods: pd.PeriodIndex) -> RiskForecast:
        """Return the forecast of some periods after the cutoff.

        Parameters
        ----------
        periods : PeriodIndex
            Consecutive periods of the history's calendar, starting at or after the cutoff.

        Returns
        -------
        RiskForecast
            Expected counts and quantiles of every crime type, cell and period.

        Raises
        ------
        NotFittedError
            If it was not fitted before.
        InputError
            If a period starts before the cutoff, or has another length than those of the history.
        """
        self._check_fitted()
        history, steps = self.history_, self._steps_to(periods)
        expected, dispersion = self._predict(periods, steps)
        coords = {"crime_type": list(history.events.crime_types), "cell": history.grid.cells, "period": periods}
        cube = xr.DataArray(np.asarray(expected, dtype=np.float64), dims=DIMS, coords=coords, name="expected")
        spread = xr.DataArray(dispersion, dims=DIMS[: dispersion.ndim], coords={"crime_type": coords["crime_type"]})
        return RiskForecast.negative_binomial(cube, spread, history.cutoff)

    def reasons(self, periods: pd.PeriodIndex) -> FamilyReasons:
        """Return the forecast of some periods as a reference plus one part in events for each family of reasons.

        Parameters
        ----------
        periods : PeriodIndex
            As for :meth:`predict`.

        Returns
        -------
        FamilyReasons
            Of every crime type, cell and period.

        Raises
        ------
        NotFittedError
            If it was not fitted before.
        InputError
            As for :meth:`predict`.
        """
        expected = self.predict(periods).expected
        return FamilyReasons.from_parts(expected, *self._split_forecast(periods, self._steps_to(periods), expected))

    def _steps_to(self, periods: pd.PeriodIndex) -> Steps:
        """Return the distance of each period from the last settled one; raise InputError for periods of the past."""
        history = self.history_
        if periods.freqstr != history.panel.periods.freqstr or periods[0].start_time < history.cutoff:
            msg = f"Periods to forecast must be {history.panel.periods.freqstr} and start at or after {history.cutoff}."
            raise InputError(msg)
        return np.asarray(periods.asi8 - history.panel.periods.asi8[-1], dtype=np.int64)

    def _split_forecast(
        self, periods: pd.PeriodIndex, steps: Steps, expected: xr.DataArray
    ) -> tuple[npt.NDArray[np.float64], Mapping[str, Cube]]:
        """Return a reference (types, periods) and parts (types, cells, periods) by family that add up to `expected`.

        By default the difference from the mean cell is one family, the method's own estimate.
        """
        del periods, steps
        reference = mean_cell(self.history_)[:, None]
        return reference, {METHOD: expected.values - reference[:, None]}

    def _check_fitted(self) -> None:
        if not hasattr(self, "history_"):
            msg = f"{type(self).__name__} is not fitted; call fit first."
            raise NotFittedError(msg)

    @abstractmethod
    def _fit(self, history: History) -> None:
        """Learn from a history."""

    def _update(self, history: History) -> None:
        """Read newer counts; by default refit."""
        self._fit(history)

    @abstractmethod
    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, npt.NDArray[np.float64]]:
        """Return expected counts (types, cells, periods) and dispersions (types[, cells[, periods]]).

        ``steps`` has the distance of each period from the last settled one: 1 is the period right after it.
        """
