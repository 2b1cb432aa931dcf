"""Prospective hot spots: recent events near a cell raise its risk."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import csr_matrix
from scipy.spatial import KDTree

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.forecaster import Cube
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.model.kernels.city_shares import CityShareForecaster, Ints, ShareLikelihood
from ilp_models.model.kernels.event_points import event_points

Floats = npt.NDArray[np.float64]


class ProspectiveHotSpot(CityShareForecaster):
    """Sum over recent events near a cell's centre of 1 / (1 + distance) times 1 / (1 + weeks elapsed).

    Distances count in whole steps of half a cell width. Weeks count as whole weeks from the end of an event's period
    to the end of the last known period. The intensity at the centre times the cell area gives the map, without edge
    correction, as in Bowers, Johnson and Pease (2004), British Journal of Criminology 44, 641-658. The paper ranks
    cells; here the city level and a uniform background give expected counts. The background maximises the likelihood
    of the locations of the latest year's events.

    Parameters
    ----------
    reach_m : float, default 400
        Distance from a cell's centre within which events count, metres.
    weeks : int, default 8
        Latest weeks whose events count.
    distance_step : float, optional
        Length of a distance step, metres; by default half the width (square root of the area) of the median cell.
    background : sequence of float
        Candidate weights of the uniform map, above 0 and at most 1.
    level_half_lives : sequence of float
        Candidate half-lives of the level, periods.

    Examples
    --------
    >>> ProspectiveHotSpot(reach_m=600).fit(history).predict(next_week).expected.shape
    (2, 12, 1)
    """

    def __init__(
        self,
        reach_m: float = 400.0,
        weeks: int = 8,
        distance_step: float | None = None,
        background: Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0),
        level_half_lives: Sequence[float] = (2, 4, 8, 16, 52, 208),
    ) -> None:
        self.reach_m = reach_m
        self.weeks = weeks
        self.distance_step = distance_step
        self.background = background
        self.level_half_lives = level_half_lives

    def _check(self) -> None:
        super()._check()
        if not self.reach_m > 0 or self.weeks < 1 or not (self.distance_step is None or self.distance_step > 0):
            msg = (
                f"reach_m={self.reach_m:g}, weeks={self.weeks} and distance_step={self.distance_step} must be above 0; "
                "the paper uses 400 m and 8 weeks."
            )
            raise InputError(msg)

    def _tune_maps(self, history: History, likelihood: ShareLikelihood) -> None:
        widest = float(shapely.minimum_bounding_radius(history.grid.geometry).max())
        if self.reach_m < widest:
            msg = (
                f"reach_m={self.reach_m:g} is smaller than the largest cell radius ({widest:.0f} m), so that a cell "
                "would lose events of its own. Set smaller cells or a larger reach_m."
            )
            raise NotRunError(msg)
        maps = self._maps(history, likelihood.usable)
        chosen = [likelihood.best_background(maps[:, kind], kind)[1] for kind in range(maps.shape[1])]
        self.background_ = np.array(chosen)

    def _maps(self, history: History, usable: Ints) -> Cube:
        weights = self._weights(history, usable)
        used = np.flatnonzero(weights.any(axis=1))
        first, stop = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 0)
        out = np.empty((len(usable), len(history.events.crime_types), len(history.grid)))
        for kind, points in enumerate(event_points(history, first, stop)):
            out[:, kind] = points.weighted(self._proximity(history.grid, points.xy), weights[first:stop]).T
        return out * history.grid.area_m2

    def _weights(self, history: History, usable: Ints) -> Floats:
        """Return the weight of an event of each period for each target, shape (periods, targets)."""
        periods = history.panel.periods
        starts = (
            pd.PeriodIndex(periods.append(periods[-1:] + 1))
            .start_time.to_numpy()
            .astype("datetime64[D]")
            .astype(np.int64)
        )
        elapsed = (starts[np.clip(usable, 0, None)] - starts[1:, None]) // 7
        counted = (np.arange(len(periods))[:, None] < usable) & (elapsed < self.weeks)
        return np.where(counted, 1.0 / (1 + np.maximum(elapsed, 0)), 0.0)

    def _ages(self, history: History, usable: Ints) -> Floats:
        return np.tile(self._weights(history, usable)[:, 0], (len(history.events.crime_types), 1))

    def _proximity(self, grid: Grid, xy: Floats) -> csr_matrix:
        """Return 1 / (1 + whole steps) from each point to the centre of each cell within reach."""
        step = self.distance_step or float(np.sqrt(np.median(shapely.area(grid.geometry)))) / 2
        centres = shapely.get_coordinates(shapely.centroid(grid.geometry))
        pairs = KDTree(xy).sparse_distance_matrix(KDTree(centres), self.reach_m, output_type="ndarray")
        near = 1.0 / (1.0 + np.floor(pairs["v"] / step))
        return csr_matrix((near, (pairs["i"], pairs["j"])), shape=(len(xy), len(grid)))
