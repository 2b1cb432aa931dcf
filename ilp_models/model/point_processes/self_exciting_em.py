"""Expectation-maximisation (stochastic declustering) of a self-exciting process into background and near repeats.

The model is that of Mohler et al. (2011, Journal of the American Statistical Association 106, 100-108). That paper
samples which incidents are repeats; here their probabilities are weights, as in Marsan and Lengline (2008, Science 319,
1076-1079), so that each step is deterministic. Bandwidths of the background follow the distance to a near neighbour,
here among distinct places, because publishers move incidents to street crossings. Expected repeats are a histogram
over delays times a mixture of Gaussians over distances. Both are linear in their weights, so that sums over pairs of
incidents are computed once, before the first step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import csr_matrix
from scipy.spatial import KDTree

from ilp_models.domain.errors import InputError
from ilp_models.model.point_processes.incidents import Incidents

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FIRST_OFFSPRING: Final = 0.3
_TINY: Final = 1e-30  # smallest divisor; its inverse fits into 32 bits
_KERNEL_REACH: Final = 4.0  # bandwidths; a Gaussian in the plane has 0.03 % of its mass beyond it
_PLACES_AT_ONCE: Final = 500  # places per batch of neighbours
_SEASON: Final = 91.0  # days for which the background map is constant
PAIR_REACH: Final = 3.0  # standard deviations of the widest Gaussian within which pairs are found
_INCIDENTS_AT_ONCE: Final = 2_000  # incidents per batch of neighbours
_SECONDS: Final = 86_400.0


@dataclass(frozen=True, eq=False)
class BackgroundPoints:
    """The distinct places of incidents, in seasons over which the map of the background is constant."""

    x: Floats  # metres
    y: Floats
    bandwidths: Floats  # (kernels, places): standard deviations along each axis, metres
    place: Ints  # place of each incident
    season: Ints  # season of each incident; the last one ends with the observed time
    memory: Floats  # (seasons, seasons): weight of an incident of one season (columns) in the daily rate of another
    cell: Ints  # cell of each place
    season_of_day: Ints  # season of each observed day

    @classmethod
    def from_incidents(
        cls, incidents: Incidents, days: float, half_life: float | None, neighbours: Sequence[int], least: float
    ) -> "BackgroundPoints":
        """Return the places of some incidents, with bandwidths from the distances to neighbours of some ranks."""
        spot, place = np.unique(np.column_stack([incidents.x, incidents.y]), axis=0, return_inverse=True)
        ranks = [min(int(neighbour), len(spot) - 1) + 1 for neighbour in neighbours]
        away, _ = KDTree(spot).query(spot, k=ranks)
        cell = np.zeros(len(spot), dtype=np.int64)
        cell[place] = incidents.cell
        ends = np.append(np.arange(days, 0.0, -_SEASON), 0.0)[::-1]
        season, season_of_day = (
            np.searchsorted(ends, day, side="right") - 1 for day in (np.floor(incidents.day), np.arange(np.ceil(days)))
        )
        memory = _memory(np.diff(ends), half_life)
        x, y = spot.T.copy()
        return cls(x, y, np.maximum(away.T, least), place.astype(np.int64), season, memory, cell, season_of_day)

    def __len__(self) -> int:
        """Return the number of places."""
        return len(self.x)

    def daily(self, values: Floats) -> Floats:
        """Return daily rates (places, seasons) from a value per incident."""
        seasons = len(self.memory)
        summed = np.bincount(self.place * seasons + self.season, values, len(self) * seasons)
        return np.asarray(summed.reshape(len(self), seasons) @ self.memory.T)

    def density(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the daily rates at each incident (kernels, incidents), and of the city in each season.

        The kernel of an incident does not count at the incident itself.
        """
        daily = self.daily(values)
        own = values * np.diag(self.memory)[self.season] / (2 * np.pi * self.bandwidths[:, self.place] ** 2)
        single = daily.astype(np.float32)  # as the kernels, which are otherwise copied in each step
        around = np.stack([(kernel @ single)[self.place, self.season] for kernel in self._kernels])
        return np.maximum(around - own, 0.0), daily.sum(axis=0)

    @cached_property
    def _kernels(self) -> list[csr_matrix]:
        """The density of an incident at each place (columns) at each place (rows), per square metre."""
        spot = np.column_stack([self.x, self.y])
        tree = KDTree(spot)
        return [_densities(spot, tree, bandwidth) for bandwidth in self.bandwidths]


def _densities(spot: Floats, tree: KDTree, bandwidth: Floats) -> csr_matrix:
    order = np.argsort(bandwidth, kind="stable")  # each batch has similar bandwidths
    parts = []
    for start in range(0, len(order), _PLACES_AT_ONCE):
        some = order[start : start + _PLACES_AT_ONCE]
        reach = _KERNEL_REACH * bandwidth[some].max()
        pairs = KDTree(spot[some]).sparse_distance_matrix(tree, reach, output_type="ndarray")
        width = bandwidth[some][pairs["i"]]
        near = pairs["v"] <= _KERNEL_REACH * width
        width = width[near]
        density = np.exp(-0.5 * (pairs["v"][near] / width) ** 2) / (2 * np.pi * width**2)
        column = some[pairs["i"][near]].astype(np.int32)
        parts.append((density.astype(np.float32), pairs["j"][near].astype(np.int32), column))
    values, rows, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    return csr_matrix((values, (rows, columns)), shape=(len(spot), len(spot)))


