"""A forecaster beside what it said of the latest past: the material that wrappers learn from."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.history import History
from ilp_models.domain.panel import DIMS
from ilp_models.model.past_forecasts import fit_member, latest_settled, predict_member, walk_forward

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PastWeights:
    """Forecasts of settled periods made at lead 1 without having seen them, beside what was then counted.

    Parameters
    ----------
    expected : ndarray of float64
        Expected counts, shape (periods, crime types, cells), the latest period last.
    dispersion : ndarray of float64
        Dispersions of the same shape.
    observed : ndarray of float64
        Counts of the same shape.
    """

    expected: Floats
    dispersion: Floats
    observed: Floats

    def weights(self, half_life: float) -> Floats:
        """Return the weight of each period: 1 for the latest, half of it so many periods earlier."""
        if not half_life > 0:
            msg = f"half_life={half_life} must be above 0; give .inf for equal weights."
            raise InputError(msg)
        ages = np.arange(len(self.expected))[::-1]
        return np.asarray(0.5 ** (ages / half_life))


class PastPerformance:
    """A fitted forecaster, and its forecasts of the latest periods as it made them at the start of each.

    The record grows with each update: periods that have begun since are forecast one after the other from what was
    known at their start, so that the record does not depend on which updates were made. It holds periods whose counts
    have not settled yet; they enter :meth:`past` once they have.

    Parameters
    ----------
    forecaster : Forecaster
        Fitted.
    count : int
        Settled periods to remember.
    forecasts : list of RiskForecast
        Of consecutive periods, up to the last one that began before the forecaster's cutoff.
    """

    def __init__(self, forecaster: Forecaster, count: int, forecasts: list[RiskForecast]) -> None:
        self.forecaster = forecaster
        self.count = count
        self._said: dict[pd.Period, tuple[Floats, Floats]] = {}
        for one in forecasts:
            self._remember(one)

    @classmethod
    def from_history(cls, forecaster: Forecaster, history: History, count: int, refit_every: int) -> Self:
        """Return the record of a forecaster that is fitted here: on an earlier past, to be judged, then on all."""
        if min(count, refit_every) < 1:
            msg = f"past_periods={count} and refit_every={refit_every} must be at least 1."
            raise InputError(msg)
        name = type(forecaster).__name__
        first, last = latest_settled(history, count)[0], history.calendar.ahead(history.cutoff, 1)[0] - 1
        begun = pd.period_range(first, last)
        forecasts = [said[name] for said in walk_forward({name: forecaster}, history, begun, refit_every)]
        return cls(fit_member(name, clone(forecaster), history), count, forecasts)

    def advance(self, history: History) -> None:
        """Forecast the periods that began since the last call, each from what was known at its start."""
        upcoming = history.calendar.ahead(history.cutoff, 1)[0]
        for period in pd.period_range(max(self._said) + 1, upcoming - 1):
            self.forecaster.update(history.known_at(period.start_time))
            name = type(self.forecaster).__name__
            self._remember(predict_member(name, self.forecaster, pd.PeriodIndex([period])))
        self.forecaster.update(history)
        oldest = history.panel.periods[-1] - self.count
        self._said = {period: said for period, said in self._said.items() if period > oldest}

    def past(self, history: History) -> PastWeights:
        """Return the latest settled periods of the record beside their counts."""
        said = [self._said[period] for period in history.panel.periods[-self.count :]]
        observed = history.panel.by_period[-self.count :].astype(np.float64)
        return PastWeights(np.stack([one for one, _ in said]), np.stack([spread for _, spread in said]), observed)

    def _remember(self, forecast: RiskForecast) -> None:
        spread = forecast.dispersion.broadcast_like(forecast.expected).transpose(*DIMS).values[..., 0]
        self._said[forecast.periods[0]] = (forecast.expected.values[..., 0], np.asarray(spread, dtype=np.float64))
