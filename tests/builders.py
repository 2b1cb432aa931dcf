"""Small makers of nouns for tests."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
import xarray as xr
from scipy.sparse import csr_matrix

from ilp_models.domain.distribution import LEVELS, quantiles
from ilp_models.domain.events import Events
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.grid import Grid
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Replay

TYPES = ("Assault", "Break and Enter")


@dataclass(frozen=True)
class Nowhere:
    """A locator that finds no cell."""

    def locate(self, events):
        return np.full(len(events), -1, dtype=np.int64)


def square_grid(rows=3, columns=4, size=500.0, corner=(630_000.0, 4_834_000.0), crs="EPSG:32617"):
    """Return squares row by row from the lower left corner; the left half lies in West, the rest in East."""
    left, bottom = corner
    place = [(row, column) for row in range(rows) for column in range(columns)]
    boxes = [
        shapely.box(left + c * size, bottom + r * size, left + (c + 1) * size, bottom + (r + 1) * size)
        for r, c in place
    ]
    count = len(boxes)
    touching = [[a != b and boxes[a].intersection(boxes[b]).length > 0 for b in range(count)] for a in range(count)]
    return Grid(
        cells=pd.Index([f"r{row}c{column}" for row, column in place], name="cell"),
        geometry=np.array(boxes, dtype=object),
        area_m2=np.full(count, size * size),
        crs=crs,
        neighbours=csr_matrix(np.array(touching, dtype=float)),
        locator=Nowhere(),
        kept=np.arange(count),
        parents=pd.DataFrame({"neighbourhood": ["West" if column < columns / 2 else "East" for _, column in place]}),
    )


def forecast_on(grid, types=TYPES, periods=1, seed=0, expected=None):
    """Return a forecast with gamma-distributed (or the given) expected counts of the weeks from 2022-01-03."""
    shape = (len(types), len(grid), periods)
    values = np.random.default_rng(seed).gamma(0.5, 0.2, shape) if expected is None else np.asarray(expected)
    weeks = pd.period_range("2022-01-03", periods=periods, freq="W-SUN")
    coords = {"crime_type": list(types), "cell": grid.cells, "period": weeks}
    cube = xr.DataArray(values.reshape(shape).astype(float), dims=DIMS, coords=coords)
    spread = xr.DataArray(np.linspace(0.0, 0.7, len(types)), dims="crime_type", coords={"crime_type": list(types)})
    forecast = RiskForecast.negative_binomial(cube, spread, pd.Timestamp("2022-01-03"))
    return forecast.named("ewma", "0123456789abcdef")


def replay_of(expected, observed, forecaster="ewma", lead=1, dispersion=0.0, start="2021-01-04"):
    """Return a replay of arrays (types, cells, periods): types a, b, .., cells c0, c1, .., weeks from a Monday."""
    values = np.asarray(expected, dtype=float)
    kinds, cells, periods = values.shape
    coords = {
        "crime_type": [chr(ord("a") + kind) for kind in range(kinds)],
        "cell": [f"c{cell}" for cell in range(cells)],
        "period": pd.period_range(start, periods=periods, freq="W-SUN"),
    }
    spread = np.broadcast_to(np.asarray(dispersion, dtype=float), (kinds,))
    return Replay(
        forecaster=forecaster,
        recipe="0123456789abcdef",
        lead=lead,
        expected=xr.DataArray(values, dims=DIMS, coords=coords),
        quantiles=xr.DataArray(
            quantiles(values, spread[:, None, None]),
            dims=("quantile", *DIMS),
            coords={"quantile": list(LEVELS), **coords},
        ),
        dispersion=xr.DataArray(spread, dims="crime_type", coords={"crime_type": coords["crime_type"]}),
        observed=xr.DataArray(np.asarray(observed), dims=DIMS, coords=coords),
    )


def events_at(x, y, occurred_at="2021-01-05", **columns):
    """Return one event a place, over four weeks from a Monday; ``columns`` override any other column or setting."""
    settings = {
        "crs": columns.pop("crs", "EPSG:32617"),
        "time_zone": columns.pop("time_zone", "America/Toronto"),
        "start": pd.Timestamp(columns.pop("start", "2021-01-04")),
        "end": pd.Timestamp(columns.pop("end", "2021-02-01")),
        "settles_after": pd.Timedelta(columns.pop("settles_after", "0D")),
    }
    types = columns.pop("types", TYPES)
    table = pd.DataFrame({"x": np.asarray(x, dtype=float), "y": np.asarray(y, dtype=float)})
    table = table.assign(occurred_at=occurred_at, crime_type=types[0])
    table = table.assign(**{"reported_at": table["occurred_at"], **columns})
    times = {name: pd.to_datetime(table[name], format="ISO8601") for name in ("occurred_at", "reported_at")}
    table = table.assign(**times, crime_type=pd.Categorical(table["crime_type"], categories=types))
    if "area" in table:
        table = table.assign(area=pd.Categorical(table["area"]))
    return Events(table, **settings)
