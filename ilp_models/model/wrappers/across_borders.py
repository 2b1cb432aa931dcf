"""Forecast with the events of neighbours: a halo of cells beyond the border, which are not forecast."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.base import clone

from ilp_models.domain.borders import merge_neighbours, why_incomplete, widen_grid, widen_history
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.composition import Composition, Member
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.family_reasons import combine_reasons
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.model.past_forecasts import Floats


class AcrossBorders(Forecaster):
    """A forecaster that also knows what neighbours recorded beyond the border of the study area.

    Crime does not stop at a border, and records do: without the neighbours, cells at the border seem to have quiet
    surroundings. The forecaster is fitted on the cells of the study area and on a halo of cells beyond the border. Only
    the cells of the study area are forecast. Their counts are those of the study area alone.

    Parameters
    ----------
    forecaster : Forecaster
        The method; a clone of it is fitted.
    neighbours : sequence of Events
        Records of the neighbours, in any CRS and time zone. They must cover the periods of the study area. Crime types
        that the study area lacks are left out.
    reach_m : float, default 3000
        Cells beyond the border count if they hold an event within this distance of an event of the study area, metres.
        Set at least the reach of the method, such as the bandwidth of a kernel.

    Attributes
    ----------
    forecaster_ : Forecaster
        The fitted method.
    grid_ : Grid
        The cells of the study area, followed by those of the halo.

    Raises
    ------
    InputError
        If the reach is not above 0, the cells are areas of a file, or the records of a neighbour do not cover the
        periods of the study area.

    Examples
    --------
    >>> from ilp_models.model.means.ewma import EWMA
    >>> model = AcrossBorders(EWMA(), [history.events]).fit(history)
    >>> len(model.grid_) == len(history.grid)  # these neighbours have no event outside the study area
    True
    """

    forecaster_: Forecaster
    grid_: Grid

    def __init__(self, forecaster: Forecaster, neighbours: Sequence[Events] = (), reach_m: float = 3000.0) -> None:
        self.forecaster = forecaster
        self.neighbours = neighbours
        self.reach_m = reach_m

    def _fit(self, history: History) -> None:
        beyond = merge_neighbours(history.events, self.neighbours)
        known = beyond.known_at(history.calendar.earlier(history.cutoff, history.record_lag))
        self.grid_ = widen_grid(history.grid, history.events, known, self.reach_m)
        self.forecaster_ = clone(self.forecaster).fit(self._widened(history, beyond))

    def shortened(self, known: int, calendar: Calendar) -> tuple[str, ...]:
        """Return the settings of the method that few known periods reduce."""
        return self.forecaster.shortened(known, calendar)

    def _update(self, history: History) -> None:
        self.forecaster_.update(self._widened(history, merge_neighbours(history.events, self.neighbours)))

    def _widened(self, history: History, beyond: Events) -> History:
        if len(self.grid_) == len(history.grid):  # the simulated city of a feedback test has no neighbours
            return history
        for one in self.neighbours:
            reason = why_incomplete(history.events, one, history.calendar)
            if reason:
                name = one.city or repr(one)
                msg = f"Records of the neighbour {name} cannot be used: {reason}. Leave the neighbour out."
                raise InputError(msg)
        return widen_history(history, beyond, self.grid_)

    def predict(self, periods: pd.PeriodIndex) -> RiskForecast:
        """Return the forecast of the cells of the study area, see :meth:`Forecaster.predict`."""
        self._check_fitted()
        return self._own(self.forecaster_.predict(periods))

    def _own(self, wide: RiskForecast) -> RiskForecast:
        cells = slice(len(self.history_.grid))
        spread = wide.dispersion
        return replace(
            wide,
            expected=wide.expected[:, cells],
            quantiles=wide.quantiles[:, :, cells],
            dispersion=spread.isel(cell=cells) if "cell" in spread.dims else spread,
        )

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, Floats]:
        del steps
        own = self._own(self.forecaster_.predict(periods))
        return own.expected.values, own.dispersion.values

    def _split_forecast(
        self, periods: pd.PeriodIndex, steps: Steps, expected: xr.DataArray
    ) -> tuple[Floats, Mapping[str, Cube]]:
        """Return the parts of the method for the cells of the study area."""
        del steps
        wide, cells = self.forecaster_.reasons(periods), slice(len(self.history_.grid))
        own = replace(wide, expected=wide.expected[:, cells], parts=wide.parts[:, cells])
        return combine_reasons(expected, [own], np.ones((len(expected), 1)))

    def composition(self) -> Composition:
        """Return the method as the only member."""
        self._check_fitted()
        weights = np.ones(len(self.history_.events.crime_types))
        return Composition((Member("forecaster", self.forecaster_, weights, cells=len(self.history_.grid)),))