def _memory(lengths: Floats, half_life: float | None) -> Floats:
    """Return the weights of seasons on seasons, divided by the weighted days."""
    middle = np.cumsum(lengths) - lengths / 2
    apart = np.abs(np.subtract.outer(middle, middle))
    weights = np.ones_like(apart) if half_life is None else 0.5 ** (apart / half_life)
    return np.asarray(weights / (weights @ lengths)[:, None])


@dataclass(frozen=True, eq=False)
class Triggering:
    """Expected direct repeats of one incident by delay and distance."""

    edges: Floats  # edges of the bins of delay, days, ascending
    repeats: Floats  # expected repeats in each bin, >= 0
    scales: Floats  # standard deviations of the Gaussians along each axis, metres
    shares: Floats  # of the Gaussians; they sum to 1

    @property
    def offspring(self) -> float:
        """The expected number of direct repeats of one incident."""
        return float(self.repeats.sum())

    @property
    def mean_delay(self) -> float:
        """The mean delay of a direct repeat, days; NaN without expected repeats."""
        middle = (self.edges[1:] + self.edges[:-1]) / 2
        return float(self.repeats @ middle / self.offspring) if self.offspring > 0 else float("nan")

    @property
    def spread(self) -> float:
        """The standard deviation of a direct repeat along each axis, metres."""
        return float(np.sqrt(self.shares @ self.scales**2))

    def cumulative(self, days: Floats) -> Floats:
        """Return the expected repeats within some days; 0 for negative days."""
        return np.asarray(np.interp(days, self.edges, np.append(0.0, np.cumsum(self.repeats))))

    def area(self, days: Floats) -> Floats:
        """Return the integral of :meth:`cumulative` from 0."""
        width = np.diff(self.edges)
        total = np.append(0.0, np.cumsum(self.repeats))
        below = np.append(0.0, np.cumsum((total[1:] + total[:-1]) / 2 * width))
        span = np.clip(np.searchsorted(self.edges, days, side="right") - 1, 0, len(width))
        past = np.maximum(days - self.edges[span], 0.0)
        rate = np.append(self.repeats / width, 0.0)
        return np.asarray(below[span] + total[span] * past + rate[span] * past**2 / 2)

    def second_generation(self) -> tuple[Floats, Floats]:
        """Return shares and scales of the distance from an incident to the repeats of its repeats."""
        one, other = np.triu_indices(len(self.scales))
        shares = self.shares[one] * self.shares[other] * np.where(one == other, 1.0, 2.0)
        return shares, np.hypot(self.scales[one], self.scales[other])


def earlier_neighbours(incidents: Incidents, edges: Floats, scales: Floats) -> npt.NDArray[np.float32]:
    """Return the summed densities of earlier incidents at each incident, shape (incidents, delay bins x Gaussians).

    Only pairs within the longest delay and three standard deviations of the widest Gaussian count; a k-d tree finds
    them.
    """
    spans, kinds = len(edges) - 1, len(scales)
    out = np.zeros((len(incidents), spans * kinds), dtype=np.float32)
    reach, half = PAIR_REACH * scales.max(), edges[-1] / 2
    place = np.column_stack([incidents.x / reach, incidents.y / reach, incidents.day / half])
    tree = KDTree(place)
    limits = np.maximum(np.rint(edges * _SECONDS), 1.0)  # simultaneous incidents do not trigger each other
    for start in range(0, len(incidents), _INCIDENTS_AT_ONCE):
        part = slice(start, start + _INCIDENTS_AT_ONCE)
        size = len(place[part])
        back = KDTree(place[part] - [0.0, 0.0, 1.0])  # a ball around half the delay earlier holds only the past
        pairs = back.sparse_distance_matrix(tree, 1.0 + 1e-9, p=np.inf, output_type="ndarray")
        now, before = pairs["i"] + start, pairs["j"]
        span = np.searchsorted(limits, np.rint((incidents.day[now] - incidents.day[before]) * _SECONDS), "right") - 1
        square = (incidents.x[now] - incidents.x[before]) ** 2 + (incidents.y[now] - incidents.y[before]) ** 2
        near = (span >= 0) & (span < spans) & (square <= reach**2)
        row, square = ((now - start) * spans + span)[near], square[near]
        for kind, scale in enumerate(scales):
            density = np.exp(square / (-2 * scale**2)) / (2 * np.pi * scale**2)
            summed = np.bincount(row, density, size * spans).reshape(size, spans)
            out[part, kind::kinds] = summed / np.diff(edges)
    return out


