"""Scores of sums of cells: the city, its parent areas, and differences between areas that touch."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import triu

from ilp_models.domain.aggregate import AreaLevel, area_levels
from ilp_models.domain.grid import Grid
from ilp_models.domain.replay import Replay
from ilp_models.domain.scores import ALL
from ilp_models.scoring.counts import dispersions
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.distributions import poisson_deviance
from ilp_models.stats.variogram import root_distances

Floats = npt.NDArray[np.float64]


def sum_scores(replay: Replay, grid: Grid, floor: float) -> dict[str, Floats]:
    """Return deviance and absolute error of the sums over each level, as means over its areas by type and period."""
    scores = {}
    for level in area_levels(grid):
        observed, expected = (level.sums(one.values) for one in (replay.observed, replay.expected))
        scores[f"{level.name}_deviance"] = poisson_deviance(observed, expected, floor).mean(axis=1)
        scores[f"{level.name}_absolute_error"] = np.abs(observed - expected).mean(axis=1)
    return scores


def variogram_table(replay: Replay, grid: Grid, bootstrap: Bootstrap) -> pd.DataFrame:
    """Return the variogram score of sums over touching parent areas, with intervals, by level and crime type.

    The mean over pairs of the squared error of the root distance (Scheuerer and Hamill 2015, order 0.5). Cells are
    independent around their expected counts, and a sum is negative binomial with the mean and variance of its cells.
    """
    parts = []
    for level in area_levels(grid)[1:]:
        pairs = touching(level, grid)
        if not len(pairs[0]):
            continue
        scores = variogram_scores(replay, level, pairs)
        columns = np.column_stack([*scores, scores.mean(axis=0)])
        estimate = bootstrap.ratio(columns, np.ones_like(columns))
        part = {"value": estimate.value, "low": estimate.low, "high": estimate.high, "pairs": len(pairs[0])}
        parts.append(pd.DataFrame({"crime_type": [*replay.crime_types, ALL], "areas": level.name, **part}))
    names = ["crime_type", "areas", "value", "low", "high", "pairs"]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)
    table.insert(0, "forecaster", replay.forecaster)
    table.insert(1, "lead", replay.lead)
    return table


def touching(level: AreaLevel, grid: Grid) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the positions of all pairs of areas that have neighbouring cells."""
    links = triu(level.matrix @ grid.neighbours @ level.matrix.T, 1).tocoo()
    found = links.data > 0
    return links.row[found].astype(np.int64), links.col[found].astype(np.int64)


def variogram_scores(
    replay: Replay, level: AreaLevel, pairs: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
) -> Floats:
    """Return the variogram score (types, periods) of the sums over the areas of a level."""
    expected = np.asarray(replay.expected.values, dtype=float)
    observed, means = level.sums(replay.observed.values), level.sums(expected)
    extra = level.sums(dispersions(replay) * expected**2)
    spread = np.divide(extra, means**2, out=np.zeros_like(means), where=means > 0)
    first, second = pairs
    return np.stack(
        [
            ((np.sqrt(np.abs(y[first] - y[second])) - root_distances(mean, wide, first, second)) ** 2).mean(axis=0)
            for y, mean, wide in zip(observed, means, spread, strict=True)
        ]
    )
