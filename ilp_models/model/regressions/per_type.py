"""One forecaster a crime type, each of which sees no other type."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from ilp_models.domain.errors import NotRunError
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.history import History
from ilp_models.model.past_forecasts import fit_member

_HALF_AN_EVENT: Final = 0.5


class PerType(Forecaster):
    """Any method, fitted to each crime type by itself.

    A type of which no event is known leaves nothing to fit: it is expected at half an event over the whole past.

    Parameters
    ----------
    forecaster : Forecaster
        The method; a copy of it is fitted for each crime type, on the events of that type alone.
    """

    forecasters_: dict[str, Forecaster]

    def __init__(self, forecaster: Forecaster) -> None:
        self.forecaster = forecaster

    def _fit(self, history: History) -> None:
        known = history.events.table["crime_type"].value_counts()
        self.forecasters_ = {}
        for kind in history.events.crime_types:
            if known[kind] > 0:
                self.forecasters_[kind] = fit_member(kind, clone(self.forecaster), history.of_types([kind]))
        if not self.forecasters_:
            msg = "No event of any crime type is known. Give more data."
            raise NotRunError(msg)

    def _update(self, history: History) -> None:
        for kind, forecaster in self.forecasters_.items():
            forecaster.update(history.of_types([kind]))

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, npt.NDArray[np.float64]]:
        del steps
        history = self.history_
        kinds = history.events.crime_types
        forecasts = {kind: forecaster.predict(periods) for kind, forecaster in self.forecasters_.items()}
        spread = next(iter(forecasts.values())).dispersion.values
        unit = history.panel.by_period[:, 0].size
        expected = np.full((len(kinds), len(history.grid), len(periods)), _HALF_AN_EVENT / unit)
        dispersion = np.zeros((len(kinds), *spread.shape[1:]))
        for place, kind in enumerate(kinds):
            if kind in forecasts:
                expected[place] = forecasts[kind].expected.values[0]
                dispersion[place] = forecasts[kind].dispersion.values[0]
        return expected, dispersion
