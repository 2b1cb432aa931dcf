"""All measures of groups with three intervals of 2,000 draws, on 140 areas, 2,500 and 10,000 cells."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
import xarray as xr
from scipy.sparse import csr_matrix

from benchmarks.figure import Figure, Goal
from benchmarks.memory import forget_peak, peak_bytes
from benchmarks.timing import say, wall_seconds
from ilp_models.audit.check_context import CheckContext, MinEvidence
from ilp_models.audit.measures.table import SHARES, measure_groups
from ilp_models.audit.residents import Residents
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Replay
from ilp_models.stats.bootstrap import Bootstrap

_TYPES: Final = 5
_GROUPS: Final = 10
_PERIODS: Final = 52
_SECONDS: Final = {140: 5.0, 2_500: 15.0, 10_000: 30.0}
_GIGABYTES: Final = 2.0


def measure(*, quick: bool) -> list[Figure]:
    """Return the time of all measures on cities of three sizes, and the memory of the largest."""
    sizes = {20: 5.0, 30: 15.0, 40: 30.0} if quick else _SECONDS
    draws, figures, peak = 50 if quick else 2_000, [], 0
    for cells, most in sizes.items():
        say(f"{cells:,} cells")
        evidence = synthetic(cells, draws)
        forget_peak()
        one = wall_seconds(lambda evidence=evidence: measure_groups(evidence, (0.05,)))  # type: ignore[misc]
        every = wall_seconds(lambda evidence=evidence: measure_groups(evidence))  # type: ignore[misc]
        peak = peak_bytes()
        what = f"{cells:,} areas x {_PERIODS} weeks x {_GROUPS} groups x {_TYPES} types"
        note = f"all measures and the baseline, {draws:,} draws of weeks, areas and exchanges; every cell is an area"
        figures += [
            Figure(f"group measures, {what}", one, "s", Goal(high=most), note=f"{note}; 1 share of land in 3 units"),
            Figure(
                f"group measures, {what}, {len(SHARES)} shares",
                every,
                "s",
                Goal(high=most),
                note=f"{note}; {len(SHARES)} shares of land in 3 units",
            ),
        ]
    gigabytes = peak / 1e9
    figures.append(
        Figure("memory of the largest of these", gigabytes, "GB", Goal(high=_GIGABYTES), note="of the process")
    )
    return figures


def synthetic(cells: int, draws: int) -> CheckContext:
    """Return forecasts, counts and residents of a generated city where each cell is an area."""
    rng = np.random.default_rng(0)
    rates = rng.gamma(0.5, 1.0, (_TYPES, cells, 1)) * rng.gamma(20, 0.05, (_TYPES, cells, _PERIODS))
    observed = rng.poisson(rates)
    blurred = rates * rng.gamma(4, 0.25, (_TYPES, cells, 1))
    people = rng.gamma(2, 50, (cells, 1)) * rng.dirichlet(np.ones(_GROUPS), cells)
    names = tuple(f"group {place}" for place in range(_GROUPS))
    residents = Residents("origin", names, people, people.sum(axis=1), people, 0.0, area=np.arange(cells))
    grid = _grid(cells)
    return CheckContext(
        replay=_replay(grid, rates, observed, "model"),
        baseline=_replay(grid, blurred, observed, "baseline"),
        grid=grid,
        explanation=None,
        features=None,
        limits={},
        min_evidence=MinEvidence(),
        bootstrap=Bootstrap(draws=draws),
        land_share=0.05,
        rank_by="count",
        floor=0.005,
        residents=(residents,),
    )


class _Nowhere:
    """A locator that finds no cell."""

    def locate(self, events: Events) -> npt.NDArray[np.int64]:
        """Return -1 for every event."""
        return np.full(len(events), -1, dtype=np.int64)


def _grid(cells: int) -> Grid:
    left = np.arange(cells) * 500.0
    return Grid(
        cells=pd.Index([f"c{place}" for place in range(cells)], name="cell"),
        geometry=shapely.box(left, 0, left + 500, 500),
        area_m2=np.full(cells, 250_000.0),
        crs="EPSG:32617",
        neighbours=csr_matrix((cells, cells)),
        locator=_Nowhere(),
        locator_cells=np.arange(cells),
    )


def _replay(grid: Grid, expected: npt.NDArray[np.float64], observed: npt.NDArray[np.int64], name: str) -> Replay:
    weeks = pd.period_range("2021-01-04", periods=_PERIODS, freq="W-SUN")
    coords = {"crime_type": [f"type {k}" for k in range(_TYPES)], "cell": grid.cells, "period": weeks}
    cube = xr.DataArray(expected, dims=DIMS, coords=coords)
    quantiles = cube.expand_dims(quantile=[0.05, 0.25, 0.5, 0.75, 0.95])  # a view: no measure looks at them
    counts = xr.DataArray(observed, dims=DIMS, coords=coords)
    return Replay(name, "", 1, cube, quantiles, xr.zeros_like(cube[:, 0]), counts)
