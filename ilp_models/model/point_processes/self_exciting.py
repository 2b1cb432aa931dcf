"""Self-exciting point process: a lasting background, and incidents that trigger near repeats."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix

from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.model.kernels.event_points import EventPoints
from ilp_models.model.kernels.kernel_integrals import KERNELS, CellLattice
from ilp_models.model.point_processes.branching import (
    ForecastBins,
    all_generations,
    expected_repeats,
    next_generation,
    step_repeats,
)
from ilp_models.model.point_processes.incidents import Incidents, days_of
from ilp_models.model.point_processes.point_process import ANYWHERE, PointProcess, in_own_cells
from ilp_models.model.point_processes.self_exciting_em import Declustering, SelfExcitingProcess, Triggering, decluster

Floats = npt.NDArray[np.float64]


class SelfExciting(PointProcess):
    """Background and near repeats of each crime type, separated by expectation-maximisation (Mohler et al. 2011).

    The forecast is the conditional intensity of the process, integrated over cells and periods, including repeats of
    future incidents. Records of the same time, place and crime type count as one incident. Dispersions are fitted out
    of sample on the latest ``holdout`` periods. Mohler et al. (2011), Journal of the American Statistical Association
    106, 100-108; Marsan and Lengline (2008), Science 319, 1076-1079.

    Parameters
    ----------
    delays : sequence of float
        Right edges of the bins of delay after an incident, days, above ``least_delay``. An incident triggers nothing
        after the last one.
    scales : sequence of float
        Standard deviations of the Gaussians whose mixture is the distance of repeats, metres.
    least_delay : str, default "1 day"
        Smallest delay of a repeat; not below the accuracy of the recorded times.
    neighbours : sequence of int, default (0, 15)
        Ranks of the neighbouring places whose distances are the bandwidths of the background; 0 is the place itself.
    least_bandwidth : float, default 50
        Smallest bandwidth of the background, metres; not above the smallest of ``scales``.
    half_life : float or None, default 104
        Half-life of an incident in the map of the background, forwards and backwards in time, periods; None uses one
        map for all periods.
    trend : float or None, default 28
        Standard deviation of the Gaussian that smooths the level of the background in time, days; None keeps the level
        constant.
    level_half_life : float or None, default 6
        Half-life of the mean city count to which forecasts are scaled, periods; None does not scale them.
    train_periods : int or None, default None
        Latest periods to learn from; None uses all.
    holdout : int, default 8
        Latest periods on which the dispersions are fitted.
    steps : int, default 40
        Largest number of EM steps.
    tolerance : float, default 1e-5
        Change of the background share of all incidents at which EM stops.

    Attributes
    ----------
    parameters_ : DataFrame
        By crime type: ``background_per_day``, ``offspring``, ``mean_delay_days``, ``spread_m``,
        ``records_per_incident``.

    Examples
    --------
    >>> model = SelfExciting(steps=4, train_periods=60).fit(history)
    >>> model.parameters_["offspring"].shape
    (2,)
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
        settings = self._declustering(history)
        self.processes_ = [_process(some, days, history, settings) for some in incidents]
        rows = [_parameters(*each) for each in zip(self.processes_, self.records_per_incident_, strict=True)]
        self.parameters_ = pd.DataFrame(rows, index=pd.Index(history.events.crime_types, name="crime_type"))

    def _expected(self, history: History, incidents: list[Incidents], now: float, bins: ForecastBins) -> Floats:
        known = zip(self.processes_, incidents, strict=True)
        return np.stack([process.expected(some, now, bins, history.grid) for process, some in known])

    def _own_repeats(self, kind: int, repeats: Floats, incidents: Incidents, now: float, bins: ForecastBins) -> Floats:
        triggering = self.processes_[kind].triggering
        if triggering is None:
            return repeats
        weights = expected_repeats(triggering, now - incidents.day, bins).sum(axis=1)
        return in_own_cells(incidents, weights, repeats)

    def _declustering(self, history: History) -> Declustering:
        least = days_of(self.least_delay, "self_exciting.least_delay")
        period_days = 365.25 / history.calendar.per_year
        return Declustering(
            edges=np.array([least, *self.delays], dtype=float),
            scales=np.asarray(self.scales, dtype=float),
            neighbours=self.neighbours,
            least_bandwidth=float(self.least_bandwidth),
            half_life=None if self.half_life is None else float(self.half_life) * period_days,
            trend=None if self.trend is None else float(self.trend),
            steps=self.steps,
            tolerance=float(self.tolerance),
        )


