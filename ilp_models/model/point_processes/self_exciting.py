"""A self-exciting point process: a lasting background, and incidents that set off others near them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.history import History
from ilp_models.model.point_processes.branching import ForecastBins
from ilp_models.model.point_processes.incidents import Incidents, days_of
from ilp_models.model.point_processes.point_process import ANYWHERE, PointProcess
from ilp_models.model.point_processes.self_exciting_em import Declustering, decluster
from ilp_models.model.point_processes.self_exciting_forecast import CellProcess

Floats = npt.NDArray[np.float64]


class SelfExciting(PointProcess):
    """Background and near repeats of each crime type, told apart by expectation-maximisation.

    The conditional intensity of Mohler et al. (2011), integrated over cells and periods, with repeats of incidents
    that are yet to happen. Records of the same time, place and crime type are read as one incident. Dispersions are
    fitted on forecasts of the latest ``holdout`` periods by a fit that had not seen them.

    Parameters
    ----------
    delays : sequence of float
        Ends of the spans of delay after an incident, days, the first beyond ``least_delay``; after the last one an
        incident sets off nothing.
    scales : sequence of float
        Standard deviations of the Gaussians that the distance of repeats is a mixture of, metres.
    least_delay : str, default "1 day"
        Pairs closer in time than this are not read as triggering; at least the accuracy of the recorded times.
    neighbours : sequence of int, default (0, 15)
        Which neighbouring places give the bandwidths of the background's kernels; 0 is the place itself.
    least_bandwidth : float, default 50
        Smallest bandwidth of the background, metres; no larger than the smallest of ``scales``.
    half_life : float or None, default 104
        Periods after, or before, which an incident counts half in the background's map; None keeps one map.
    trend : float or None, default 28
        Standard deviation of the Gaussian that smooths the background's level in time, days; None keeps it level.
    level_half_life : float or None, default 6
        Half-life of the mean of a city's counts that forecasts are scaled to, periods; None leaves them as they are.
    train_periods : int or None, default None
        Latest periods to learn from; None takes all.
    holdout : int, default 8
        Latest periods that dispersions are fitted on.
    steps : int, default 40
        Most steps of expectation-maximisation.
    tolerance : float, default 1e-5
        Change of the background's part of all incidents at which to stop.
    """

    parameters_: pd.DataFrame

    def __init__(
        self,
        delays: Sequence[float] = (2, 4, 7, 14, 28, 56),
        scales: Sequence[float] = (50, 150, 350),
        least_delay: str = "1 day",
        neighbours: Sequence[int] = (0, 15),
        least_bandwidth: float = 50.0,
        half_life: float | None = 104,
        trend: float | None = 28.0,
        level_half_life: float | None = 6,
        train_periods: int | None = None,
        holdout: int = 8,
        steps: int = 40,
        tolerance: float = 1e-5,
    ) -> None:
        self.delays = delays
        self.scales = scales
        self.least_delay = least_delay
        self.neighbours = neighbours
        self.least_bandwidth = least_bandwidth
        self.half_life = half_life
        self.trend = trend
        self.level_half_life = level_half_life
        self.train_periods = train_periods
        self.holdout = holdout
        self.steps = steps
        self.tolerance = tolerance

    def _learn(self, history: History, incidents: list[Incidents], days: float) -> None:
        how = self._declustering(history)
        self.processes_ = [_process(some, days, history, how) for some in incidents]
        rows = [_parameters(*each) for each in zip(self.processes_, self.records_each_, strict=True)]
        self.parameters_ = pd.DataFrame(rows, index=pd.Index(history.events.crime_types, name="crime_type"))

    def _expected(self, history: History, incidents: list[Incidents], now: float, ahead: ForecastBins) -> Floats:
        known = zip(self.processes_, incidents, strict=True)
        return np.stack([process.expected(some, now, ahead, history.grid) for process, some in known])

    def _declustering(self, history: History) -> Declustering:
        least = days_of(self.least_delay, "self_exciting.least_delay")
        year = 365.25 / history.calendar.per_year
        return Declustering(
            edges=np.array([least, *self.delays], dtype=float),
            scales=np.asarray(self.scales, dtype=float),
            neighbours=self.neighbours,
            least_bandwidth=float(self.least_bandwidth),
            half_life=None if self.half_life is None else float(self.half_life) * year,
            trend=None if self.trend is None else float(self.trend),
            steps=self.steps,
            tolerance=float(self.tolerance),
        )


def _process(incidents: Incidents, days: float, history: History, how: Declustering) -> CellProcess:
    """Return the process behind some incidents, with half an incident more spread evenly over the cells."""
    area = history.grid.area_m2
    anywhere = ANYWHERE / days * area / area.sum()
    if len(incidents) == 0:
        return CellProcess(anywhere, anywhere, None)
    process = decluster(incidents, days, float(area.sum()), how)
    cells = CellProcess.from_process(process, history.grid)
    return CellProcess(cells.background + anywhere, cells.surroundings + anywhere, cells.triggering)


def _parameters(process: CellProcess, records_each: float) -> dict[str, float]:
    triggering = process.triggering
    return {
        "background_per_day": float(process.background.sum()),
        "offspring": 0.0 if triggering is None else triggering.offspring,
        "mean_delay_days": float("nan") if triggering is None else triggering.mean_delay,
        "spread_m": float("nan") if triggering is None else triggering.spread,
        "records_per_incident": records_each,
    }
