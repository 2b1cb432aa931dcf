"""Penalised likelihood of ETAS for one crime type, with gradient and observed information.

The intensity of one crime type at place s on day t, with background squares q(s), is

    exp(terms(t) @ coefficients) * shape[q] * factor[q]
    + sum over earlier incidents of share * rate * exp(-rate * days) * Gaussian(distance; metres).

Ogata (1998), Annals of the Institute of Statistical Mathematics 50, 379-402, gives the likelihood. The factor of
each square has a gamma prior of mean 1, the coefficients have a normal prior.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from ilp_models.model.point_processes.etas_raster import EtasRaster
from ilp_models.model.point_processes.incidents import Incidents

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]

TRIGGER: Final = 3  # log share, log rate and log metres come before the coefficients of time
_STEP: Final = 1e-4
_SHARES: Final = (1e-4, 0.95)
_SHORTEST: Final = 0.25  # days; a shorter mean delay is one incident with several records
_AT_ONCE: Final = 200_000  # pairs per batch, which fit into the cache
_NEAR: Final = 1.0 + 1e-9  # in units of the limits, so that rounding loses no pair on them


class EtasBounds(NamedTuple):
    """Limits of the delay and the distance of near repeats."""

    least_days: float
    most_days: float
    most_metres: float

    def bounds(self, side: float) -> list[tuple[float, float]]:
        """Return the bounds of log share, log rate and log metres, for squares with a side in metres."""
        delays = max(_SHORTEST, self.least_days), self.most_days / 3
        metres = side / np.sqrt(2 * np.pi), self.most_metres / 4
        natural = (_SHARES, (1 / delays[1], 1 / delays[0]), metres)
        return [(float(np.log(low)), float(np.log(max(low, high)))) for low, high in natural]


class EtasPrior(NamedTuple):
    """Prior of the background and of the coefficients of time."""

    shape: Floats  # relative background of each square; sums to 1, 0 outside the study area
    gamma: float  # shape of the gamma prior of the squares' factors; large for a background close to `shape`
    precision: Floats  # inverse prior variance of each coefficient of time; 0 for no prior
    without_itself: Floats  # factor of each target's background that takes out the target's own contribution


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of each incident with the earlier ones near it, in runs of one later incident."""

    later: Keys  # the later incident of each run, increasing
    starts: Keys  # first pair of each run
    days: Singles  # delay of each pair
    square_metres: Singles  # squared distance of each pair
    _latest_sums: dict[tuple[float, float], Floats] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def from_incidents(
        cls, incidents: Incidents, targets: Keys, least_days: float, most_days: float, most_metres: float
    ) -> Self:
        """Return the pairs within limits of delay and distance, found in k-d trees of time and place."""
        target = np.zeros(len(incidents.day), dtype=bool)
        target[targets] = True
        place = np.column_stack([incidents.x / most_metres, incidents.y / most_metres, incidents.day / most_days])
        parts = [(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.float32))]
        for first, last in _batches(incidents.day, most_days):
            start = int(np.searchsorted(incidents.day, incidents.day[first] - most_days))
            found = cKDTree(place[start:last]).query_pairs(_NEAR, p=np.inf, output_type="ndarray") + start
            earlier, later = found.min(axis=1), found.max(axis=1)
            new = (later >= first) & target[later]
            earlier, later = earlier[new], later[new]
            days = incidents.day[later] - incidents.day[earlier]
            away = [axis[later] - axis[earlier] for axis in (incidents.x, incidents.y)]
            square = away[0] ** 2 + away[1] ** 2
            near = np.flatnonzero((days > least_days) & (days <= most_days) & (square <= most_metres**2))
            near = near[np.lexsort((earlier[near], later[near]))]
            parts.append((later[near], days[near].astype(np.float32), square[near].astype(np.float32)))
        later, days, square = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        runs, starts = np.unique(later, return_index=True)
        return cls(runs, starts.astype(np.int64), days, square)

    def sums(self, rate: float, metres: float) -> Floats:
        """Return sums of each run for the intensity and its slopes, shape (3, runs)."""
        if (rate, metres) not in self._latest_sums:  # many steps of the optimiser do not change rate and metres
            self._latest_sums.clear()
            self._latest_sums[rate, metres] = self._sums(rate, metres)
        return self._latest_sums[rate, metres]

    def _sums(self, rate: float, metres: float) -> Floats:
        sums = np.empty((3, len(self.starts)))
        ends = np.append(self.starts[1:], len(self.days))
        first = 0
        while first < len(self.starts):
            last = max(int(np.searchsorted(self.starts, self.starts[first] + _AT_ONCE)), first + 1)
            part, runs = slice(self.starts[first], ends[last - 1]), slice(first, last)
            days, square = (one[part].astype(np.float64) for one in (self.days, self.square_metres))
            weight = np.exp(-rate * days - square / (2 * metres**2))
            for out, values in zip(sums, (weight, weight * days, weight * square), strict=True):
                out[runs] = np.add.reduceat(values, self.starts[runs] - self.starts[first])
            first = last
        return sums


