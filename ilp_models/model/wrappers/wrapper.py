"""Wrappers: a forecaster inside another that mends what it says by its latest out-of-sample forecasts."""

from abc import abstractmethod
from typing import Any

import pandas as pd

from ilp_models.domain.features import Column
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.history import History
from ilp_models.model.wrappers.past_performance import Floats, PastPerformance, PastWeights


class Wrapper(Forecaster):
    """A forecaster fitted twice: on an earlier past, to be judged on what came after it, and on all, to forecast.

    A subclass learns from the past forecasts, anew with each update, and changes the forecasts of the future.
    """

    forecaster: Forecaster
    past_periods: int
    refit_every: int

    record_: PastPerformance

    @property
    def forecaster_(self) -> Forecaster:
        """The wrapped forecaster, fitted."""
        return self.record_.forecaster

    @abstractmethod
    def _learn(self, past: PastWeights) -> None:
        """Learn from forecasts of the past beside what was then counted."""

    @abstractmethod
    def _change(self, expected: Cube, dispersion: Floats) -> tuple[Cube, Floats]:
        """Return expected counts (types, cells, periods) and dispersions in place of those of the forecaster."""

    def _fit(self, history: History) -> None:
        self.record_ = PastPerformance.from_history(self.forecaster, history, self.past_periods, self.refit_every)
        self._learn(self.record_.past(history))

    def _update(self, history: History) -> None:
        self.record_.advance(history)
        self._learn(self.record_.past(history))

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, Floats]:
        del steps
        said = self.forecaster_.predict(periods)
        return self._change(said.expected.values, said.dispersion.values)


class IntervalWrapper(Wrapper):
    """A wrapper that keeps expected counts, so that what explains those of the forecaster explains its own."""

    @property
    def design(self) -> Any:
        """The function that returns the forecaster's design matrix; there is none where the forecaster has none."""
        return self.forecaster_.design

    @property
    def share_column(self) -> Column | None:
        """That of the forecaster."""
        return self.forecaster_.share_column

    @property
    def estimator_(self) -> Any:
        """The forecaster's fitted regressor; there is none where the forecaster has none."""
        return self.forecaster_.estimator_
