"""Wrapper: a forecaster that corrects another one by its latest out-of-sample forecasts."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.composition import Composition, Member
from ilp_models.domain.family_reasons import combine_reasons
from ilp_models.domain.features import Column
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.history import History
from ilp_models.model.past_forecasts import Floats, PastForecasts, PastPerformance, shortened_past


class Wrapper(Forecaster):
    """A forecaster that is fitted twice: on an earlier past, for its out-of-sample forecasts, and on the whole past.

    A subclass learns a correction from the past forecasts, again with each update, and applies it to new forecasts.
    """

    forecaster: Forecaster
    past_periods: int
    refit_every: int

    performance_: PastPerformance

    @property
    def forecaster_(self) -> Forecaster:
        """The wrapped forecaster, fitted."""
        return self.performance_.forecaster

    @abstractmethod
    def _learn(self, past: PastForecasts) -> None:
        """Learn the correction from past forecasts and their counts."""

    @abstractmethod
    def _correct(self, expected: Cube, dispersion: Floats) -> tuple[Cube, Floats]:
        """Return corrected expected counts (types, cells, periods) and dispersions."""

    def _fit(self, history: History) -> None:
        self.performance_ = PastPerformance.from_history(self.forecaster, history, self.past_periods, self.refit_every)
        self._learn(self.performance_.settled(history))

    def shortened(self, known: int, calendar: Calendar) -> tuple[str, ...]:
        """Return the settings that few known periods reduce, also those of the wrapped forecaster."""
        return shortened_past({"forecaster": self.forecaster}, self.past_periods, known, calendar)

    def _update(self, history: History) -> None:
        self.performance_.advance(history)
        self._learn(self.performance_.settled(history))

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, Floats]:
        del steps
        forecast = self.forecaster_.predict(periods)
        return self._correct(forecast.expected.values, forecast.dispersion.values)

    def _split_forecast(
        self, periods: pd.PeriodIndex, steps: Steps, expected: xr.DataArray
    ) -> tuple[Floats, Mapping[str, Cube]]:
        """Return the parts of the wrapped forecaster, times the factor of each crime type."""
        del steps
        return combine_reasons(expected, [self.forecaster_.reasons(periods)], self._type_factors()[:, None])

    def composition(self) -> Composition:
        """Return the wrapped forecaster as the only member."""
        self._check_fitted()
        return Composition((Member("forecaster", self.forecaster_, self._type_factors()),))

    def _type_factors(self) -> Floats:
        """Return the factor by which the correction multiplies each crime type; the rest is the method's estimate."""
        return np.ones(len(self.history_.events.crime_types))


class IntervalWrapper(Wrapper):
    """A wrapper that does not change expected counts: explanations of the wrapped forecaster are valid for it."""

    @property
    def design(self) -> Any:
        """The function that returns the design matrix of the wrapped forecaster, if it has one."""
        return self.forecaster_.design

    @property
    def share_column(self) -> Column | None:
        """The share column of the wrapped forecaster."""
        return self.forecaster_.share_column

    @property
    def estimator_(self) -> Any:
        """The fitted regressor of the wrapped forecaster, if it has one."""
        return self.forecaster_.estimator_
