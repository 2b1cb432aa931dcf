"""Points that hold far more records than others: busy places, or default coordinates of incidents without a place."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

POINT_M: Final = 10.0  # records within this distance of each other share a point, so that 1 m of noise hides none
MIN_EVENTS: Final = 50  # fewer records at a point are no evidence
MIN_SHARE: Final = 0.0025  # of all records
TIMES_MEAN: Final = 20  # times the mean number of records at the other points
MOSTLY: Final = 0.5  # share of the records of a crime type in a cell
OVERUSED_COLUMNS: Final = ("crime_type", "cell", "events", "at_points", "share")


def point_codes(x: Floats, y: Floats) -> Integers:
    """Return a number for the point of each event; events within 10 m of each other have the same one.

    Four lattices of 20 m are shifted by 10 m, so that any group of this size lies within one square of one of them. An
    event belongs to the square with most events.
    """
    if not len(x):
        return np.empty(0, dtype=np.int64)
    best, code, used = np.zeros(len(x), dtype=np.int64), np.zeros(len(x), dtype=np.int64), 0
    for right in (0.0, 0.5):
        for up in (0.0, 0.5):
            squares = np.floor(x / (2 * POINT_M) + right) + 1j * np.floor(y / (2 * POINT_M) + up)
            own, _ = pd.factorize(squares)
            counts = np.bincount(own)[own]
            code = np.where(counts > best, own + used, code)
            best = np.maximum(best, counts)
            used += int(own.max()) + 1
    return np.asarray(pd.factorize(code)[0], dtype=np.int64)


def overused(codes: Integers) -> npt.NDArray[np.bool_]:
    """Return whether each event lies at a point that holds far more events than others."""
    if not len(codes):
        return np.empty(0, dtype=bool)
    counts = np.bincount(codes)
    # the mean of the others: a point that holds most events must not raise the limit for itself
    usual = (len(codes) - counts) / max(len(counts) - 1, 1)
    limit = np.maximum(max(MIN_EVENTS, MIN_SHARE * len(codes)), TIMES_MEAN * usual)
    return np.asarray((counts > limit)[codes])


def overused_by_cell(events: Events, grid: Grid) -> pd.DataFrame:
    """Return the cells with events at over-used points: ``crime_type, cell, events, at_points, share``.

    Points are judged for each crime type. ``share`` is that of all events of the type in the cell.
    """
    cell = grid.locate(events)
    types = events.table["crime_type"].astype(str).to_numpy(dtype=object)
    x, y = (events.table[name].to_numpy(dtype=float) for name in ("x", "y"))
    rows = []
    for name in events.crime_types:
        own = np.flatnonzero(types == name)
        often = overused(point_codes(x[own], y[own]))
        inside = cell[own] >= 0
        whole = np.bincount(cell[own][inside], minlength=len(grid.cells))
        at_points = np.bincount(cell[own][inside & often], minlength=len(grid.cells))
        rows += [
            (name, str(grid.cells[int(at)]), int(whole[at]), int(at_points[at]), float(at_points[at] / whole[at]))
            for at in np.flatnonzero(at_points)
        ]
    return pd.DataFrame(rows, columns=list(OVERUSED_COLUMNS))
