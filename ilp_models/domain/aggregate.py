"""Sums over parent areas and the whole city: city = sum of districts = sum of cells, whatever made the forecast."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import csr_matrix

from ilp_models.domain.events import Events
from ilp_models.domain.forecast import QUANTILE_COLUMNS, RiskForecast
from ilp_models.domain.grid import Grid, parent_labels
from ilp_models.domain.replay import Replay
from ilp_models.stats.distributions import fit_dispersion, quantiles

CITY: Final = "city"
EVERYWHERE: Final = "(all)"
NOWHERE: Final = "(none)"
COLUMNS: Final = ("level", "area", "crime_type", "period", "expected", *QUANTILE_COLUMNS)

_LEAST_PERIODS: Final = 8  # of a replay: fewer say too little about how totals scatter


@dataclass(frozen=True, eq=False)
class AreaLevel:
    """Areas that together hold each cell once.

    Parameters
    ----------
    name : str
        ``city``, or a level of the grid's parent areas.
    areas : Index of str
        Names of the areas in order; ``(none)`` comes last and holds the cells without a parent.
    codes : ndarray of int64
        Position of each cell's area among them.
    """

    name: str
    areas: pd.Index
    codes: npt.NDArray[np.int64]

    @property
    def matrix(self) -> csr_matrix:
        """The 0/1 matrix (areas x cells) that adds cells up to areas."""
        size = len(self.codes)
        return csr_matrix((np.ones(size), (self.codes, np.arange(size))), shape=(len(self.areas), size))

    def sums(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return values of cells added up to areas."""
        return np.stack([self.matrix @ np.asarray(one, dtype=np.float64) for one in values])

    def grid(self, cells: Grid) -> Grid:
        """Return the areas as a grid of their own, in which any method can forecast."""
        shapes = [shapely.union_all(cells.geometry[self.codes == area]) for area in range(len(self.areas))]
        touching = (self.matrix @ cells.neighbours @ self.matrix.T).tolil()
        touching.setdiag(0)
        return Grid(
            cells=pd.Index(self.areas, name="cell"),
            geometry=np.array(shapes, dtype=object),
            area_m2=self.matrix @ cells.area_m2,
            crs=cells.crs,
            neighbours=(touching.tocsr() > 0).astype(np.float64),
            locator=AreaLocator(cells, self.codes),
            kept=np.arange(len(self.areas)),
            population=None if cells.population is None else self.matrix @ cells.population,
        )


@dataclass(frozen=True, eq=False)
class AreaLocator:
    """Finds the area of a point by the cell that holds it.

    Parameters
    ----------
    grid : Grid
        The cells.
    codes : ndarray of int64
        Position of each cell's area.
    """

    grid: Grid
    codes: npt.NDArray[np.int64]

    def locate(self, events: Events) -> npt.NDArray[np.int64]:
        """Return the position of each event's area, -1 outside all cells."""
        cell = self.grid.locate(events)
        return np.where(cell >= 0, self.codes[cell], -1)


def area_levels(grid: Grid) -> tuple[AreaLevel, ...]:
    """Return the city and each level of parent areas."""
    city = AreaLevel(CITY, pd.Index([EVERYWHERE]), np.zeros(len(grid), dtype=np.int64))
    return (city, *(_level(grid, name) for name in grid.parents.columns))


def _level(grid: Grid, name: str) -> AreaLevel:
    labels = pd.Series(parent_labels(grid, name), dtype=object)
    nowhere = (labels == "").to_numpy()
    names = sorted(labels[~nowhere].unique())
    codes = pd.Index(names, dtype=object).get_indexer(labels).astype(np.int64)
    codes[nowhere] = len(names)
    return AreaLevel(name, pd.Index([*names, *([NOWHERE] if nowhere.any() else [])], dtype=object), codes)


def area_table(forecast: RiskForecast, grid: Grid, past: Replay | None = None) -> pd.DataFrame:
    """Return what a forecast expects of the city and of each parent area.

    Cells share shocks, so that the scatter of a total does not follow from that of its cells. It is learned from past
    totals: a dispersion for each level and crime type, of the counts around forecasts that had not seen them.
    """
    return pd.concat([_rows(forecast, grid, level, past) for level in area_levels(grid)], ignore_index=True)


def _rows(forecast: RiskForecast, grid: Grid, level: AreaLevel, past: Replay | None) -> pd.DataFrame:
    expected = level.sums(forecast.expected.values)
    types, areas, periods = expected.shape
    limits = np.full((len(QUANTILE_COLUMNS), *expected.shape), np.nan)
    if past is not None and len(past.periods) >= _LEAST_PERIODS:
        limits = quantiles(expected, _dispersions(past, grid, level)[:, None, None])
    columns: dict[str, object] = {
        "level": level.name,
        "area": np.tile(np.repeat(level.areas.to_numpy(), periods), types),
        "crime_type": np.repeat(forecast.expected.indexes["crime_type"].to_numpy(), areas * periods),
        "period": np.tile(forecast.periods.start_time.strftime("%Y-%m-%d").to_numpy(), types * areas),
        "expected": expected.ravel(),
    }
    columns |= {name: limit.ravel() for name, limit in zip(QUANTILE_COLUMNS, limits, strict=True)}
    return pd.DataFrame(columns)[list(COLUMNS)]


def _dispersions(past: Replay, grid: Grid, level: AreaLevel) -> npt.NDArray[np.float64]:
    """Return how past totals of a level scattered around their forecasts, one dispersion a crime type."""
    place = grid.cells.get_indexer(past.expected.indexes["cell"])
    known = AreaLevel(level.name, level.areas, level.codes[place[place >= 0]])
    held = np.flatnonzero(np.bincount(known.codes, minlength=len(level.areas)))
    counts, means = (known.sums(one.values[:, place >= 0])[:, held] for one in (past.observed, past.expected))
    return np.array([fit_dispersion(count, mean) for count, mean in zip(counts, means, strict=True)])
