"""A self-exciting process in each cell: own background, repeats that fade exponentially, fitted by EM.

Mohler et al. (2015, Journal of the American Statistical Association 110, 1399-1411). Sums over all earlier incidents of
a cell are running sums of exponentials, taken for all cells at once in logarithms.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.model.point_processes.branching import ForecastBins, all_generations, repeats_of, step_repeats

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.int64]

_FIRST_OFFSPRING: Final = 0.2
_FIRST_DELAY: Final = 7.0  # days
_GAP: Final = 60.0  # mean delays put between two cells: what one leaves to the next is below 1e-26
_AT_ONCE: Final = 1e-9  # days; times nearer than this are the same
_TINY: Final = 1e-30


@dataclass(frozen=True, eq=False)
class Occurrences:
    """Incidents by row (a crime type in a cell), then time.

    Parameters
    ----------
    day : ndarray of float64
        Days since the start of observation, not decreasing within a row.
    row : ndarray of int64
        Row of each incident, not decreasing.
    rows : int
        Number of rows.
    """

    day: Floats
    row: Keys
    rows: int

    @classmethod
    def from_days(cls, day: Floats, row: Keys, rows: int) -> "Occurrences":
        """Return incidents in order."""
        order = np.lexsort((day, row))
        return cls(day[order], row[order], rows)

    def before(self, delay: float) -> Keys:
        """Return the latest incident of the same row that is at least a delay older than each, -1 without one."""
        apart = self.row * (np.ptp(self.day) + delay + 1.0) if len(self.day) else self.day
        key = self.day + apart
        found = np.searchsorted(key, key - delay + (_AT_ONCE if delay > 0 else -_AT_ONCE), side="right") - 1
        same = (found >= 0) & (self.row[found] == self.row)
        return np.where(same, found, -1)


@dataclass(frozen=True, eq=False)
class GridProcess:
    """One self-exciting process a row, with the same repeats in all.

    Parameters
    ----------
    background : ndarray of float64
        Expected background incidents of a day in each row.
    offspring : float
        Expected direct repeats of an incident.
    fading : float
        Rate at which repeats fade, per day; 1 / fading is the mean delay beyond the least one.
    least_delay : float
        Delay before which nothing is set off, days.
    """

    background: Floats
    offspring: float
    fading: float
    least_delay: float

    def split(self, groups: int) -> list["GridProcess"]:
        """Return the processes of equal groups of rows."""
        parts = self.background.reshape(groups, -1)
        return [GridProcess(part, self.offspring, self.fading, self.least_delay) for part in parts]

    def cumulative(self, days: Floats) -> Floats:
        """Return the expected repeats within some days; 0 for negative days."""
        return np.asarray(-self.offspring * np.expm1(-self.fading * np.maximum(days - self.least_delay, 0.0)))

    def area(self, days: Floats) -> Floats:
        """Return the integral of :meth:`cumulative` from 0."""
        past = np.maximum(days - self.least_delay, 0.0)
        return np.asarray(self.offspring * (past + np.expm1(-self.fading * past) / self.fading))

    def expected(self, known: Occurrences, now: float, ahead: ForecastBins) -> Floats:
        """Return expected incidents of the periods ahead, their repeats included."""
        age = now - known.day - self.least_delay
        old = age >= 0
        left = np.bincount(known.row[old], np.exp(-self.fading * age[old]), known.rows)
        fading = np.exp(-self.fading * ahead.days * np.arange(ahead.steps + 1))
        first = np.outer(self.offspring * left, -np.diff(fading)) + ahead.days * self.background[:, None]
        np.add.at(first, known.row[~old], repeats_of(self, now - known.day[~old], ahead))
        return ahead.by_period(all_generations(first, step_repeats(self, ahead)))


@dataclass(frozen=True, eq=False)
class GridEm:
    """How to fit the processes of all rows.

    Parameters
    ----------
    least_delay : float
        Delay before which nothing is set off, days.
    prior_days : float
        Weight of the mean row of a group in each row's background, days of observation.
    steps : int
        Most steps.
    tolerance : float
        Change of the expected repeats at which to stop.
    """

    least_delay: float
    prior_days: float
    steps: int
    tolerance: float

    def fit(self, known: Occurrences, days: float, groups: int) -> GridProcess:
        """Return the processes that expectation-maximisation finds."""
        before = known.before(self.least_delay)
        left = np.maximum(days - known.day - self.least_delay, 0.0)
        offspring, fading, own = _FIRST_OFFSPRING, 1.0 / _FIRST_DELAY, np.full(len(known.day), 1 - _FIRST_OFFSPRING)
        for _ in range(self.steps):
            # An incident is no evidence for its own background, or cells with few incidents would explain them all.
            background = self._background(known, own, days, groups)[known.row] - own / (days + self.prior_days)
            recent, delays = _earlier(known, before, fading, self.least_delay)
            total = np.maximum(background + offspring * fading * recent, _TINY)
            own = background / total
            children = float((1.0 - own).sum())
            waited = float((offspring * fading * delays / total).sum())
            faded = np.exp(-fading * left)
            earlier = offspring
            offspring = children / max(float((1.0 - faded).sum()), _TINY)
            fading = children / (waited + offspring * float((left * faded).sum())) if children > 0 else fading
            if abs(offspring - earlier) < self.tolerance:
                break
        return GridProcess(self._background(known, own, days, groups), offspring, fading, self.least_delay)

    def _background(self, known: Occurrences, own: Floats, days: float, groups: int) -> Floats:
        """Return the background of each row, drawn towards the mean row of its group, which is above 0."""
        each = np.bincount(known.row, own, known.rows).reshape(groups, -1)
        mean = (each.sum(axis=1, keepdims=True) + 0.5) / (each.shape[1] * days)
        return np.asarray((each + self.prior_days * mean) / (days + self.prior_days)).ravel()


def _earlier(known: Occurrences, before: Keys, fading: float, least_delay: float) -> tuple[Floats, Floats]:
    """Return sums over the earlier incidents of a row: exp(-fading * delay), and the same times the delay.

    Delays count from the least delay on.
    """
    time = fading * (known.day + known.row * (np.ptp(known.day) + _GAP / fading)) if len(known.day) else known.day
    sums = np.exp(np.logaddexp.accumulate(time) - time) if len(time) else time
    step = np.diff(time, prepend=time[:1])
    with np.errstate(divide="ignore", under="ignore"):
        grown = np.log(step * np.append(0.0, sums[:-1])) - step
        timed = np.exp(np.logaddexp.accumulate(grown + time) - time) / fading if len(time) else time
    some = before >= 0
    past, now = before[some], known.day[some] - least_delay
    since = np.maximum(now - known.day[past], 0.0)
    recent, delays = np.zeros(len(time)), np.zeros(len(time))
    faded = np.exp(-fading * since)
    recent[some] = faded * sums[past]
    delays[some] = faded * (timed[past] + since * sums[past])
    return recent, delays