def _batches(day: Floats, most_days: float) -> Iterator[tuple[int, int]]:
    """Yield batches of incidents of four times the longest delay, which limits the memory for pairs."""
    first = 0
    while first < len(day):
        last = int(np.searchsorted(day, day[first] + 4 * most_days))
        yield first, last
        first = last


class EventSplit(NamedTuple):
    """The parts of the intensity at each target."""

    background: Floats  # incidents per day and square metre
    triggered: Floats
    delays: Floats  # the triggered part, weighted with delays in days
    distances: Floats  # the triggered part, weighted with squared distances

    @property
    def share(self) -> Floats:
        """The probability of each target to be background."""
        return self.background / (self.background + self.triggered)


@dataclass(frozen=True, eq=False)
class EtasLikelihood:
    """The likelihood of the incidents of one crime type."""

    raster: EtasRaster
    incidents: Incidents  # targets and possible parents in order of time, all before the end
    targets: Keys  # incidents inside the study area and the observed time
    pairs: Pairs  # targets with their possible parents
    terms: Floats  # (days, coefficients): terms of the background, the first one constant
    limits: EtasBounds

    @classmethod
    def from_incidents(cls, raster: EtasRaster, incidents: Incidents, terms: Floats, limits: EtasBounds) -> Self:
        """Return the likelihood of incidents over a span of days."""
        square = raster.square_of(incidents.x, incidents.y)
        covered = (square >= 0) & (raster.inside.ravel()[square] > 0)
        targets = np.flatnonzero((incidents.cell >= 0) & covered & (incidents.day >= 0))
        return cls(raster, incidents, targets, Pairs.from_incidents(incidents, targets, *limits), terms, limits)

    @cached_property
    def squares(self) -> Keys:
        """The square of each target."""
        return self.raster.square_of(self.incidents.x[self.targets], self.incidents.y[self.targets])

    @cached_property
    def days(self) -> Keys:
        """The day of each target."""
        return np.floor(self.incidents.day[self.targets]).astype(np.int64)

    @cached_property
    def knots(self) -> csr_matrix:
        """The weights of the raster's knots at each possible parent."""
        return self.raster.knots(self.incidents.x[self._parents], self.incidents.y[self._parents])

    @cached_property
    def _parents(self) -> Keys:
        return np.flatnonzero(self.raster.square_of(self.incidents.x, self.incidents.y) >= 0)

    @cached_property
    def _runs(self) -> Keys:
        """The target of each run of pairs."""
        return np.searchsorted(self.targets, self.pairs.later)

    def split(self, parameters: Floats, log_factors: Floats, prior: EtasPrior) -> EventSplit:
        """Return the intensity at each target in its parts."""
        share, rate, metres = np.exp(parameters[:TRIGGER])
        level = np.exp(self.terms @ parameters[TRIGGER:])
        density = prior.shape * np.exp(log_factors) / self._area
        parts = np.zeros((3, len(self.targets)))
        if len(self._runs):
            weight = share * rate / (2 * np.pi * metres**2)
            parts[:, self._runs] = weight * self.pairs.sums(float(rate), float(metres))
        return EventSplit(level[self.days] * density[self.squares] * prior.without_itself, *parts)

    def value(self, parameters: Floats, log_factors: Floats, prior: EtasPrior) -> tuple[float, Floats, Floats]:
        """Return the penalised log-likelihood and its gradients."""
        split = self.split(parameters, log_factors, prior)
        intensity = split.background + split.triggered
        coefficients = parameters[TRIGGER:]
        level, each = np.exp(self.terms @ coefficients), prior.shape * np.exp(log_factors)
        repeats = self._expected_repeats(*np.exp(parameters[:TRIGGER]))
        total, expected = float(each.sum()), float(level.sum())
        value = np.log(intensity).sum() - expected * total - repeats[0]
        value += prior.gamma * (log_factors - np.exp(log_factors)).sum()
        value -= (prior.precision * coefficients**2).sum() / 2
        by_day = np.bincount(self.days, split.share, len(level)) - level * total
        by_square = np.bincount(self.squares, split.share, len(each)) - each * expected
        by_square += prior.gamma * (1 - np.exp(log_factors))
        rate, metres = np.exp(parameters[1:TRIGGER])
        triggered = split.triggered / intensity
        gradient = np.concatenate(
            [
                [triggered.sum() - repeats[0]],
                [(triggered - rate * split.delays / intensity).sum() - repeats[1]],
                [(split.distances / metres**2 / intensity - 2 * triggered).sum() - repeats[2]],
                self.terms.T @ by_day - prior.precision * coefficients,
            ]
        )
        return float(value), gradient, by_square

    def information(self, parameters: Floats, log_factors: Floats, prior: EtasPrior) -> Floats:
        """Return the observed information on the parameters, with the factors of the squares profiled out."""
        size = len(parameters)
        own, crossed = np.empty((size, size)), np.empty((size, len(log_factors)))
        for index in range(size):
            step = np.zeros(size)
            step[index] = _STEP
            _, high, high_squares = self.value(parameters + step, log_factors, prior)
            _, low, low_squares = self.value(parameters - step, log_factors, prior)
            own[index] = (low - high) / (2 * _STEP)
            crossed[index] = (low_squares - high_squares) / (2 * _STEP)
        share = self.split(parameters, log_factors, prior).share
        spent = np.bincount(self.squares, share - share**2, len(log_factors))
        expected = np.exp(self.terms @ parameters[TRIGGER:]).sum()
        diagonal = (prior.shape * expected + prior.gamma) * np.exp(log_factors) - spent
        own -= (crossed / diagonal) @ crossed.T
        return (own + own.T) / 2

    def _expected_repeats(self, share: float, rate: float, metres: float) -> tuple[float, float, float]:
        """Return the expected near repeats inside area and time, with their slopes by the three logarithms."""
        left = len(self.terms) - self.incidents.day[self._parents]
        first, last = np.maximum(self.limits.least_days, -self._after), np.minimum(self.limits.most_days, left)
        open_ = last > first
        early, late = np.exp(-rate * first), np.exp(-rate * last)
        within = np.where(open_, early - late, 0.0)
        slope = np.where(open_, rate * (last * late - first * early), 0.0)
        inside, inside_slope = (self.knots @ one.ravel() for one in self.raster.mass_inside(metres))
        return share * float(within @ inside), share * float(slope @ inside), share * float(within @ inside_slope)

    @cached_property
    def _after(self) -> Floats:
        """Days from the start of the observed time to each possible parent, negative before it."""
        return self.incidents.day[self._parents]

    @property
    def _area(self) -> Floats:
        """The area of each square inside the study area, square metres; that of the whole square if it is 0."""
        share = self.raster.inside.ravel()
        return np.where(share > 0, share, 1.0) * self.raster.side**2
