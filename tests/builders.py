"""Build small grids, events, histories, layers, forecasts and replays for tests."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import shapely
import xarray as xr
from scipy.sparse import csr_matrix

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.events import Events
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.grid import Grid
from ilp_models.domain.harm import HarmSet
from ilp_models.domain.history import History
from ilp_models.domain.layer import Layer, Layers
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Replay
from ilp_models.domain.timing import TIMING, Timing
from ilp_models.stats.distributions import LEVELS, quantiles

TYPES = ("Assault", "Break and Enter")


def harm_sets(*weights):
    """Return harm sets called first, second, .., from mappings of crime types to a weight or a range."""
    return tuple(
        HarmSet(
            name=name,
            **{text: f"{text} of the {name} set" for text in ("title", "date", "unit", "source")},
            weights=by_type,
            mapping={kind: {"categories": [kind], "doubt": f"Doubt of {kind}."} for kind in by_type},
        )
        for name, by_type in zip(("first", "second", "third"), weights, strict=False)
    )


@dataclass(frozen=True)
class NullLocator:
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
        locator=NullLocator(),
        locator_cells=np.arange(count),
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


def header_of(forecast, **changes):
    """Return the header of an audit that states the period of a forecast; by default records end where it begins."""
    first, last = forecast.periods[0].start_time, (forecast.periods[-1] + 1).start_time
    known = {"time_zone": "UTC", "records_end": first, "starts": first, "ends": last}
    return {TIMING: Timing(**(known | changes)).to_dict()}


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


@dataclass(frozen=True)
class SquareLocator:
    """A locator over squares laid row by row from the lower left corner, as ``square_grid`` does."""

    rows: int
    columns: int
    size: float = 500.0
    corner: tuple[float, float] = (630_000.0, 4_834_000.0)

    def locate(self, events):
        column = np.floor((events.table["x"].to_numpy() - self.corner[0]) / self.size).astype(np.int64)
        row = np.floor((events.table["y"].to_numpy() - self.corner[1]) / self.size).astype(np.int64)
        inside = (row >= 0) & (row < self.rows) & (column >= 0) & (column < self.columns)
        return np.where(inside, row * self.columns + column, -1)


def city(rows=3, columns=4):
    """Return ``square_grid`` with a locator that finds its cells."""
    return replace(square_grid(rows, columns), locator=SquareLocator(rows, columns))


def layers_on(grid):
    """Return one layer of points, each 100 m east of the middle of every third cell."""
    east, north = shapely.get_coordinates(shapely.centroid(grid.geometry[::3])).T
    return Layers((Layer("bars", shapely.points(east + 100.0, north), grid.crs),))


def events_of(counts, grid, start="2018-01-01", seed=0, delay_days=0, settles_after="0D", outside=0, days=7):
    """Return events that count up to an array (types, cells, periods) on the grid, periods of ``days`` from a Monday.

    Each is reported up to ``delay_days`` after it occurred; ``outside`` more of them lie outside the grid.
    """
    rng = np.random.default_rng(seed)
    counts = np.asarray(counts)
    kind, cell, week = (np.repeat(index, counts.ravel()) for index in map(np.ravel, np.indices(counts.shape)))
    middle = np.array([(one.centroid.x, one.centroid.y) for one in grid.geometry])[cell]
    strays = np.full((outside, 2), 1000.0)
    week = np.append(week, rng.integers(0, counts.shape[2], outside))
    kind = np.append(kind, np.zeros(outside, dtype=int))
    minutes = week * days * 24 * 60 + rng.integers(0, days * 24 * 60, len(week))
    when = pd.Timestamp(start) + pd.to_timedelta(minutes, unit="min")
    late = pd.to_timedelta(rng.integers(0, delay_days * 24 * 60 + 1, len(week)), unit="min")
    types = [chr(ord("a") + index) for index in range(counts.shape[0])]
    table = pd.DataFrame(
        {
            "occurred_at": when,
            "reported_at": when + late,
            "crime_type": pd.Categorical.from_codes(kind, categories=types),
            "x": np.append(middle[:, 0], strays[:, 0]),
            "y": np.append(middle[:, 1], strays[:, 1]),
        }
    )
    begin = pd.Timestamp(start)
    end = begin + pd.Timedelta(days=days * counts.shape[2])
    return Events(table, grid.crs, "America/Toronto", begin, end, pd.Timedelta(settles_after))


def history_of(counts, grid=None, unit="week", **settings):
    """Return what is known of an array of counts (types, cells, weeks or days) when its last period is over."""
    counts = np.asarray(counts)
    grid = city(1, counts.shape[1]) if grid is None else grid
    events = events_of(counts, grid, days={"week": 7, "day": 1}[unit], **settings)
    return History.from_events(events.end, events, grid, Calendar(unit))


def poisson_counts(shape, rate=0.5, seed=0):
    """Return Poisson counts of a shape (types, cells, weeks) around one rate, or rates that broadcast to it."""
    return np.random.default_rng(seed).poisson(np.broadcast_to(rate, shape))
