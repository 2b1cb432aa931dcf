"""The truth of a simulated city as a forecaster: what no method can beat on average."""

from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.history import History


@runtime_checkable
class KnownIntensity(Protocol):
    """Something that knows the expected counts, as only a simulated city can."""

    def expected(self, history: History, periods: pd.PeriodIndex) -> npt.NDArray[np.float64]:
        """Return the true expected recorded counts, given what was known at a cutoff."""
        ...


class TrueIntensity(Forecaster):
    """The true expected counts of a simulated city; it learns nothing and reads the known events only.

    Its quantiles are those of a Poisson distribution. Near repeats within a period make the true counts a little
    more variable than that.

    Parameters
    ----------
    city : KnownIntensity
        The simulated city that the events come from.
    """

    def __init__(self, city: KnownIntensity) -> None:
        self.city = city

    def _fit(self, history: History) -> None:  # noqa: ARG002 - there is nothing to learn
        if not isinstance(self.city, KnownIntensity):
            msg = "true_intensity needs records whose truth is known; use data=simulated or leave the model out."
            raise InputError(msg)

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, npt.NDArray[np.float64]]:  # noqa: ARG002
        return self.city.expected(self.history_, periods), np.zeros(len(self.history_.events.crime_types))