def _process(incidents: Incidents, days: float, history: History, settings: Declustering) -> "CellProcess":
    """Return the fitted process in cells, with half an incident added uniformly to the background."""
    area = history.grid.area_m2
    anywhere = ANYWHERE / days * area / area.sum()
    if len(incidents) == 0:
        return CellProcess(anywhere, anywhere, None)
    process = decluster(incidents, days, float(area.sum()), settings)
    cells = CellProcess.from_process(process, history.grid)
    return CellProcess(cells.background + anywhere, cells.repeat_locations + anywhere, cells.triggering)


def _parameters(process: "CellProcess", records_each: float) -> dict[str, float]:
    triggering = process.triggering
    return {
        "background_per_day": float(process.background.sum()),
        "offspring": 0.0 if triggering is None else triggering.offspring,
        "mean_delay_days": float("nan") if triggering is None else triggering.mean_delay,
        "spread_m": float("nan") if triggering is None else triggering.spread,
        "records_per_incident": records_each,
    }


@dataclass(frozen=True, eq=False)
class CellProcess:
    """A self-exciting process, integrated over cells."""

    background: Floats  # (cells,): expected background incidents per day
    repeat_locations: Floats  # (cells,): the background, moved by the distance of a repeat
    triggering: Triggering | None  # None without known incidents

    @classmethod
    def from_process(cls, process: SelfExcitingProcess, grid: Grid) -> Self:
        """Integrate a process over the cells of a grid."""
        places, shares = process.places, process.shares
        uniform = shares[-1] * process.background.sum() * grid.area_m2 / grid.area_m2.sum()
        maps = [uniform.copy(), uniform.copy()]
        for share, bandwidth in zip(shares[:-1], places.bandwidths, strict=True):
            for cells, wider in zip(maps, (0.0, process.triggering.spread), strict=True):
                masses = _masses(grid, places.x, places.y, places.cell, np.hypot(bandwidth, wider))
                cells += share * (masses.T @ process.background)
        return cls(maps[0], maps[1], process.triggering)

    def expected(self, incidents: Incidents, now: float, bins: ForecastBins, grid: Grid) -> Floats:
        """Return the expected incidents of each cell and period."""
        daily = np.full((1, bins.steps), bins.days)
        counts = np.outer(self.background, bins.by_period(daily))
        if self.triggering is not None:
            step = step_repeats(self.triggering, bins)
            repeats = next_generation(all_generations(daily, step), step)
            counts += np.outer(self.repeat_locations, bins.by_period(repeats))
            counts += self._known_repeats(incidents, now, bins, grid, self.triggering)
        return counts

    def _known_repeats(
        self, incidents: Incidents, now: float, bins: ForecastBins, grid: Grid, triggering: Triggering
    ) -> Floats:
        """Return the repeats of known incidents; later generations have the locations of the second one."""
        longest = triggering.edges[-1]
        recent = incidents.between(now - longest, now)
        if len(recent) == 0:
            return np.zeros((len(grid), len(bins.first)))
        spot, first_record, spot_of = np.unique(
            np.column_stack([recent.x, recent.y]), axis=0, return_index=True, return_inverse=True
        )
        summed = csr_matrix(
            (np.ones(len(spot_of)), (spot_of, np.arange(len(spot_of)))), shape=(len(spot), len(spot_of))
        )
        first = summed @ expected_repeats(triggering, now - recent.day, bins)
        step = step_repeats(triggering, bins)
        later = next_generation(all_generations(first, step), step)
        counts = np.zeros((len(grid), len(bins.first)))
        second = triggering.second_generation()
        for repeats, mixture in ((first, (triggering.shares, triggering.scales)), (later, second)):
            by_period = bins.by_period(repeats)
            for share, scale in zip(*mixture, strict=True):
                if share > 0:
                    masses = _masses(grid, spot[:, 0], spot[:, 1], recent.cell[first_record], np.full(len(spot), scale))
                    counts += share * (masses.T @ by_period)
        return counts


def _masses(grid: Grid, x: Floats, y: Floats, cell: npt.NDArray[np.int64], widths: Floats) -> csr_matrix:
    """Return the mass in each cell of Gaussians around places, shape (places, cells); rows sum to 1."""
    points = EventPoints(np.column_stack([x, y]), cell, csr_matrix((len(x), 0)))
    return CellLattice.from_grid(grid, float(np.median(widths))).spread(points, widths, KERNELS["gaussian"])
