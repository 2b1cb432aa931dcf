"""The true expected counts of a simulated city as a forecaster: a bound that no method beats on average."""

from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.history import History


@runtime_checkable
class KnownIntensity(Protocol):
    """A city whose true expected counts are known, such as a simulated city."""

    def expected(self, history: History, periods: pd.PeriodIndex) -> npt.NDArray[np.float64]:
        """Return the true expected recorded counts (crime types, cells, periods), given the events at a cutoff."""
        ...


class TrueIntensity(Forecaster):
    """The true expected counts of a simulated city, given the known events. It learns nothing.

    Its quantiles are those of a Poisson distribution. Near repeats within a period make the true counts slightly more
    variable than that.

    Parameters
    ----------
    city : KnownIntensity
        The simulated city that the events come from.

    Examples
    --------
    >>> from ilp_models.data.simulated.city import SimulatedCity
    >>> TrueIntensity(SimulatedCity(seed=5)).city.seed
    5
    """

    def __init__(self, city: KnownIntensity) -> None:
        self.city = city

    def _fit(self, history: History) -> None:
        del history  # there is nothing to learn
        if not isinstance(self.city, KnownIntensity):
            msg = (
                "true_intensity needs a simulated city. Set data=simulated, or take true_intensity out of model=[...]."
            )
            raise InputError(msg)

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, npt.NDArray[np.float64]]:
        del steps
        return self.city.expected(self.history_, periods), np.zeros(len(self.history_.events.crime_types))
