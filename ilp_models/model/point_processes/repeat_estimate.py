"""Estimate the repeats of each crime type from dates and places, without a forecast."""

from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.domain.repeat_process import RepeatProcess
from ilp_models.model.point_processes.incidents import DAY, Incidents
from ilp_models.model.point_processes.self_exciting_em import Declustering, SelfExcitingProcess, decluster

Floats = npt.NDArray[np.float64]

_SCALES: Final = (50.0, 150.0, 350.0)  # metres
_HALF_LIFE: Final = 182.0  # days; the map of the background follows the seasons of each place
_STEPS: Final = 300  # fewer leave a share of repeats where there are none
_TOLERANCE: Final = 1e-6
_LEAST: Final = 200  # incidents; fewer cannot distinguish repeats from their background
_MOST: Final = 60_000  # incidents; more take over 10 seconds and 1 GB


def estimate_repeats(
    events: Events, grid: Grid, edges: Floats, *, draws: int = 3, seed: int = 0
) -> dict[str, RepeatProcess | str]:
    """Return the self-exciting process of each crime type by its dates, or a reason why there is none.

    The fit is repeated ``draws`` times with shuffled dates. These have no repeats, so that they show how many the
    method finds by chance.
    """
    table, cell = events.table, grid.locate(events)
    start = events.start.normalize()
    day = np.asarray((table["occurred_at"].dt.normalize() - start) / DAY, dtype=float)
    x, y = (table[name].to_numpy(dtype=float) for name in ("x", "y"))
    kind = table["crime_type"].cat.codes.to_numpy()
    days, area = float((events.end.ceil("D") - start) / DAY), float(grid.area_m2.sum())
    settings = Declustering(edges, np.array(_SCALES), (0, 15), _SCALES[0], _HALF_LIFE, 28.0, _STEPS, _TOLERANCE)
    found: dict[str, RepeatProcess | str] = {}
    for code, name in enumerate(events.crime_types):
        own = (kind == code) & (cell >= 0) & (day >= 0) & (day < days)
        incidents = Incidents.from_arrays(day[own], x[own], y[own], cell[own])
        if not _LEAST <= len(incidents) <= _MOST:
            limit = f"fewer than {_LEAST}" if len(incidents) < _LEAST else f"more than {_MOST:,}"
            found[name] = f"It has {len(incidents):,} incidents, {limit}."
            continue
        rng = np.random.default_rng((seed, code))
        shuffled = [_shuffled(incidents, days, area, settings, rng) for _ in range(draws)]
        found[name] = _process(incidents, decluster(incidents, days, area, settings), max(shuffled))
    return found


def _shuffled(
    incidents: Incidents, days: float, area: float, settings: Declustering, rng: np.random.Generator
) -> float:
    """Return the share of repeats that the fit finds if the dates are shuffled."""
    mixed = Incidents.from_arrays(rng.permutation(incidents.day), incidents.x, incidents.y, incidents.cell)
    return _triggered_share(decluster(mixed, days, area, settings))


def _triggered_share(fitted: SelfExcitingProcess) -> float:
    return float(1.0 - fitted.background_probability.mean())


def _process(incidents: Incidents, fitted: SelfExcitingProcess, shuffled: float) -> RepeatProcess:
    kernel = fitted.triggering
    return RepeatProcess(
        len(incidents), _triggered_share(fitted), shuffled, kernel.edges, kernel.repeats, kernel.scales, kernel.shares
    )
