"""The simple baseline on a large panel: fit and forecast by exponentially weighted means."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks.city import configured
from benchmarks.figure import Figure, Goal
from benchmarks.timing import in_turn, say
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.events import Events
from ilp_models.domain.history import History
from ilp_models.grid.square import SquareGrid
from ilp_models.stats.filters import exponential_means

_SIDE_M = 500.0


def measure(*, quick: bool) -> list[Figure]:
    """Return the time of an `ewma` forecast, and that of pandas' weighted means of the same counts."""
    side, weeks, kinds, rounds = (8, 60, 2, 1) if quick else (50, 416, 5, 5)
    say("making the records")
    history = synthetic_history(side, weeks, kinds)
    model = configured("data=simulated", "model=[ewma]")["model"]["ewma"]
    periods = history.calendar.next_periods(history.cutoff, 1)
    wide = pd.DataFrame(history.panel.by_period.reshape(weeks, -1))
    _check_same(history, wide, model.half_lives[0])
    model.fit(history)
    seconds = in_turn(
        rounds,
        ewma=lambda: model.fit(history).predict(periods),
        pandas=lambda: [wide.ewm(halflife=half_life).mean() for half_life in model.half_lives],
    )
    return [
        Figure(
            name="ewma, fit and predict",
            figure=seconds["ewma"],
            unit="s",
            goal=Goal(high=1),
            reference=seconds["pandas"],
            against="pandas: DataFrame.ewm(...).mean() of the wide counts, once a candidate half-life and no more",
            n=rounds,
            note=f"{len(history.grid):,} cells x {weeks} weeks x {kinds} types, tuned, with dispersion and quantiles",
        )
    ]


def synthetic_history(side: int, weeks: int, kinds: int) -> History:
    """Return the history of a square city with uneven rates, about 0.2 events per cell, week and type."""
    rng = np.random.default_rng(0)
    rates = rng.gamma(1.0, 0.2, (kinds, side * side, 1)) + 0.02
    kind, cell, week = (
        np.repeat(index.ravel(), counts)
        for counts in [rng.poisson(rates, (kinds, side * side, weeks)).ravel()]
        for index in np.indices((kinds, side * side, weeks))
    )
    start = pd.Timestamp("2014-01-06")
    when = pd.Series(start + pd.to_timedelta(7 * week + 3, unit="D"))
    table = pd.DataFrame(
        {
            "occurred_at": when,
            "reported_at": when,
            "crime_type": pd.Categorical.from_codes(kind, categories=pd.Index(_names(kinds))),
            "x": 600_000 + _SIDE_M * (cell % side + 0.5),
            "y": 4_800_000 + _SIDE_M * (cell // side + 0.5),
        }
    )
    end = start + pd.Timedelta(weeks=weeks)
    events = Events(table, "EPSG:32617", "America/Toronto", start, end)
    return History.from_events(end, events, SquareGrid(_SIDE_M).build(events), Calendar())


def _names(kinds: int) -> Sequence[str]:
    return [f"type {kind}" for kind in range(kinds)]


def _check_same(history: History, wide: pd.DataFrame, half_life: float) -> None:
    """Stop if the reference means differ from those of the package."""
    ours = exponential_means(history.panel.by_period, half_life, np.array([len(wide)]))[0].ravel()
    np.testing.assert_allclose(ours, wide.ewm(halflife=half_life).mean().iloc[-1], rtol=1e-3, atol=1e-5)
