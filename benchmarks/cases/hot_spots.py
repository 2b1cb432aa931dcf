"""Hot spots of 50,000 cells in 52 weeks: Gi*, exact p-values, correction and classes."""

from typing import Final

import numpy as np
import pandas as pd

from benchmarks.figure import Figure, Goal
from benchmarks.timing import in_turn, say
from ilp_models.description.hot_spots import HotSpots
from ilp_models.domain.description import DescriptionData
from ilp_models.domain.events import Events
from ilp_models.grid.square import SquareGrid

_WEEKS: Final = 52
_CELL_M: Final = 500
_EVENTS_A_CELL: Final = 20  # in a year
_START: Final = pd.Timestamp("2023-01-02")


def measure(*, quick: bool) -> list[Figure]:
    """Return the seconds of a description."""
    data = clustered_city(20 if quick else 224)
    part = HotSpots(period_days=7, periods=_WEEKS)
    say(f"{len(data.events):,} events")
    seconds = in_turn(1 if quick else 3, hot_spots=lambda: part.describe(data))["hot_spots"]
    tables = part.describe(data).tables
    note = f"{len(data.events):,} events, {len(data.grid)} cells, {len(tables['hot_cells']):,} cells hot in some week"
    return [Figure(name="hot spots", figure=seconds, unit="s", goal=Goal(high=10), n=1 if quick else 3, note=note)]


def clustered_city(side: int) -> DescriptionData:
    """Return events whose rates differ between cells as in a city: few cells hold most of them."""
    rng = np.random.default_rng(0)
    cells = side**2
    rates = rng.gamma(0.3, size=cells)
    rates += np.roll(rates, 1) + np.roll(rates, side)  # neighbours are similar
    each = np.concatenate([np.arange(cells), rng.choice(cells, _EVENTS_A_CELL * cells, p=rates / rates.sum())])
    x, y = (_CELL_M * (place + rng.random(len(each))) for place in np.divmod(each, side))
    when = _START + pd.to_timedelta(rng.random(len(each)) * 7 * _WEEKS, unit="D").floor("min")
    table = pd.DataFrame({"occurred_at": when, "reported_at": when, "x": x, "y": 4_000_000 + y})
    table["crime_type"] = pd.Categorical(["all"] * len(table))
    end = _START + pd.Timedelta(weeks=_WEEKS)
    events = Events(table, "EPSG:32617", "America/Toronto", _START, end)
    return DescriptionData(events, SquareGrid(_CELL_M).build(events))
