"""Self-exciting processes in cells (grid Hawkes): near repeats in the same cell, fitted by EM.

Sums over the earlier incidents of a cell are running sums of exponentials, computed for all cells at once in
logarithms.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.history import History
from ilp_models.model.point_processes.branching import ForecastBins, all_generations, expected_repeats, step_repeats
from ilp_models.model.point_processes.incidents import Incidents, days_of
from ilp_models.model.point_processes.point_process import PointProcess

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.int64]

_FIRST_OFFSPRING: Final = 0.2
_FIRST_DELAY: Final = 7.0  # days
_GAP: Final = 60.0  # mean delays between two cells: the carry-over is below 1e-26
_AT_ONCE: Final = 1e-9  # days; times closer than this are equal
_TINY: Final = 1e-30


class GridHawkes(PointProcess):
    """Self-exciting process in each cell and crime type: a background per cell, and exponentially decaying repeats.

    The grid form of Mohler et al. (2015), Journal of the American Statistical Association 110, 1399-1411. Records of
    the same time, place and crime type count as one incident. Dispersions are fitted out of sample on the latest
    ``holdout`` periods.

    Parameters
    ----------
    pooled : bool, default True
        Whether all crime types share one number of repeats and one decay rate.
    least_delay : str, default "1 day"
        Smallest delay of a repeat; not below the accuracy of the recorded times.
    prior_periods : float, default 12
        Weight of the mean cell in the background of each cell, in periods of observation.
    level_half_life : float or None, default 6
        Half-life of the mean city count to which forecasts are scaled, periods; None does not scale them.
    train_periods : int or None, default None
        Latest periods to learn from; None uses all.
    holdout : int, default 8
        Latest periods on which the dispersions are fitted.
    steps : int, default 40
        Largest number of EM steps.
    tolerance : float, default 1e-5
        Change of the expected repeats of an incident at which EM stops.

    Attributes
    ----------
    parameters_ : DataFrame
        By crime type: ``background_per_day`` of the city, ``offspring``, ``mean_delay_days``.

    Examples
    --------
    >>> model = GridHawkes(train_periods=60, steps=10).fit(history)
    >>> model.parameters_.columns.tolist()
    ['background_per_day', 'offspring', 'mean_delay_days']
    """

    parameters_: pd.DataFrame

    def __init__(
        self,
        *,
        pooled: bool = True,
        least_delay: str = "1 day",
        prior_periods: float = 12.0,
        level_half_life: float | None = 6.0,
        train_periods: int | None = None,
        holdout: int = 8,
        steps: int = 40,
        tolerance: float = 1e-5,
    ) -> None:
        self.pooled = pooled
        self.least_delay = least_delay
        self.prior_periods = prior_periods
        self.level_half_life = level_half_life
        self.train_periods = train_periods
        self.holdout = holdout
        self.steps = steps
        self.tolerance = tolerance

    def _learn(self, history: History, incidents: list[Incidents], days: float) -> None:
        em = self._em(days, self.train_periods or len(history.panel.periods))
        cells = len(history.grid)
        if self.pooled:
            together = em.fit(_occurrences(incidents, cells), days, len(incidents))
            self.processes_ = together.split(len(incidents))
        else:
            self.processes_ = [em.fit(_occurrences([some], cells), days, 1) for some in incidents]
        rows = [_parameters(process) for process in self.processes_]
        self.parameters_ = pd.DataFrame(rows, index=pd.Index(history.events.crime_types, name="crime_type"))

    def _expected(self, history: History, incidents: list[Incidents], now: float, bins: ForecastBins) -> Floats:
        known = [_occurrences([some.between(0.0, now)], len(history.grid)) for some in incidents]
        each = zip(self.processes_, known, strict=True)
        return np.stack([process.expected(some, now, bins) for process, some in each])

    def _em(self, days: float, periods: int) -> "GridEm":
        for name in ("prior_periods", "steps"):
            if not getattr(self, name) > 0:
                msg = f"grid_hawkes.{name}={getattr(self, name):g} must be above 0."
                raise InputError(msg)
        prior = float(self.prior_periods) * days / periods
        return GridEm(days_of(self.least_delay, "grid_hawkes.least_delay"), prior, self.steps, float(self.tolerance))


def _occurrences(incidents: list[Incidents], cells: int) -> "Occurrences":
    """Return the incidents of some types, with one row per type and cell."""
    row = np.concatenate([some.cell + kind * cells for kind, some in enumerate(incidents)])
    return Occurrences.from_days(np.concatenate([some.day for some in incidents]), row, len(incidents) * cells)


def _parameters(process: "GridProcess") -> dict[str, float]:
    return {
        "background_per_day": float(process.background.sum()),
        "offspring": process.offspring,
        "mean_delay_days": process.least_delay + 1.0 / process.decay,
    }


@dataclass(frozen=True, eq=False)
class Occurrences:
    """Incidents in order of row (a crime type in a cell) and time."""

    day: Floats  # days since the start of observation
    row: Keys  # row of each incident
    rows: int  # number of rows

    @classmethod
    def from_days(cls, day: Floats, row: Keys, rows: int) -> "Occurrences":
        """Return incidents in order of row and time."""
        order = np.lexsort((day, row))
        return cls(day[order], row[order], rows)

    def latest_before(self, delay: float) -> Keys:
        """Return the latest incident of the same row that is older by at least a delay, -1 without one."""
        apart = self.row * (np.ptp(self.day) + delay + 1.0) if len(self.day) else self.day
        key = self.day + apart
        found = np.searchsorted(key, key - delay + (_AT_ONCE if delay > 0 else -_AT_ONCE), side="right") - 1
        same = (found >= 0) & (self.row[found] == self.row)
        return np.where(same, found, -1)


@dataclass(frozen=True, eq=False)
class GridProcess:
    """One self-exciting process per row, with the same repeats in all rows."""

    background: Floats  # (rows,): expected background incidents per day
    offspring: float  # expected direct repeats of an incident
    decay: float  # per day; 1 / decay is the mean delay beyond the least one
    least_delay: float  # days

    def split(self, groups: int) -> list["GridProcess"]:
        """Return one process per group of rows of equal size."""
        parts = self.background.reshape(groups, -1)
        return [GridProcess(part, self.offspring, self.decay, self.least_delay) for part in parts]

    def cumulative(self, days: Floats) -> Floats:
        """Return the expected repeats within some days; 0 for negative days."""
        return np.asarray(-self.offspring * np.expm1(-self.decay * np.maximum(days - self.least_delay, 0.0)))

    def area(self, days: Floats) -> Floats:
        """Return the integral of :meth:`cumulative` from 0."""
        past = np.maximum(days - self.least_delay, 0.0)
        return np.asarray(self.offspring * (past + np.expm1(-self.decay * past) / self.decay))

    def expected(self, known: Occurrences, now: float, bins: ForecastBins) -> Floats:
        """Return the expected incidents of each row and period, with their repeats."""
        age = now - known.day - self.least_delay
        old = age >= 0
        left = np.bincount(known.row[old], np.exp(-self.decay * age[old]), known.rows)
        decay = np.exp(-self.decay * bins.days * np.arange(bins.steps + 1))
        first = np.outer(self.offspring * left, -np.diff(decay)) + bins.days * self.background[:, None]
        np.add.at(first, known.row[~old], expected_repeats(self, now - known.day[~old], bins))
        return bins.by_period(all_generations(first, step_repeats(self, bins)))


@dataclass(frozen=True, eq=False)
class GridEm:
    """Expectation-maximisation of the processes of all rows."""

    least_delay: float  # days
    prior_days: float  # weight of the mean row of a group in the background of each row, days of observation
    steps: int
    tolerance: float

    def fit(self, known: Occurrences, days: float, groups: int) -> GridProcess:
        """Return the processes with the largest likelihood."""
        before = known.latest_before(self.least_delay)
        left = np.maximum(days - known.day - self.least_delay, 0.0)
        offspring, decay, probability = (
            _FIRST_OFFSPRING,
            1.0 / _FIRST_DELAY,
            np.full(len(known.day), 1 - _FIRST_OFFSPRING),
        )
        for _ in range(self.steps):
            # An incident does not count in its own background. It would otherwise explain itself in quiet cells.
            background = self._background(known, probability, days, groups)[known.row]
            background = background - probability / (days + self.prior_days)
            recent, delays = _earlier(known, before, decay, self.least_delay)
            total = np.maximum(background + offspring * decay * recent, _TINY)
            probability = background / total
            children = float((1.0 - probability).sum())
            waited = float((offspring * decay * delays / total).sum())
            decayed = np.exp(-decay * left)
            earlier = offspring
            offspring = children / max(float((1.0 - decayed).sum()), _TINY)
            decay = children / (waited + offspring * float((left * decayed).sum())) if children > 0 else decay
            if abs(offspring - earlier) < self.tolerance:
                break
        return GridProcess(self._background(known, probability, days, groups), offspring, decay, self.least_delay)

    def _background(self, known: Occurrences, probability: Floats, days: float, groups: int) -> Floats:
        """Return the background of each row, shrunk towards the mean row of its group, which is above 0."""
        each = np.bincount(known.row, probability, known.rows).reshape(groups, -1)
        mean = (each.sum(axis=1, keepdims=True) + 0.5) / (each.shape[1] * days)
        return np.asarray((each + self.prior_days * mean) / (days + self.prior_days)).ravel()


def _earlier(known: Occurrences, before: Keys, decay: float, least_delay: float) -> tuple[Floats, Floats]:
    """Return sums over the earlier incidents of a row: exp(-decay * delay), and the same times the delay.

    Delays count from the least delay on.
    """
    time = decay * (known.day + known.row * (np.ptp(known.day) + _GAP / decay)) if len(known.day) else known.day
    sums = np.exp(np.logaddexp.accumulate(time) - time) if len(time) else time
    step = np.diff(time, prepend=time[:1])
    with np.errstate(divide="ignore", under="ignore"):
        grown = np.log(step * np.append(0.0, sums[:-1])) - step
        timed = np.exp(np.logaddexp.accumulate(grown + time) - time) / decay if len(time) else time
    some = before >= 0
    past, now = before[some], known.day[some] - least_delay
    since = np.maximum(now - known.day[past], 0.0)
    recent, delays = np.zeros(len(time)), np.zeros(len(time))
    decayed = np.exp(-decay * since)
    recent[some] = decayed * sums[past]
    delays[some] = decayed * (timed[past] + since * sums[past])
    return recent, delays
