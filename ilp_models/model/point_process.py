"""Point processes as forecasters: what they share once incidents and expected incidents are given."""

from abc import abstractmethod
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.distribution import fit_dispersion
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.filter import exponential_means
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.history import History
from ilp_models.model.cascade import Ahead
from ilp_models.model.incidents import DAY, Incidents, incidents_by_type

Floats = npt.NDArray[np.float64]

ANYWHERE: Final = 0.5  # incidents of a type that all cells together are taken to have had besides those known
_FEWEST_PERIODS: Final = 4


class PointProcess(Forecaster):
    """A forecaster that learns from incidents with their times and places.

    Dispersions are fitted on forecasts of the latest ``dispersion_periods`` by a fit that had not seen them; then all
    is learned anew with them. An update keeps what was learned and looks at the newer incidents.

    A subclass stores the settings below and writes ``_learn`` and ``_expected``.
    """

    train_periods: int | None
    level_half_life: float | None
    dispersion_periods: int

    repeats_: npt.NDArray[np.int64]
    dispersion_: npt.NDArray[np.float64]

    @abstractmethod
    def _learn(self, history: History, incidents: list[Incidents], days: float) -> None:
        """Learn from the incidents of each type, observed over some days."""

    @abstractmethod
    def _expected(self, history: History, incidents: list[Incidents], now: float, ahead: Ahead) -> Floats:
        """Return expected records given the incidents before ``now``, shape (types, cells, periods)."""

    def _fit(self, history: History) -> None:
        self._check(history)
        incidents = incidents_by_type(history)
        self.repeats_ = np.array([some.repeats for some in incidents], dtype=np.int64)
        targets = history.panel.periods[-self.dispersion_periods :]
        self._learn_until(history, incidents, len(history.panel.periods) - len(targets))
        seen = history.seen(targets, history.first_step)
        past = [self._counts(history, targets[[i]], int(many))[..., 0] for i, many in enumerate(seen)]
        observed, made = history.panel.by_period[-len(targets) :], np.stack(past)
        self.dispersion_ = np.array([fit_dispersion(observed[:, k], made[:, k]) for k in range(made.shape[1])])
        self._learn_until(history, incidents, len(history.panel.periods))

    def _update(self, history: History) -> None:
        """Only look at the newer incidents: forecasts read them from the history."""

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, npt.NDArray[np.float64]]:  # noqa: ARG002
        return self._counts(self.history_, periods, len(self.history_.panel.periods)), self.dispersion_

    def _check(self, history: History) -> None:
        """Refuse settings that mean nothing, and a past too short to learn from one part and be judged on the rest."""
        for name in ("train_periods", "level_half_life", "dispersion_periods"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                msg = f"{name}={value:g} must be above 0."
                raise InputError(msg)
        known = len(history.panel.periods)
        needed = self.dispersion_periods + _FEWEST_PERIODS + history.first_step - 1
        if known < needed:
            msg = (
                f"{known} whole {history.calendar.unit}(s) are known at {history.cutoff}; at least {needed} are "
                "needed. Give more data or fewer dispersion_periods."
            )
            raise NotRunError(msg)

    def _learn_until(self, history: History, incidents: list[Incidents], seen: int) -> None:
        """Learn from the first ``seen`` periods, or the latest of them."""
        first = 0 if self.train_periods is None else max(0, seen - self.train_periods)
        start, stop = _day_of(history, first), _day_of(history, seen)
        self._learn(history, [some.between(start, stop) for some in incidents], stop - start)

    def _counts(self, history: History, periods: pd.PeriodIndex, seen: int) -> Floats:
        """Return expected counts given the first ``seen`` periods, shape (types, cells, periods)."""
        ahead = Ahead.of((history.panel.periods[seen - 1] + 1).start_time, periods, history.calendar)
        out = self._expected(history, incidents_by_type(history), _day_of(history, seen), ahead)
        if self.level_half_life is not None:
            counts = history.panel.by_period.sum(axis=2, dtype=np.float64)
            level = exponential_means(counts, float(self.level_half_life), np.array([seen]))[0]
            out *= (np.maximum(level, ANYWHERE / len(counts))[:, None] / out.sum(axis=1))[:, None, :]
        return out


def _day_of(history: History, period: int) -> float:
    """Return the days from the start of the first settled period to that of another."""
    first = history.panel.periods[0]
    return float(((first + period).start_time - first.start_time) / DAY)
