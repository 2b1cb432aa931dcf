"""Forecasters that can compute the forecast of any past period from the counts before it (hindcasts)."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from scipy import special

from ilp_models.domain.errors import NotRunError
from ilp_models.domain.family_reasons import METHOD, mean_cell
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.history import History
from ilp_models.model.reason_parts import Parts, stack_periods
from ilp_models.stats.distributions import fit_dispersion

SMALLEST_RATE: Final = 0.005
_BURN_IN: Final = 4


class HindcastForecaster(Forecaster):
    """A forecaster whose forecast of any period, past or future, is a function of the counts before it.

    A subclass writes `hindcast`, and `_tune` if it learns settings. Dispersions are fitted on the hindcasts of the
    latest year, so they are out of sample.
    """

    dispersion_: npt.NDArray[np.float64]

    @abstractmethod
    def hindcast(self, history: History, periods: pd.PeriodIndex, step: int) -> Cube:
        """Return forecasts (periods, crime types, cells), each from the counts up to `step` periods before it."""

    def split_hindcast(self, history: History, period: pd.PeriodIndex, step: int, expected: Cube) -> Parts:
        """Return reference and parts by family of the forecast (types, cells) of one period.

        By default the difference from the mean cell is the method's own estimate.
        """
        del period, step
        reference = mean_cell(history)
        return reference, {METHOD: expected - reference[:, None]}

    def _split_forecast(
        self, periods: pd.PeriodIndex, steps: Steps, expected: xr.DataArray
    ) -> tuple[npt.NDArray[np.float64], Mapping[str, Cube]]:
        targets = enumerate(zip(steps, np.moveaxis(expected.values, 2, 0), strict=True))
        return stack_periods(
            [self.split_hindcast(self.history_, periods[[i]], int(step), one) for i, (step, one) in targets]
        )

    def calendar_index(self, history: History, periods: pd.PeriodIndex) -> npt.NDArray[np.float64]:
        """Return the factors of the calendar in the forecasts of some periods (periods, crime types); 1 without any."""
        return np.ones((len(periods), len(history.events.crime_types)))

    def _tune(self, history: History) -> None:
        """Learn settings from the past; nothing by default."""

    def _fit(self, history: History) -> None:
        self._tune(history)
        targets = recent_periods(history)
        forecasts = self.hindcast(history, targets, history.first_step)
        observed = history.panel.by_period[-len(targets) :]
        kinds = range(observed.shape[1])
        self.dispersion_ = np.array([fit_dispersion(observed[:, k], forecasts[:, k]) for k in kinds])

    def _update(self, history: History) -> None:
        """Do nothing: `hindcast` reads the newer counts from the history."""

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, npt.NDArray[np.float64]]:
        forecasts = [self.hindcast(self.history_, periods[[i]], int(step))[0] for i, step in enumerate(steps)]
        return np.stack(forecasts, axis=2), self.dispersion_


def recent_periods(history: History) -> pd.PeriodIndex:
    """Return the latest periods, on which settings and dispersions are fitted: a year, or half of a shorter past."""
    known = history.panel.periods
    burn_in = _BURN_IN + history.first_step
    count = min(history.calendar.per_year, (len(known) - burn_in + 1) // 2)
    if count < 1:
        unit = history.calendar.period_unit
        msg = (
            f"{len(known)} whole {unit}(s) are known at {history.cutoff}; at least {burn_in + 1} are needed. "
            "Give more data or a shorter calendar.period_unit."
        )
        raise NotRunError(msg)
    return known[-count:]


def deviance_by_type(observed: npt.NDArray[Any], expected: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the summed Poisson deviance of each crime type, from arrays (periods, crime types, cells)."""
    rate = np.maximum(expected, SMALLEST_RATE)
    total = rate.sum(axis=(0, 2), dtype=np.float64) - observed.sum(axis=(0, 2), dtype=np.float64)
    hit = np.nonzero(observed)
    surprise = special.xlogy(observed[hit], observed[hit] / rate[hit])
    return np.asarray(2 * (total + np.bincount(hit[1], weights=surprise, minlength=observed.shape[1])))
