"""Self-exciting processes in cells: the simplest form of near repeats, without distances."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.history import History
from ilp_models.model.point_processes.branching import ForecastBins
from ilp_models.model.point_processes.grid_hawkes_em import GridEm, GridProcess, Occurrences
from ilp_models.model.point_processes.incidents import Incidents, days_of
from ilp_models.model.point_processes.point_process import PointProcess

Floats = npt.NDArray[np.float64]


class GridHawkes(PointProcess):
    """A self-exciting process in each cell and crime type: own background, repeats that fade exponentially.

    The grid form of Mohler et al. (2015). Records of the same time, place and crime type are read as one incident.
    Dispersions are fitted on forecasts of the latest ``holdout`` periods by a fit that had not seen them.

    Parameters
    ----------
    pooled : bool, default True
        Learn one number of repeats and one fading for all crime types; otherwise one for each.
    least_delay : str, default "1 day"
        Pairs closer in time than this are not read as triggering; at least the accuracy of the recorded times.
    prior_periods : float, default 12
        Weight of the mean cell in the background of each cell, periods of observation.
    level_half_life : float or None, default 6
        Half-life of the mean of a city's counts that forecasts are scaled to, periods; None leaves them as they are.
    train_periods : int or None, default None
        Latest periods to learn from; None takes all.
    holdout : int, default 8
        Latest periods that dispersions are fitted on.
    steps : int, default 40
        Most steps of expectation-maximisation.
    tolerance : float, default 1e-5
        Change of the expected repeats of an incident at which to stop.
    """

    parameters_: pd.DataFrame

    def __init__(
        self,
        *,
        pooled: bool = True,
        least_delay: str = "1 day",
        prior_periods: float = 12.0,
        level_half_life: float | None = 6.0,
        train_periods: int | None = None,
        holdout: int = 8,
        steps: int = 40,
        tolerance: float = 1e-5,
    ) -> None:
        self.pooled = pooled
        self.least_delay = least_delay
        self.prior_periods = prior_periods
        self.level_half_life = level_half_life
        self.train_periods = train_periods
        self.holdout = holdout
        self.steps = steps
        self.tolerance = tolerance

    def _learn(self, history: History, incidents: list[Incidents], days: float) -> None:
        em = self._em(days, self.train_periods or len(history.panel.periods))
        cells = len(history.grid)
        if self.pooled:
            together = em.fit(_occurrences(incidents, cells), days, len(incidents))
            self.processes_ = together.split(len(incidents))
        else:
            self.processes_ = [em.fit(_occurrences([some], cells), days, 1) for some in incidents]
        rows = [_parameters(process) for process in self.processes_]
        self.parameters_ = pd.DataFrame(rows, index=pd.Index(history.events.crime_types, name="crime_type"))

    def _expected(self, history: History, incidents: list[Incidents], now: float, ahead: ForecastBins) -> Floats:
        known = [_occurrences([some.between(0.0, now)], len(history.grid)) for some in incidents]
        each = zip(self.processes_, known, strict=True)
        return np.stack([process.expected(some, now, ahead) for process, some in each])

    def _em(self, days: float, periods: int) -> GridEm:
        for name in ("prior_periods", "steps"):
            if not getattr(self, name) > 0:
                msg = f"grid_hawkes.{name}={getattr(self, name):g} must be above 0."
                raise InputError(msg)
        prior = float(self.prior_periods) * days / periods
        return GridEm(days_of(self.least_delay, "grid_hawkes.least_delay"), prior, self.steps, float(self.tolerance))


def _occurrences(incidents: list[Incidents], cells: int) -> Occurrences:
    """Return the incidents of some types, a row for each type and cell."""
    row = np.concatenate([some.cell + kind * cells for kind, some in enumerate(incidents)])
    return Occurrences.from_days(np.concatenate([some.day for some in incidents]), row, len(incidents) * cells)


def _parameters(process: GridProcess) -> dict[str, float]:
    return {
        "background_per_day": float(process.background.sum()),
        "offspring": process.offspring,
        "mean_delay_days": process.least_delay + 1.0 / process.fading,
    }
