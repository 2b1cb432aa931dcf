"""Robberies of Memphis in 2019 and the grid of the published Gi* values: cells that touch the buffered hull."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from scipy.sparse import csr_matrix

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("ILP_SHARED_DATA", ROOT.parent / "shared" / "data")) / "hot_spot_memphis"
PUBLISHED = pytest.mark.skipif(not SHARED.exists(), reason="the published data are not here")
STEPS = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if (dx, dy) != (0, 0)]


def robberies():
    return pd.read_csv(SHARED / "robberies_2019.csv", parse_dates=["time"])


def grid_of(events, cell_m):
    """Return columns and rows of the cells, in the order of the package, and the lower left corner."""
    points = shapely.points(events[["x_m", "y_m"]].to_numpy())
    hull = shapely.buffer(shapely.convex_hull(shapely.multipoints(points)), cell_m / 2, quad_segs=30)
    west, south, east, north = shapely.bounds(hull)
    columns, rows = np.meshgrid(
        np.arange(int(np.ceil((east - west) / cell_m))), np.arange(int(np.ceil((north - south) / cell_m)))
    )
    columns, rows = columns.ravel(), rows.ravel()
    x, y = west + columns * cell_m, south + rows * cell_m
    shapely.prepare(hull)
    touching = shapely.intersects(hull, shapely.box(x, y, x + cell_m, y + cell_m))
    return columns[touching], rows[touching], west, south


def locate(x, y, columns, rows, corner):
    """Return the position of the cell of each point, -1 outside."""
    west, south, cell_m = corner
    wanted = pd.MultiIndex.from_arrays([(x - west) // cell_m, (y - south) // cell_m])
    return pd.MultiIndex.from_arrays([columns, rows]).get_indexer(wanted)


def counts_in(events, columns, rows, corner):
    at = locate(events["x_m"], events["y_m"], columns, rows, corner)
    assert (at >= 0).all()
    return np.bincount(at, minlength=len(columns))[:, None]


def neighbours_of(columns, rows):
    """Return 1 where two cells touch, also at a corner."""
    places = pd.MultiIndex.from_arrays([columns, rows])
    links = [places.get_indexer(pd.MultiIndex.from_arrays([columns + dx, rows + dy])) for dx, dy in STEPS]
    start = np.concatenate([np.flatnonzero(found >= 0) for found in links])
    stop = np.concatenate([found[found >= 0] for found in links])
    return csr_matrix((np.ones(len(start)), (start, stop)), shape=(len(places), len(places)))
