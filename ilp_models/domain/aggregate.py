"""Aggregate forecasts to parent areas and the city: city = sum of districts = sum of cells."""

from collections.abc import Sequence
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
WHOLE_CITY: Final = "(all)"
NO_AREA: Final = "(none)"
COLUMNS: Final = ("level", "area", "crime_type", "period", "expected", *QUANTILE_COLUMNS)

_MIN_PERIODS: Final = 8  # of a backtest, to estimate the dispersion of totals


@dataclass(frozen=True, eq=False)
class AreaLevel:
    """Areas that partition the cells: the whole city, or one level of parent areas."""

    name: str  # city, or a level of the grid's parent areas
    areas: pd.Index  # names in order; (none) comes last and holds the cells without a parent
    codes: npt.NDArray[np.int64]  # position of each cell's area

    @property
    def matrix(self) -> csr_matrix:
        """The 0/1 matrix (areas x cells) that sums cells to areas."""
        size = len(self.codes)
        return csr_matrix((np.ones(size), (self.codes, np.arange(size))), shape=(len(self.areas), size))

    def sums(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the sums of cell values by area."""
        return np.stack([self.matrix @ np.asarray(one, dtype=np.float64) for one in values])

    def grid(self, cells: Grid) -> Grid:
        """Return the areas as a grid, so that any model can forecast them."""
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
            locator_cells=np.arange(len(self.areas)),
            population=None if cells.population is None else self.matrix @ cells.population,
        )


@dataclass(frozen=True, eq=False)
class AreaLocator:
    """Finds the area of each event from its cell."""

    grid: Grid
    codes: npt.NDArray[np.int64]  # position of each cell's area

    def locate(self, events: Events) -> npt.NDArray[np.int64]:
        """Return the position of each event's area, -1 outside all cells."""
        cell = self.grid.locate(events)
        return np.where(cell >= 0, self.codes[cell], -1)


def area_levels(grid: Grid) -> tuple[AreaLevel, ...]:
    """Return the city and each level of parent areas."""
    city = AreaLevel(CITY, pd.Index([WHOLE_CITY]), np.zeros(len(grid), dtype=np.int64))
    return (city, *(_level(grid, name) for name in grid.parents.columns))


def _level(grid: Grid, name: str) -> AreaLevel:
    labels = pd.Series(parent_labels(grid, name), dtype=object)
    unlabelled = (labels == "").to_numpy()
    names = sorted(labels[~unlabelled].unique())
    codes = pd.Index(names, dtype=object).get_indexer(labels).astype(np.int64)
    codes[unlabelled] = len(names)
    return AreaLevel(name, pd.Index([*names, *([NO_AREA] if unlabelled.any() else [])], dtype=object), codes)


def area_table(forecast: RiskForecast, grid: Grid, past: Sequence[Replay] = ()) -> pd.DataFrame:
    """Return expected counts and quantiles of the city and of each parent area, one row per area, type and period.

    Cells share shocks, so the dispersion of a total does not follow from its cells, and it grows with the lead. It is
    estimated from the totals of a backtest, for each lead, level and crime type. Quantiles are missing for leads that
    the backtest lacks or has for fewer than eight periods.
    """
    return pd.concat([_rows(forecast, grid, level, past) for level in area_levels(grid)], ignore_index=True)


def _rows(forecast: RiskForecast, grid: Grid, level: AreaLevel, past: Sequence[Replay]) -> pd.DataFrame:
    expected = level.sums(forecast.expected.values)
    types, areas, periods = expected.shape
    limits = np.full((len(QUANTILE_COLUMNS), *expected.shape), np.nan)
    for one in past:
        if one.lead <= periods and len(one.periods) >= _MIN_PERIODS:
            now = slice(one.lead - 1, one.lead)
            limits[..., now] = quantiles(expected[..., now], _dispersions(one, grid, level)[:, None, None])
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
    """Return the dispersion of past totals of a level around their forecasts, one value per crime type."""
    cell = grid.cells.get_indexer(past.expected.indexes["cell"])
    known = AreaLevel(level.name, level.areas, level.codes[cell[cell >= 0]])
    used = np.flatnonzero(np.bincount(known.codes, minlength=len(level.areas)))
    counts, means = (known.sums(one.values[:, cell >= 0])[:, used] for one in (past.observed, past.expected))
    return np.array([fit_dispersion(count, mean) for count, mean in zip(counts, means, strict=True)])
