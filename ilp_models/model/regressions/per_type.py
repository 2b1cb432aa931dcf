"""One forecaster per crime type, each fitted to the events of its type only."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from sklearn.base import clone

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import NotRunError
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.history import History
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.past_forecasts import fit_member
from ilp_models.model.regressions.lightgbm import LightGBM

_HALF_AN_EVENT: Final = 0.5
_ONE_TYPE: Final = LightGBM(
    (
        ExponentialMeans((2, 4, 8, 16, 32, 64, 128)),
        ExponentialMeans((4, 16, 64), reach_cells=1.0),
        ExponentialMeans((8, 32, 128), reach_cells=2.5),
    ),
    offset=LevelShare(mix=0.0, level_memory=True),
    min_child_samples=500,  # a quarter of the default, because one type has fewer rows
)


class PerType(Forecaster):
    """Any forecaster, fitted separately to each crime type.

    A crime type without any event gets the forecast of half an event over the whole past.

    Parameters
    ----------
    forecaster : Forecaster
        The method. A clone is fitted for each crime type, on the events of that type only.

    Examples
    --------
    >>> from ilp_models.model.means.ewma import EWMA
    >>> PerType(EWMA()).fit(history).predict(next_week).expected.shape
    (2, 12, 1)
    """

    forecasters_: dict[str, Forecaster]

    def __init__(self, forecaster: Forecaster) -> None:
        self.forecaster = forecaster

    def _fit(self, history: History) -> None:
        known = history.events.table["crime_type"].value_counts()
        self.forecasters_ = {}
        for kind in history.events.crime_types:
            if known[kind] > 0:
                self.forecasters_[kind] = fit_member(kind, clone(self.forecaster), history.select_types([kind]))
        if not self.forecasters_:
            msg = "No event of any crime type is known. Give more data."
            raise NotRunError(msg)

    def shortened(self, known: int, calendar: Calendar) -> tuple[str, ...]:
        """Return the settings of the method that few known periods reduce."""
        return self.forecaster.shortened(known, calendar)

    def _update(self, history: History) -> None:
        for kind, forecaster in self.forecasters_.items():
            forecaster.update(history.select_types([kind]))

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, npt.NDArray[np.float64]]:
        del steps
        history = self.history_
        kinds = history.events.crime_types
        forecasts = {kind: forecaster.predict(periods) for kind, forecaster in self.forecasters_.items()}
        spread = next(iter(forecasts.values())).dispersion.values
        units = history.panel.by_period[:, 0].size
        expected = np.full((len(kinds), len(history.grid), len(periods)), _HALF_AN_EVENT / units)
        dispersion = np.zeros((len(kinds), *spread.shape[1:]))
        for place, kind in enumerate(kinds):
            if kind in forecasts:
                expected[place] = forecasts[kind].expected.values[0]
                dispersion[place] = forecasts[kind].dispersion.values[0]
        return expected, dispersion

    def _split_forecast(
        self, periods: pd.PeriodIndex, steps: Steps, expected: xr.DataArray
    ) -> tuple[npt.NDArray[np.float64], Mapping[str, Cube]]:
        del steps
        # A type without events has the same forecast everywhere, which is its reference.
        reference = expected.values[:, 0].copy()
        parts: dict[str, Cube] = {}
        for place, kind in enumerate(self.history_.events.crime_types):
            if kind in self.forecasters_:
                reasons = self.forecasters_[kind].reasons(periods)
                reference[place] = reasons.reference.values[0]
                for family, part in reasons.to_dict().items():
                    parts.setdefault(family, np.zeros(expected.shape))[place] = part[0]
        return reference, parts


class LightGBMPerType(PerType):
    """One LightGBM per crime type, none of which uses the other types.

    Parameters
    ----------
    forecaster : Forecaster, default LightGBM with features of one type
        The method for each crime type.

    Examples
    --------
    >>> from ilp_models.model.regressions.lightgbm import LightGBM
    >>> from ilp_models.features.means import ExponentialMeans
    >>> trees = LightGBM([ExponentialMeans((8, 52))], n_estimators=5, min_child_samples=50)
    >>> LightGBMPerType(trees).fit(history).predict(next_week).expected.shape
    (2, 12, 1)
    """

    def __init__(self, forecaster: Forecaster = _ONE_TYPE) -> None:
        super().__init__(forecaster)
