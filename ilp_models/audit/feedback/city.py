"""The city that feedback is simulated in: real areas with constant true rates, and records written period by period."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from ilp_models.domain.aggregate import AreaLevel, area_levels
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_FEWEST: Final = 10  # areas of a level of parents, below which blocks tell more
_MOST: Final = 300  # areas that are forecast in reasonable time, with some events each
_BLOCKS: Final = 150
_NEAR_M: Final = 1.0


@dataclass(frozen=True, eq=False)
class NearestPoint:
    """Finds the area of a point by the nearest of the points that events are put at.

    Parameters
    ----------
    points : ndarray of float64
        Shape (points, 2), metres.
    codes : ndarray of int64
        Position of each point's area.
    """

    points: Floats
    codes: npt.NDArray[np.int64]

    def locate(self, events: Events) -> npt.NDArray[np.int64]:
        """Return the position of each event's area, -1 away from all points."""
        if len(events) == 0:
            return np.zeros(0, dtype=np.int64)
        far, nearest = cKDTree(self.points).query(events.table[["x", "y"]].to_numpy(dtype=float))
        return np.where(far <= _NEAR_M, self.codes[nearest], -1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class FeedbackCity:
    """Areas, the rates that are true in the simulation, and where and when its records begin.

    Parameters
    ----------
    level : Level
        The areas as sums of the real cells.
    grid : Grid
        The areas as cells.
    rates : ndarray of float64
        True events a period, shape (crime types, areas).
    spread : ndarray of float64
        True events a period of each real cell, shape (crime types, cells): where in its area an event is put.
    real : History
        Calendar, crime types, layers and the moment at which the simulation starts.
    """

    level: AreaLevel
    grid: Grid
    rates: Floats
    spread: Floats
    real: History

    @classmethod
    def from_history(cls, history: History, rates: Floats | None = None) -> Self:
        """Return the city that a history tells of."""
        mean = history.panel.values.mean(axis=2) if rates is None else np.asarray(rates, dtype=float)
        if mean.shape != history.panel.values.shape[:2] or not (np.isfinite(mean) & (mean >= 0)).all():
            msg = f"True rates are one a crime type and cell, {history.panel.values.shape[:2]}, finite and >= 0."
            raise InputError(msg)
        level = areas_for(history.grid)
        points = shapely.get_coordinates(shapely.point_on_surface(history.grid.geometry))
        grid = replace(level.grid(history.grid), locator=NearestPoint(points, level.codes))
        return cls(level, grid, level.sums(mean[:, :, None])[:, :, 0], mean, history)

    def records(self, counts: Counts, first: int, random: np.random.Generator) -> pd.DataFrame:
        """Return counts written as single records."""
        periods = self.periods(first, counts.shape[2] + 1).start_time
        kind, area, period = (np.repeat(index.ravel(), counts.ravel()) for index in np.indices(counts.shape))
        points, cell = self.grid.locator.points, np.empty(len(kind), dtype=np.int64)  # type: ignore[attr-defined]
        for code in range(len(counts)):
            chosen = kind == code
            cell[chosen] = self._cells(code, area[chosen], random)
        begins = periods.to_numpy()[period]
        when = begins + (random.random(len(kind)) * (periods.to_numpy()[period + 1] - begins)).astype("timedelta64[s]")
        types = pd.Categorical.from_codes(kind.tolist(), categories=pd.Index(self.real.events.crime_types))
        table = pd.DataFrame({"occurred_at": when, "reported_at": when, "crime_type": types})
        return table.assign(x=points[cell, 0], y=points[cell, 1])

    def known(self, tables: Sequence[pd.DataFrame], memory: int, now: int) -> History:
        """Return what is known of the simulated records after some periods."""
        start, end = (self.periods(at, 1)[0].start_time for at in (now - memory, now))
        table, real = pd.concat(list(tables), ignore_index=True), self.real.events
        table = table[(table["occurred_at"] >= start) & (table["occurred_at"] < end)].reset_index(drop=True)
        events = Events(
            table, self.grid.crs, real.time_zone, start, end, country=real.country, subdivision=real.subdivision
        )
        return History.from_events(end, events, self.grid, self.real.calendar, self.real.layers)

    def periods(self, first: int, count: int) -> pd.PeriodIndex:
        """Return periods counted from the start of the simulation."""
        start = self.real.calendar.ahead(self.real.cutoff, 1)[0]
        return pd.period_range(start + first, periods=count, freq=self.real.calendar.freq)

    def _cells(self, kind: int, area: npt.NDArray[np.int64], random: np.random.Generator) -> npt.NDArray[np.int64]:
        """Return a cell of each area, by lot in proportion to its rate."""
        order = np.argsort(self.level.codes, kind="stable")
        code, rate = self.level.codes[order], self.spread[kind, order] + 1e-12
        whole = np.bincount(code, weights=rate, minlength=len(self.level.areas))
        before = np.concatenate(([0.0], np.cumsum(whole)[:-1]))
        edges = code + (np.cumsum(rate) - before[code]) / whole[code]
        found = np.searchsorted(edges, area + random.random(len(area)), side="right")
        return np.asarray(order[np.minimum(found, np.searchsorted(code, area, side="right") - 1)])


def areas_for(grid: Grid) -> AreaLevel:
    """Return the areas that a simulation runs on: coarse enough that each has events to learn from."""
    levels = [level for level in area_levels(grid)[1:] if _FEWEST <= len(level.areas) <= _MOST]
    if levels:
        return max(levels, key=lambda level: len(level.areas))
    if len(grid) <= _MOST:
        return AreaLevel("cell", grid.cells, np.arange(len(grid)))
    points = shapely.get_coordinates(shapely.point_on_surface(grid.geometry))
    side = np.sqrt(grid.area_m2.sum() / _BLOCKS)
    corner = np.floor((points - points.min(axis=0)) / side).astype(int)
    names = pd.Index([f"block {column} {row}" for column, row in corner])
    codes, areas = names.factorize()
    return AreaLevel("block", pd.Index(areas, dtype=object), codes.astype(np.int64))
