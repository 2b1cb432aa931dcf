"""Point processes as forecasters: what they share once incidents and expected incidents are given."""

from abc import abstractmethod
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.features import OWN_PAST
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.history import History
from ilp_models.model.hindcast import recent_periods
from ilp_models.model.point_processes.branching import ForecastBins
from ilp_models.model.point_processes.incidents import DAY, Incidents, incidents_by_type
from ilp_models.stats.distributions import fit_dispersion
from ilp_models.stats.filters import exponential_means

Floats = npt.NDArray[np.float64]

ANYWHERE: Final = 0.5  # incidents of a type that all cells together are taken to have had besides those known


class PointProcess(Forecaster):
    """A forecaster that learns from incidents with their times and places.

    Dispersions are fitted on forecasts of the latest ``holdout`` periods by a fit that had not seen them; then all
    is learned anew with them. An update keeps what was learned and looks at the newer incidents.

    A subclass stores ``holdout``, the other settings below where it offers them, and writes ``_learn`` and
    ``_expected``.

    Attributes
    ----------
    repeats_ : dict of str to int
        Records of each crime type that told of an incident already told of: same time, same place.
    records_each_ : ndarray of float64
        Mean number of records of an incident of each crime type, by which forecasts of incidents become counts.
    dispersion_ : ndarray of float64
        Dispersion of each crime type.
    """

    holdout: int
    train_periods: int | None = None
    level_half_life: float | None = None

    share_column = OWN_PAST
    repeats_: dict[str, int]
    records_each_: Floats
    dispersion_: Floats

    @abstractmethod
    def _learn(self, history: History, incidents: list[Incidents], days: float) -> None:
        """Learn from the incidents of each type, observed over some days."""

    @abstractmethod
    def _expected(self, history: History, incidents: list[Incidents], now: float, ahead: ForecastBins) -> Floats:
        """Return expected incidents given those before ``now``, shape (types, cells, periods)."""

    def _incidents(self, history: History) -> list[Incidents]:
        """Return what to read of each crime type."""
        return incidents_by_type(history)

    def _fit(self, history: History) -> None:
        self._check()
        incidents = self._incidents(history)
        self.repeats_ = dict(zip(history.events.crime_types, (some.repeats for some in incidents), strict=True))
        targets = recent_periods(history)[-self.holdout :]
        seen = history.usable_periods(targets, history.first_step)
        self._learn_until(history, incidents, int(seen[0]))
        past = [self._counts(history, incidents, targets[[i]], int(many))[..., 0] for i, many in enumerate(seen)]
        observed, made = history.panel.by_period[-len(targets) :], np.stack(past)
        self.dispersion_ = np.array([fit_dispersion(observed[:, k], made[:, k]) for k in range(made.shape[1])])
        self._learn_until(history, incidents, len(history.panel.periods))

    def _update(self, history: History) -> None:
        """Only look at the newer incidents: forecasts read them from the history."""

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, npt.NDArray[np.float64]]:  # noqa: ARG002
        known = self._incidents(self.history_)
        return self._counts(self.history_, known, periods, len(self.history_.panel.periods)), self.dispersion_

    def _check(self) -> None:
        """Refuse settings that mean nothing."""
        for name in ("train_periods", "level_half_life", "holdout"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                msg = f"{name}={value:g} must be above 0."
                raise InputError(msg)

    def _learn_until(self, history: History, incidents: list[Incidents], seen: int) -> None:
        """Learn from the first ``seen`` periods, or the latest of them."""
        stop, start, earliest = _day_of(history, seen), 0.0, -np.inf
        if self.train_periods is not None:
            start = earliest = _day_of(history, max(0, seen - self.train_periods))
        known = [some.between(earliest, stop).counted_from(start) for some in incidents]
        self.records_each_ = np.array([some.records_each for some in known])
        self._learn(history, known, stop - start)

    def _counts(self, history: History, incidents: list[Incidents], periods: pd.PeriodIndex, seen: int) -> Floats:
        """Return expected counts given the first ``seen`` periods, shape (types, cells, periods)."""
        ahead = ForecastBins.from_periods((history.panel.periods[seen - 1] + 1).start_time, periods, history.calendar)
        incidents_ahead = self._expected(history, incidents, _day_of(history, seen), ahead)
        out = self.records_each_[:, None, None] * incidents_ahead
        if self.level_half_life is not None:
            counts = history.panel.by_period.sum(axis=2, dtype=np.float64)
            level = exponential_means(counts, float(self.level_half_life), np.array([seen]))[0]
            out *= (np.maximum(level, ANYWHERE / len(counts))[:, None] / out.sum(axis=1))[:, None, :]
        return out


def _day_of(history: History, period: int) -> float:
    """Return the days from the start of the first settled period to that of another."""
    first = history.panel.periods[0]
    return float(((first + period).start_time - first.start_time) / DAY)
