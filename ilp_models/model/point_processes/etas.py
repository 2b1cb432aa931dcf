"""A parametric self-exciting point process by maximum likelihood, in the manner of earthquake forecasting."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.calendar_terms import CalendarTerms
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.history import History
from ilp_models.model.point_processes.branching import ForecastBins
from ilp_models.model.point_processes.etas_assumptions import EtasBounds
from ilp_models.model.point_processes.etas_fit import EtasFit, background_only, fit, standard_errors
from ilp_models.model.point_processes.etas_forecast import expected_counts, known_excitation
from ilp_models.model.point_processes.etas_likelihood import TRIGGER, EtasLikelihood
from ilp_models.model.point_processes.etas_raster import EtasRaster
from ilp_models.model.point_processes.incidents import Incidents, incidents_by_type
from ilp_models.model.point_processes.point_process import PointProcess

Floats = npt.NDArray[np.float64]

_DAYS: Final = Calendar("day")
_CALENDAR_SPREAD: Final = 0.5  # prior standard deviation of the calendar's coefficients
_TRIGGER_NAMES: Final = ("offspring", "mean_days", "metres")


class ETAS(PointProcess):
    """Background with a calendar, plus near repeats: exponential in time, Gaussian in space (Ogata 1998).

    Each crime type has its own parameters, by maximum likelihood with a gradient. The background of small squares is
    a kernel density times an unevenness with a gamma prior, both learned from the incidents that belong to the
    background as far as is known, each incident judged without itself. Offspring outside the study area are counted
    as lost, not as missing.

    Parameters
    ----------
    background_metres : float, default 250
        Side of the squares of the background, metres.
    background_reaches : sequence of float
        Standard deviations of the kernels whose mixture, learned for each crime type, smooths the background, metres.
    least_delay : float, default 0.1
        Days by which a near repeat follows at least: closer records are read as one incident recorded twice.
    longest_delay : float, default 60
        Days by which a near repeat follows at most; mean delays up to a third of it can be found.
    farthest : float, default 800
        Largest distance of a near repeat, metres; spreads up to a quarter of it can be found.
    level_days : int, default 91
        Days over which the level of the background is constant; the latest level goes on.
    drift : float, default 0.1
        Prior standard deviation of the change of the logarithm of the level from one such stretch to the next.
    calendar : CalendarTerms, optional
        Terms of each day: weekday, season and more; by default one harmonic of the year and the public holidays of the
        events' country.
    least_events : int, default 100
        Crime types with fewer incidents in the study area get an even, steady background without near repeats.
    holdout : int, default 26
        Latest periods forecast without having been seen, on which the dispersions are fitted.
    rounds : int, default 20
        Most rounds of learning the background anew.

    Attributes
    ----------
    parameters_ : DataFrame
        ``crime_type``, ``name``, ``value``, ``standard_error``: ``offspring`` (near repeats an incident),
        ``mean_days``, ``metres``, then the coefficients of time on the log scale. The error is NaN where a value rests
        on the bound of what can be found, or was not estimated.
    """

    parameters_: pd.DataFrame

    def __init__(
        self,
        background_metres: float = 250.0,
        background_reaches: Sequence[float] = (200, 400, 800),
        least_delay: float = 0.1,
        longest_delay: float = 60.0,
        farthest: float = 800.0,
        level_days: int = 91,
        drift: float = 0.1,
        calendar: CalendarTerms | None = None,
        least_events: int = 100,
        holdout: int = 26,
        rounds: int = 20,
    ) -> None:
        self.background_metres = background_metres
        self.background_reaches = background_reaches
        self.least_delay = least_delay
        self.longest_delay = longest_delay
        self.farthest = farthest
        self.level_days = level_days
        self.drift = drift
        self.calendar = calendar
        self.least_events = least_events
        self.holdout = holdout
        self.rounds = rounds

    def _fit(self, history: History) -> None:
        _refuse_months(history)
        super()._fit(history)
        with threadpool_limits(1):
            self.parameters_ = self._table(history)

    def _check(self) -> None:
        super()._check()
        positive = ("background_metres", "longest_delay", "farthest", "level_days")
        for name in (*positive, "rounds"):
            if not getattr(self, name) > 0:
                msg = f"{name}={getattr(self, name)!r} must be above 0."
                raise InputError(msg)
        for name in ("least_delay", "drift", "least_events"):
            if not getattr(self, name) >= 0:
                msg = f"{name}={getattr(self, name)!r} must be 0 or more."
                raise InputError(msg)
        if not self.background_reaches or not min(self.background_reaches) > 0:
            msg = f"background_reaches={list(self.background_reaches)} must hold metres above 0."
            raise InputError(msg)
        if self.least_delay >= self.longest_delay / 3:
            msg = (
                f"least_delay={self.least_delay:g} must be below a third of longest_delay={self.longest_delay:g} days."
            )
            raise InputError(msg)
        if self.background_metres > self.farthest / 2:
            msg = f"background_metres={self.background_metres:g} must be at most half of farthest={self.farthest:g}."
            raise InputError(msg)

    def _incidents(self, history: History) -> list[Incidents]:
        """Return what may have set off others too: incidents in no cell and shortly before the first period."""
        return incidents_by_type(history, earlier_days=self.longest_delay, everywhere=True)

    @property
    def _limits(self) -> EtasBounds:
        return EtasBounds(self.least_delay, self.longest_delay, self.farthest)

    def _learn(self, history: History, incidents: list[Incidents], days: float) -> None:
        self.terms_ = (self.calendar or CalendarTerms()).for_events(history.events)
        self.ground_ = EtasRaster.from_grid(history.grid, self.background_metres, self.farthest)
        self.start_, self.last_day_ = history.panel.periods[0].start_time, round(days)
        with threadpool_limits(1):  # the matrices are small: threads would wait for each other most of the time
            self.fitted_ = [self._learn_type(self._likelihood(one)) for one in incidents]

    def _likelihood(self, incidents: Incidents) -> EtasLikelihood:
        return EtasLikelihood.from_incidents(self.ground_, incidents, self._terms(0, self.last_day_), self._limits)

    def _learn_type(self, likelihood: EtasLikelihood) -> EtasFit:
        if len(likelihood.targets) < max(self.least_events, 1):
            return background_only(likelihood, self.background_reaches)
        return fit(likelihood, self._precision(), self._limits, self.background_reaches, self.rounds)

    def _steps(self) -> int:
        """Return the number of changes of the level before the last day learned from."""
        return max(-(-self.last_day_ // self.level_days) - 1, 0) if self.drift > 0 else 0

    def _terms(self, first: int, last: int) -> Floats:
        """Return the terms of days: a constant, the calendar, and a step at each change of the level."""
        days = pd.period_range(self.start_ + pd.Timedelta(days=first), periods=last - first, freq="D")
        calendar = self.terms_.values(days, _DAYS)
        changes = self.last_day_ - self.level_days * np.arange(self._steps(), 0, -1)
        later = np.arange(first, last)[:, None] >= changes[None, :]
        return np.column_stack([np.ones(len(days)), calendar, later.astype(np.float64)])

    def _precision(self) -> Floats:
        calendar = len(self.terms_.names(_DAYS))
        steps = self._steps()
        return np.concatenate(
            [[0.0], np.full(calendar, _CALENDAR_SPREAD**-2), np.full(steps, self.drift**-2 if steps else 0.0)]
        )

    def _expected(self, history: History, incidents: list[Incidents], now: float, ahead: ForecastBins) -> Floats:  # noqa: ARG002
        begin, days = round(now), round(ahead.steps * ahead.days)
        periods = np.rint(ahead.first * ahead.days).astype(np.int64)
        levels, inside = self._terms(begin, begin + days), self.ground_.inside
        whole = np.divide(1.0, inside, out=np.zeros_like(inside), where=inside > 0)
        cubes = []
        for one, fitted in zip(incidents, self.fitted_, strict=True):
            background = whole * fitted.background.reshape(whole.shape)
            trigger = fitted.effective(self.least_delay)
            with threadpool_limits(1):
                excitation = known_excitation(self.ground_, one, fitted.trigger, begin, self.longest_delay)
                level = np.exp(levels @ fitted.coefficients)
                daily = expected_counts(self.ground_, background, level, excitation, trigger)
            by_period = np.add.reduceat(daily, periods, axis=0).reshape(len(periods), -1)
            cubes.append(self.ground_.shares @ by_period.T)
        return np.stack(cubes)

    def _table(self, history: History) -> pd.DataFrame:
        crime_types, incidents = history.events.crime_types, self._incidents(history)
        back = [self.level_days * count for count in range(self._steps(), 0, -1)]
        calendar = self.terms_.names(_DAYS)
        names = (*_TRIGGER_NAMES, "log_level", *calendar, *(f"change_{days}_days_before" for days in back))
        tables = []
        for crime_type, known, fitted in zip(crime_types, incidents, self.fitted_, strict=True):
            values, errors = fitted.parameters.copy(), np.full(len(names), np.nan)
            if fitted.triggers:
                errors = standard_errors(self._likelihood(known), fitted, self._limits)
            values[1] = -values[1]
            values[:TRIGGER] = np.exp(values[:TRIGGER])
            errors[:TRIGGER] *= values[:TRIGGER]
            if not fitted.triggers:
                values[1:TRIGGER] = np.nan  # without near repeats they mean nothing
            columns = {"crime_type": crime_type, "name": names, "value": values, "standard_error": errors}
            tables.append(pd.DataFrame(columns))
        return pd.concat(tables, ignore_index=True)


def _refuse_months(history: History) -> None:
    """Refuse records that tell the month only: near repeats follow within days."""
    times = history.events.table["occurred_at"]
    if len(times) and times.dt.day.eq(1).mean() > 0.9:
        msg = "Nearly all events fall on the first of a month, so that days are unknown; leave etas out of model=[...]."
        raise NotRunError(msg)
