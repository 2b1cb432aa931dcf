"""ETAS: a parametric self-exciting point process by maximum likelihood, as in earthquake forecasting."""

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
from ilp_models.model.point_processes.etas_fit import EtasFit, background_only, fit, standard_errors
from ilp_models.model.point_processes.etas_likelihood import TRIGGER, EtasBounds, EtasLikelihood
from ilp_models.model.point_processes.etas_raster import EtasRaster
from ilp_models.model.point_processes.incidents import Incidents, incidents_by_type
from ilp_models.model.point_processes.point_process import PointProcess, in_own_cells

Floats = npt.NDArray[np.float64]

_CALENDAR: Final = CalendarTerms()
_DAYS: Final = Calendar("day")
_CALENDAR_SPREAD: Final = 0.5  # prior standard deviation of the calendar's coefficients
_ORDER: Final = 12  # terms of the Taylor series; the error is 1e-4 at a mean delay of a quarter of a day
_TRIGGER_NAMES: Final = ("offspring", "mean_days", "metres")


class ETAS(PointProcess):
    """Epidemic-type aftershock sequence: background with a calendar, plus near repeats (Ogata 1998).

    Near repeats are exponential in time and Gaussian in space. Each crime type has its own parameters, by maximum
    likelihood with a gradient. The background of small squares is a kernel density times a factor with a gamma prior.
    Both are learned from the incidents weighted with their probability of being background, without the incident
    itself. Offspring outside the study area count as lost. Ogata (1998), Annals of the Institute of Statistical
    Mathematics 50, 379-402.

    Parameters
    ----------
    background_metres : float, default 250
        Side of the squares of the background, metres.
    background_reaches_m : sequence of float
        Standard deviations of the kernels whose mixture smooths the background, metres. The weights of the mixture are
        learned for each crime type.
    least_delay : float, default 0.1
        Smallest delay of a near repeat, days. Closer records count as one incident with two records.
    longest_delay : float, default 60
        Largest delay of a near repeat, days. The mean delay can be at most a third of it.
    farthest : float, default 800
        Largest distance of a near repeat, metres. Its standard deviation can be at most a quarter of it.
    level_days : int, default 91
        Days over which the level of the background is constant. Forecasts continue the latest level.
    drift : float, default 0.1
        Prior standard deviation of the change of the log level from one such interval to the next.
    calendar : CalendarTerms
        Terms of each day. By default weekdays, one harmonic of the year, and the holidays of the events' country.
    least_events : int, default 100
        Crime types with fewer incidents in the study area get a constant background without near repeats.
    holdout : int, default 26
        Latest periods on which the dispersions are fitted, out of sample.
    rounds : int, default 20
        Largest number of rounds of the estimation.

    Attributes
    ----------
    parameters_ : DataFrame
        ``crime_type``, ``name``, ``value``, ``standard_error``: ``offspring`` (near repeats per incident),
        ``mean_days``, ``metres``, then the coefficients of time on the log scale. The error is NaN if the value is at
        the limit of its range or was not estimated.

    Examples
    --------
    >>> model = ETAS(background_reaches_m=(400,), rounds=3).fit(history)
    >>> model.parameters_["name"].head(3).tolist()
    ['offspring', 'mean_days', 'metres']
    """

    parameters_: pd.DataFrame

    def __init__(
        self,
        background_metres: float = 250.0,
        background_reaches_m: Sequence[float] = (200, 400, 800),
        least_delay: float = 0.1,
        longest_delay: float = 60.0,
        farthest: float = 800.0,
        level_days: int = 91,
        drift: float = 0.1,
        calendar: CalendarTerms = _CALENDAR,
        least_events: int = 100,
        holdout: int = 26,
        rounds: int = 20,
    ) -> None:
        self.background_metres = background_metres
        self.background_reaches_m = background_reaches_m
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
        if not self.background_reaches_m or not min(self.background_reaches_m) > 0:
            msg = (
                f"background_reaches_m={list(self.background_reaches_m)} must be one or more distances above 0 metres."
            )
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
        """Return all possible parents: also incidents in no cell, and incidents shortly before the first period."""
        return incidents_by_type(history, earlier_days=self.longest_delay, outside_cells=True)

    @property
    def _limits(self) -> EtasBounds:
        return EtasBounds(self.least_delay, self.longest_delay, self.farthest)

    def _learn(self, history: History, incidents: list[Incidents], days: float) -> None:
        self.terms_ = self.calendar.for_events(history.events)
        self.raster_ = EtasRaster.from_grid(history.grid, self.background_metres, self.farthest)
        self.start_, self.last_day_ = history.panel.periods[0].start_time, round(days)
        with threadpool_limits(1):  # the matrices are small: threads would mostly wait for each other
            self.fitted_ = [self._learn_type(self._likelihood(one)) for one in incidents]

    def _likelihood(self, incidents: Incidents) -> EtasLikelihood:
        return EtasLikelihood.from_incidents(self.raster_, incidents, self._terms(0, self.last_day_), self._limits)

    def _learn_type(self, likelihood: EtasLikelihood) -> EtasFit:
        if len(likelihood.targets) < max(self.least_events, 1):
            return background_only(likelihood, self.background_reaches_m)
        return fit(likelihood, self._precision(), self._limits, self.background_reaches_m, self.rounds)

    def _steps(self) -> int:
        """Return the number of changes of the level before the last training day."""
        return max(-(-self.last_day_ // self.level_days) - 1, 0) if self.drift > 0 else 0

    def _terms(self, first: int, last: int) -> Floats:
        """Return the terms of each day: a constant, the calendar, and a step at each change of the level."""
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

    def _expected(self, history: History, incidents: list[Incidents], now: float, bins: ForecastBins) -> Floats:
        del history
        begin, days = round(now), round(bins.steps * bins.days)
        periods = np.rint(bins.first * bins.days).astype(np.int64)
        levels, inside = self._terms(begin, begin + days), self.raster_.inside
        whole = np.divide(1.0, inside, out=np.zeros_like(inside), where=inside > 0)
        cubes = []
        for one, fitted in zip(incidents, self.fitted_, strict=True):
            background = whole * fitted.background.reshape(whole.shape)
            trigger = fitted.effective(self.least_delay)
            with threadpool_limits(1):
                excitation = known_excitation(self.raster_, one, fitted.trigger, begin, self.longest_delay)
                level = np.exp(levels @ fitted.coefficients)
                daily = expected_counts(self.raster_, background, level, excitation, trigger)
            by_period = np.add.reduceat(daily, periods, axis=0).reshape(len(periods), -1)
            cubes.append(self.raster_.shares @ by_period.T)
        return np.stack(cubes)

    def _own_repeats(self, kind: int, repeats: Floats, incidents: Incidents, now: float, bins: ForecastBins) -> Floats:
        del bins
        _, rate, _ = self.fitted_[kind].trigger
        recent = (incidents.day >= now - self.longest_delay) & (incidents.day < now)
        weights = np.where(recent, np.exp(-rate * np.maximum(now - incidents.day, 0.0)), 0.0)
        return in_own_cells(incidents, weights, repeats)

    def _table(self, history: History) -> pd.DataFrame:
        crime_types, incidents = history.events.crime_types, self._incidents(history)
        changes = [self.level_days * count for count in range(self._steps(), 0, -1)]
        calendar = self.terms_.names(_DAYS)
        names = (*_TRIGGER_NAMES, "log_level", *calendar, *(f"change_{days}_days_before" for days in changes))
        tables = []
        for crime_type, known, fitted in zip(crime_types, incidents, self.fitted_, strict=True):
            values, errors = fitted.parameters.copy(), np.full(len(names), np.nan)
            if fitted.triggers:
                errors = standard_errors(self._likelihood(known), fitted, self._limits)
            values[1] = -values[1]
            values[:TRIGGER] = np.exp(values[:TRIGGER])
            errors[:TRIGGER] *= values[:TRIGGER]
            if not fitted.triggers:
                values[1:TRIGGER] = np.nan  # not defined without near repeats
            columns = {"crime_type": crime_type, "name": names, "value": values, "standard_error": errors}
            tables.append(pd.DataFrame(columns))
        return pd.concat(tables, ignore_index=True)


def _refuse_months(history: History) -> None:
    """Refuse records that only have a month: near repeats follow within days."""
    times = history.events.table["occurred_at"]
    if len(times) and times.dt.day.eq(1).mean() > 0.9:
        msg = (
            "Over 90 % of events fall on the first of a month, so that days are unknown. Take etas out of model=[...]."
        )
        raise NotRunError(msg)


def known_excitation(
    raster: EtasRaster, incidents: Incidents, trigger: tuple[float, float, float], day: float, most_days: float
) -> Floats:
    """Return the intensity in each square that known incidents trigger on a day."""
    share, rate, metres = trigger
    recent = incidents.between(day - most_days, day)
    rows, columns = raster.masses(recent.x, recent.y, metres)
    weight = share * rate * np.exp(-rate * (day - recent.day))
    return np.asarray((rows * weight[:, None]).T @ columns)


def expected_counts(
    raster: EtasRaster, background: Floats, levels: Floats, excitation: Floats, trigger: tuple[float, float, float]
) -> Floats:
    """Return the expected incidents of each square on consecutive days, all generations included.

    The expected excitation V of the squares obeys dV/dt = -rate V + share rate K (background + V) with K the Gaussian
    spread (Hawkes 1971, Biometrika 58, 83-90). A Taylor series per day solves it in time; in space the intensity is
    uniform within each square.
    """
    share, rate, metres = trigger
    rows, columns = raster.spread(metres)
    result = np.empty((len(levels), *excitation.shape))
    for day, level in enumerate(levels):
        daily_background = level * background
        term = excitation
        total = excitation.copy()
        for order in range(1, _ORDER + 1):
            source = (term + daily_background if order == 1 else term) * raster.inside
            term = rate / order * (share * (rows @ source @ columns) - term)
            excitation = excitation + term
            total += term / (order + 1)
        result[day] = daily_background + total
    return result
