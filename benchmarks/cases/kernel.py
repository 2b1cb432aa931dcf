"""A forecast week by kernel density and by prospective hot spots, compared with loops over events."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from benchmarks.city import study
from benchmarks.figure import Figure, Goal
from benchmarks.timing import in_turn, say
from ilp_models.domain.history import History
from ilp_models.model.kernels.kernel_density import KDE
from ilp_models.model.kernels.prospective_hot_spot import ProspectiveHotSpot

Floats = npt.NDArray[np.float64]

_CUTOFF: Final = pd.Timestamp("2021-06-28")  # the first test week of the comparison with open_cp
_BANDWIDTH_M: Final = 250.0
_YEAR: Final = 52


def measure(*, quick: bool) -> list[Figure]:
    """Return the time of one forecast of each method, and that of a loop over the same events."""
    world, parts = study(quick=quick)
    cutoff = parts["backtest"].folds(world.events, world.calendar)[0].cutoff if quick else _CUTOFF
    history = History.from_events(cutoff, world.events, world.grid, world.calendar)
    periods = history.calendar.next_periods(cutoff, 1)
    kde = KDE(bandwidths=(_BANDWIDTH_M,), half_lives=(np.inf,), window=_YEAR, background=(0.01,))
    prospective = ProspectiveHotSpot()
    say("fitting")
    kde.fit(history)
    prospective.fit(history)
    _check_same(history, prospective)
    rounds = 1 if quick else 7
    seconds = in_turn(
        rounds,
        kde=lambda: kde.predict(periods),
        kde_loop=lambda: loop_density(history),
        prospective=lambda: prospective.predict(periods),
        prospective_loop=lambda: loop_prospective(history),
    )
    return [
        _row("kde, a forecast week", seconds, "kde", (0.3, 2.9), _described(history, _YEAR, rounds)),
        _row(
            "prospective hot spot, a forecast week",
            seconds,
            "prospective",
            (0.05, 0.27),
            _described(history, 8, rounds),
        ),
    ]


def _row(
    name: str, seconds: dict[str, float], key: str, goal: tuple[float, float], described: tuple[str, int]
) -> Figure:
    """Return a row; ``goal`` holds the seconds to reach and those of open_cp."""
    note, rounds = described
    return Figure(
        name=name,
        figure=seconds[key],
        unit="s",
        goal=Goal(high=goal[0]),
        reference=seconds[f"{key}_loop"],
        against="a numpy loop over the same events, at the centres of the cells; no level, no quantiles",
        n=rounds,
        note=f"{note}; open_cp on this city, all types as one, in a run of its own: {goal[1]:g} CPU s",
    )


def _described(history: History, weeks: int, rounds: int) -> tuple[str, int]:
    events = sum(len(xy) for xy in _recent(history, weeks))
    cells, kinds = len(history.grid), len(history.events.crime_types)
    return f"{events:,} events of {weeks} weeks, {cells:,} cells, {kinds} types", rounds


def loop_density(history: History) -> Floats:
    """Return Gaussian densities of a year's events at the centres of the cells, one event after the other."""
    centres = _centres(history)
    out = np.zeros((len(history.events.crime_types), len(centres)))
    for kind, places in enumerate(_recent(history, _YEAR)):
        for place in places:
            out[kind] += np.exp(-((centres - place) ** 2).sum(axis=1) / (2 * _BANDWIDTH_M**2))
    return out


def loop_prospective(history: History) -> Floats:
    """Return prospective intensities at the centres of the cells, one event after the other."""
    centres = _centres(history)
    step = np.sqrt(np.median(shapely.area(history.grid.geometry))) / 2
    out = np.zeros((len(history.events.crime_types), len(centres)))
    for week in range(8):
        for kind, places in enumerate(_recent(history, week + 1, week)):
            for place in places:
                distance = np.hypot(*(centres - place).T)
                near = distance <= 400
                out[kind, near] += 1 / (1 + np.floor(distance[near] / step)) / (1 + week)
    return out


def _centres(history: History) -> Floats:
    return np.asarray(shapely.get_coordinates(shapely.centroid(history.grid.geometry)))


def _recent(history: History, weeks: int, until: int = 0) -> list[Floats]:
    """Return the places of each type's events in the cells, since some weeks before the cutoff."""
    table: Any = history.events.table
    age = (history.cutoff - table["occurred_at"]) / pd.Timedelta(weeks=1)
    recent = (age <= weeks) & (age > until) & (history.grid.locate(history.events) >= 0)
    return [
        table.loc[recent & (table["crime_type"] == kind), ["x", "y"]].to_numpy() for kind in history.events.crime_types
    ]


def _check_same(history: History, method: ProspectiveHotSpot) -> None:
    """Stop if the reference sums differ from those of the package."""
    ours = method._maps(history, np.array([len(history.panel.periods)]))[0] / history.grid.area_m2
    np.testing.assert_allclose(ours, loop_prospective(history), rtol=1e-9, atol=1e-12)
