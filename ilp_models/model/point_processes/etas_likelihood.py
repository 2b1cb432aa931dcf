"""The penalised likelihood of a parametric self-exciting process, its gradient and its information.

The intensity of one crime type at place s on day t, with background squares q(s), is

    exp(terms(t) @ coefficients) * shape[q] * unevenness[q]
    + sum over earlier incidents of share * rate * exp(-rate * days) * Gaussian(distance; metres).

Ogata (1998), Annals of the Institute of Statistical Mathematics 50, 379-402, gives the likelihood; the unevenness has
a gamma prior of mean 1, the coefficients a normal one.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from ilp_models.model.point_processes.etas_assumptions import EtasBounds, EtasPrior
from ilp_models.model.point_processes.etas_pairs import Keys, Pairs
from ilp_models.model.point_processes.etas_raster import EtasRaster
from ilp_models.model.point_processes.incidents import Incidents

Floats = npt.NDArray[np.float64]

TRIGGER: Final = 3  # logarithms of share, rate and metres stand before the coefficients of time
_STEP: Final = 1e-4


class EventSplit(NamedTuple):
    """An intensity in its parts, at each target.

    Parameters
    ----------
    background, triggered : ndarray of float64
        Incidents a day and square metre.
    delays, distances : ndarray of float64
        The triggered part weighted with delays (days) and with squared distances (square metres).
    """

    background: Floats
    triggered: Floats
    delays: Floats
    distances: Floats

    @property
    def share(self) -> Floats:
        """The probability that each target belongs to the background."""
        return self.background / (self.background + self.triggered)


@dataclass(frozen=True, eq=False)
class EtasLikelihood:
    """The likelihood of the incidents of one crime type.

    Parameters
    ----------
    ground : Ground
        The squares of the background.
    incidents : Incidents
        Targets and possible parents, in the order of time, all before the end.
    targets : ndarray of int64
        Incidents inside the study area and the span of time.
    pairs : Pairs
        Targets with their possible parents.
    terms : ndarray of float64
        Terms of the background of each day of the span, shape (days, coefficients), the first 1.
    limits : Limits
        Delays and distances at which an incident may follow another.
    """

    ground: EtasRaster
    incidents: Incidents
    targets: Keys
    pairs: Pairs
    terms: Floats
    limits: EtasBounds

    @classmethod
    def from_incidents(cls, ground: EtasRaster, incidents: Incidents, terms: Floats, limits: EtasBounds) -> Self:
        """Return the likelihood of incidents over a span of days."""
        square = ground.square_of(incidents.x, incidents.y)
        covered = (square >= 0) & (ground.inside.ravel()[square] > 0)
        targets = np.flatnonzero((incidents.cell >= 0) & covered & (incidents.day >= 0))
        return cls(ground, incidents, targets, Pairs.from_incidents(incidents, targets, *limits), terms, limits)

    @cached_property
    def squares(self) -> Keys:
        """The square of each target."""
        return self.ground.square_of(self.incidents.x[self.targets], self.incidents.y[self.targets])

    @cached_property
    def days(self) -> Keys:
        """The day of each target."""
        return np.floor(self.incidents.day[self.targets]).astype(np.int64)

    @cached_property
    def knots(self) -> csr_matrix:
        """The weights of the knots of the ground at each possible parent on it."""
        return self.ground.knots(self.incidents.x[self._parents], self.incidents.y[self._parents])

    @cached_property
    def _parents(self) -> Keys:
        return np.flatnonzero(self.ground.square_of(self.incidents.x, self.incidents.y) >= 0)

    @cached_property
    def _runs(self) -> Keys:
        """The target of each run of pairs."""
        return np.searchsorted(self.targets, self.pairs.later)

    def split(self, parameters: Floats, unevenness: Floats, prior: EtasPrior) -> EventSplit:
        """Return the intensity at each target in its parts."""
        share, rate, metres = np.exp(parameters[:TRIGGER])
        level = np.exp(self.terms @ parameters[TRIGGER:])
        density = prior.shape * np.exp(unevenness) / self._area
        parts = np.zeros((3, len(self.targets)))
        if len(self._runs):
            weight = share * rate / (2 * np.pi * metres**2)
            parts[:, self._runs] = weight * self.pairs.sums(float(rate), float(metres))
        return EventSplit(level[self.days] * density[self.squares] * prior.alone, *parts)

    def value(self, parameters: Floats, unevenness: Floats, prior: EtasPrior) -> tuple[float, Floats, Floats]:
        """Return the penalised log-likelihood and its gradients."""
        split = self.split(parameters, unevenness, prior)
        intensity = split.background + split.triggered
        coefficients = parameters[TRIGGER:]
        level, each = np.exp(self.terms @ coefficients), prior.shape * np.exp(unevenness)
        follow = self._follow(*np.exp(parameters[:TRIGGER]))
        total, expected = float(each.sum()), float(level.sum())
        value = np.log(intensity).sum() - expected * total - follow[0]
        value += prior.gamma * (unevenness - np.exp(unevenness)).sum()
        value -= (prior.precision * coefficients**2).sum() / 2
        by_day = np.bincount(self.days, split.share, len(level)) - level * total
        by_square = np.bincount(self.squares, split.share, len(each)) - each * expected
        by_square += prior.gamma * (1 - np.exp(unevenness))
        rate, metres = np.exp(parameters[1:TRIGGER])
        triggered = split.triggered / intensity
        gradient = np.concatenate(
            [
                [triggered.sum() - follow[0]],
                [(triggered - rate * split.delays / intensity).sum() - follow[1]],
                [(split.distances / metres**2 / intensity - 2 * triggered).sum() - follow[2]],
                self.terms.T @ by_day - prior.precision * coefficients,
            ]
        )
        return float(value), gradient, by_square

    def information(self, parameters: Floats, unevenness: Floats, prior: EtasPrior) -> Floats:
        """Return the observed information on the parameters, what is spent on the unevenness taken off."""
        size = len(parameters)
        own, crossed = np.empty((size, size)), np.empty((size, len(unevenness)))
        for index in range(size):
            step = np.zeros(size)
            step[index] = _STEP
            _, high, high_squares = self.value(parameters + step, unevenness, prior)
            _, low, low_squares = self.value(parameters - step, unevenness, prior)
            own[index] = (low - high) / (2 * _STEP)
            crossed[index] = (low_squares - high_squares) / (2 * _STEP)
        share = self.split(parameters, unevenness, prior).share
        spent = np.bincount(self.squares, share - share**2, len(unevenness))
        expected = np.exp(self.terms @ parameters[TRIGGER:]).sum()
        diagonal = (prior.shape * expected + prior.gamma) * np.exp(unevenness) - spent
        own -= (crossed / diagonal) @ crossed.T
        return (own + own.T) / 2

    def _follow(self, share: float, rate: float, metres: float) -> tuple[float, float, float]:
        """Return the near repeats expected inside area and span, and the slopes by the three logarithms."""
        left = len(self.terms) - self.incidents.day[self._parents]
        first, last = np.maximum(self.limits.least_days, -self._after), np.minimum(self.limits.most_days, left)
        open_ = last > first
        early, late = np.exp(-rate * first), np.exp(-rate * last)
        within = np.where(open_, early - late, 0.0)
        slope = np.where(open_, rate * (last * late - first * early), 0.0)
        kept, kept_slope = (self.knots @ one.ravel() for one in self.ground.kept(metres))
        return share * float(within @ kept), share * float(slope @ kept), share * float(within @ kept_slope)

    @cached_property
    def _after(self) -> Floats:
        """Days from the start of the span to each possible parent, negative before it."""
        return self.incidents.day[self._parents]

    @property
    def _area(self) -> Floats:
        """The ground of each square that belongs to the study area, square metres; 1 where there is none."""
        share = self.ground.inside.ravel()
        return np.where(share > 0, share, 1.0) * self.ground.side**2