@dataclass(frozen=True, eq=False)
class Declustering:
    """Settings of the expectation-maximisation; see `SelfExciting`."""

    edges: Floats  # edges of the bins of delay, days
    scales: Floats  # standard deviations of distance, metres
    neighbours: Sequence[int]  # ranks of the neighbours that give the bandwidths
    least_bandwidth: float  # metres
    half_life: float | None  # days
    trend: float | None  # days
    steps: int
    tolerance: float

    def __post_init__(self) -> None:
        """Refuse values that are not usable."""
        if len(self.edges) == 1 or (np.diff(self.edges) <= 0).any():
            msg = f"self_exciting.delays must increase and exceed least_delay, not {self.edges.tolist()} days."
            raise InputError(msg)
        if min(self.neighbours, default=-1) < 0:
            msg = f"self_exciting.neighbours={list(self.neighbours)} must be ranks of neighbours, such as [0, 15]."
            raise InputError(msg)
        positive: dict[str, float] = {"scales": min(self.scales, default=0.0), "steps": self.steps}
        positive |= {
            "least_bandwidth": self.least_bandwidth,
            "half_life": 1.0 if self.half_life is None else self.half_life,
        }
        positive |= {"trend": 1.0 if self.trend is None else self.trend}
        for name, value in positive.items():
            if not value > 0:
                msg = f"self_exciting.{name} must be above 0, not {value:g}."
                raise InputError(msg)


@dataclass(frozen=True, eq=False)
class SelfExcitingProcess:
    """A fitted process at the end of the observed time."""

    places: BackgroundPoints
    background: Floats  # (places,): expected background incidents per day
    shares: Floats  # of the background kernels; the last one is uniform over the city
    triggering: Triggering
    background_probability: Floats  # of each incident


def decluster(incidents: Incidents, days: float, area: float, settings: Declustering) -> SelfExcitingProcess:
    """Return the process fitted to some incidents by expectation-maximisation."""
    places = BackgroundPoints.from_incidents(
        incidents, days, settings.half_life, settings.neighbours, settings.least_bandwidth
    )
    near = earlier_neighbours(incidents, settings.edges, settings.scales)
    exposure = _exposure(incidents, days, settings.edges)
    triggering, today = _first_guess(settings), incidents.day.astype(np.int64)
    probability, level = np.full(len(incidents), 1.0 - _FIRST_OFFSPRING), np.ones(len(places.season_of_day))
    shares = np.full(len(settings.neighbours) + 1, 1.0 / (len(settings.neighbours) + 1))
    for _ in range(settings.steps):
        around, city = places.density(probability / level[today])
        parts = shares[:, None] * np.vstack([around, city[places.season] / area]) * level[today]
        weight = np.outer(triggering.repeats, triggering.shares)
        total = np.maximum(parts.sum(axis=0) + near @ weight.ravel().astype(np.float32), _TINY)
        children = weight * (near.T @ (1.0 / total).astype(np.float32)).reshape(weight.shape)
        triggering = _fit_triggering(children, exposure, triggering)
        by_part = parts @ (1.0 / total)
        shares = by_part / max(by_part.sum(), _TINY)
        before, probability = probability, parts.sum(axis=0) / total
        level = _level(probability, today, city[places.season_of_day], settings.trend)
        if abs(float(probability.mean() - before.mean())) < settings.tolerance:
            break
    background = places.daily(probability / level[today])[:, -1] * level[-1]
    return SelfExcitingProcess(places, background, shares, triggering, probability)


def _exposure(incidents: Incidents, days: float, edges: Floats) -> Floats:
    """Return the observed part of each bin of delay, summed over the incidents."""
    width = np.diff(edges)
    observed = np.clip(days - incidents.day[:, None] - edges[:-1], 0.0, width).sum(axis=0)
    return np.asarray(np.maximum(observed / width, _TINY))


def _first_guess(settings: Declustering) -> Triggering:
    width = np.diff(settings.edges)
    repeats = _FIRST_OFFSPRING * width / width.sum()
    return Triggering(
        settings.edges, repeats, settings.scales, np.full(len(settings.scales), 1.0 / len(settings.scales))
    )


def _fit_triggering(children: Floats, exposure: Floats, before: Triggering) -> Triggering:
    """Return the maximum-likelihood kernel for the expected children by bin of delay and Gaussian."""
    total = children.sum()
    shares = children.sum(axis=0) / total if total > 0 else before.shares
    return Triggering(before.edges, children.sum(axis=1) / exposure, before.scales, shares)


def _level(probability: Floats, today: npt.NDArray[np.int64], map_level: Floats, trend: float | None) -> Floats:
    """Return the level of the background on each day, relative to its map."""
    if trend is None:
        return np.ones(len(map_level))
    smooth = gaussian_filter1d(np.bincount(today, probability, len(map_level)), trend, mode="reflect")
    return np.asarray(np.maximum(smooth / np.maximum(map_level, _TINY), _TINY))
