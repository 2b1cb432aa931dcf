"""Background and near repeats of a point process told apart by expectation-maximisation.

The model is that of Mohler et al. (2011, Journal of the American Statistical Association 106, 100-108). Where that
paper draws which incidents are repeats, the probabilities themselves are the weights here, as in Marsan and Lengline
(2008, Science 319, 1076-1079): each step is then a function of the data and of nothing random.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from ilp_models.domain.errors import InputError
from ilp_models.model.point_processes.background import BackgroundPoints
from ilp_models.model.point_processes.incidents import Incidents
from ilp_models.model.point_processes.triggering import Triggering, earlier_neighbours

Floats = npt.NDArray[np.float64]

_FIRST_OFFSPRING: Final = 0.3
_TINY: Final = 1e-30  # stands for 0 where something is divided by it; its inverse still fits into 32 bits


@dataclass(frozen=True, eq=False)
class Declustering:
    """How to tell background and near repeats apart.

    Parameters
    ----------
    edges : ndarray of float64
        Ends of the spans of delay, days, ascending from the least delay of a repeat.
    scales : ndarray of float64
        Standard deviations of the Gaussians of distance, metres.
    neighbours : sequence of int
        Which neighbouring places give the bandwidths of the background's kernels; 0 is the place itself.
    least_bandwidth : float
        Smallest bandwidth of the background, metres.
    half_life : float or None
        Days after, or before, which an incident counts half in the background's map; None lets all count alike.
    trend : float or None
        Standard deviation of the Gaussian that smooths the background's level in time, days; None keeps it level.
    steps : int
        Most steps.
    tolerance : float
        Change of the background's part of all incidents at which to stop.

    Raises
    ------
    InputError
        If a setting is not usable.
    """

    edges: Floats
    scales: Floats
    neighbours: Sequence[int]
    least_bandwidth: float
    half_life: float | None
    trend: float | None
    steps: int
    tolerance: float

    def __post_init__(self) -> None:
        """Refuse settings that describe no kernel."""
        if len(self.edges) == 1 or (np.diff(self.edges) <= 0).any():
            msg = f"self_exciting.delays must rise and go beyond least_delay, not {self.edges.tolist()} days."
            raise InputError(msg)
        if min(self.neighbours, default=-1) < 0:
            msg = f"self_exciting.neighbours={list(self.neighbours)} must name neighbours, such as [0, 15]."
            raise InputError(msg)
        above: dict[str, float] = {"scales": min(self.scales, default=0.0), "steps": self.steps}
        above |= {
            "least_bandwidth": self.least_bandwidth,
            "half_life": 1.0 if self.half_life is None else self.half_life,
        }
        above |= {"trend": 1.0 if self.trend is None else self.trend}
        for name, value in above.items():
            if not value > 0:
                msg = f"self_exciting.{name} must be above 0, not {value:g}."
                raise InputError(msg)


@dataclass(frozen=True, eq=False)
class SelfExcitingProcess:
    """A process as it stands at the end of the time observed.

    Parameters
    ----------
    places : Places
        Where incidents happened.
    background : ndarray of float64
        Expected background incidents of a day that each place stands for.
    shares : ndarray of float64
        Part of the background that follows each kernel around the places; the last part lies evenly over the city.
    triggering : Triggering
        Near repeats.
    own : ndarray of float64
        Probability of each incident to be of the background.
    """

    places: BackgroundPoints
    background: Floats
    shares: Floats
    triggering: Triggering
    own: Floats


def decluster(incidents: Incidents, days: float, area: float, how: Declustering) -> SelfExcitingProcess:
    """Return the process that expectation-maximisation finds behind some incidents."""
    places = BackgroundPoints.from_incidents(incidents, days, how.half_life, how.neighbours, how.least_bandwidth)
    near = earlier_neighbours(incidents, how.edges, how.scales)
    exposure = _exposure(incidents, days, how.edges)
    triggering, today = _first_guess(how), incidents.day.astype(np.int64)
    own, level = np.full(len(incidents), 1.0 - _FIRST_OFFSPRING), np.ones(len(places.season_of_day))
    shares = np.full(len(how.neighbours) + 1, 1.0 / (len(how.neighbours) + 1))
    for _ in range(how.steps):
        around, city = places.density(own / level[today])
        parts = shares[:, None] * np.vstack([around, city[places.season] / area]) * level[today]
        weight = np.outer(triggering.repeats, triggering.shares)
        total = np.maximum(parts.sum(axis=0) + near @ weight.ravel().astype(np.float32), _TINY)
        children = weight * (near.T @ (1.0 / total).astype(np.float32)).reshape(weight.shape)
        triggering = _weighed(children, exposure, triggering)
        by_part = parts @ (1.0 / total)
        shares = by_part / max(by_part.sum(), _TINY)
        before, own = own, parts.sum(axis=0) / total
        level = _level(own, today, city[places.season_of_day], how.trend)
        if abs(float(own.mean() - before.mean())) < how.tolerance:
            break
    background = places.daily(own / level[today])[:, -1] * level[-1]
    return SelfExcitingProcess(places, background, shares, triggering, own)


def _exposure(incidents: Incidents, days: float, edges: Floats) -> Floats:
    """Return the part of each span of delay that was observed, summed over the incidents."""
    width = np.diff(edges)
    seen = np.clip(days - incidents.day[:, None] - edges[:-1], 0.0, width).sum(axis=0)
    return np.asarray(np.maximum(seen / width, _TINY))


def _first_guess(how: Declustering) -> Triggering:
    width = np.diff(how.edges)
    repeats = _FIRST_OFFSPRING * width / width.sum()
    return Triggering(how.edges, repeats, how.scales, np.full(len(how.scales), 1.0 / len(how.scales)))


def _weighed(children: Floats, exposure: Floats, before: Triggering) -> Triggering:
    """Return the kernel most likely to have brought so many children by span of delay and by Gaussian."""
    total = children.sum()
    shares = children.sum(axis=0) / total if total > 0 else before.shares
    return Triggering(before.edges, children.sum(axis=1) / exposure, before.scales, shares)


def _level(own: Floats, today: npt.NDArray[np.int64], map_level: Floats, trend: float | None) -> Floats:
    """Return the background's level on each day relative to that of its map."""
    if trend is None:
        return np.ones(len(map_level))
    smooth = gaussian_filter1d(np.bincount(today, own, len(map_level)), trend, mode="reflect")
    return np.asarray(np.maximum(smooth / np.maximum(map_level, _TINY), _TINY))
