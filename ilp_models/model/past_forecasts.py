"""Out-of-sample forecasts of past periods, from which ensembles and wrappers learn."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.history import History
from ilp_models.domain.panel import DIMS

FEWEST_HELD_OUT: Final = 4
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MemberForecasts:
    """Out-of-sample forecasts of past periods by several forecasters, with the counts."""

    expected: Floats  # (members, periods, crime types, cells)
    observed: npt.NDArray[np.float32]  # (periods, crime types, cells)


def forecast_past(members: Mapping[str, Forecaster], history: History, count: int, refit_every: int) -> MemberForecasts:
    """Return the members' forecasts of the latest settled periods, each from what was known at its start."""
    if not members or min(count, refit_every) < 1:
        msg = (
            f"An ensemble of {len(members)} members with past_periods={count} and refit_every={refit_every} cannot "
            "learn. Set at least one member, and both numbers to 1 or more."
        )
        raise InputError(msg)
    latest = latest_settled(history, count)
    expected = np.empty((len(members), len(latest), *history.panel.by_period.shape[1:]))
    for index, forecasts in enumerate(walk_forward(members, history, latest, refit_every)):
        expected[:, index] = [forecast.expected.values[..., 0] for forecast in forecasts.values()]
    return MemberForecasts(expected, history.panel.by_period[-len(latest) :])


def latest_settled(history: History, count: int) -> pd.PeriodIndex:
    """Return the latest settled periods, at most half of those that are known."""
    known = history.panel.periods
    held_out = at_most_half(count, len(known))
    if not held_out:
        msg = (
            f"{len(known)} whole {history.calendar.period_unit}(s) are known at {history.cutoff}; at least "
            f"{2 * FEWEST_HELD_OUT} are needed. Give more data."
        )
        raise NotRunError(msg)
    return known[-held_out:]


def at_most_half(count: int, known: int) -> int:
    """Return how many periods are held out: as many as set, but at most half; 0 if fewer than 4 of these are left."""
    held_out = min(count, known // 2)
    return held_out if held_out >= min(count, FEWEST_HELD_OUT) else 0


def shortened_past(members: Mapping[str, Forecaster], count: int, known: int, calendar: Calendar) -> tuple[str, ...]:
    """Return the settings that few known periods reduce: the periods to learn weights from, and those of members."""
    held_out = at_most_half(count, known)
    own = (f"past_periods={held_out} instead of {count}",) if 0 < held_out < count else ()
    inner = [(name, cut) for name, one in members.items() for cut in one.shortened(known - held_out, calendar)]
    return (*own, *(f"{name} {cut}" for name, cut in inner))


def walk_forward(
    members: Mapping[str, Forecaster], history: History, periods: pd.PeriodIndex, refit_every: int
) -> Iterator[dict[str, RiskForecast]]:
    """Yield the forecasts of each past period by member name, from what was known at its start."""
    copies = {name: clone(member) for name, member in members.items()}
    for index in range(len(periods)):
        past = _known_at_start(history, periods[index])
        for name, member in copies.items():
            if index % refit_every == 0:
                fit_member(name, member, past)
            else:
                member.update(past)
        yield {name: predict_member(name, member, periods[[index]]) for name, member in copies.items()}


def _known_at_start(history: History, period: Any) -> History:
    try:
        return history.known_at(period.start_time)
    except InputError as error:
        msg = f"No period had settled by {period.start_time.date()}, where the past forecasts begin. Give more data."
        raise NotRunError(msg) from error


def fit_member(name: str, member: Forecaster, history: History) -> Forecaster:
    """Return the fitted member; an error names it."""
    try:
        return member.fit(history)
    except NotRunError as error:
        msg = f"{name} cannot be fitted: {error}"
        raise NotRunError(msg) from error


def predict_member(name: str, member: Forecaster, periods: pd.PeriodIndex) -> RiskForecast:
    """Return the member's forecast of past periods; an error names it."""
    try:
        return member.predict(periods)
    except (InputError, NotRunError) as error:  # raised within the fit of another method: only that method stops
        msg = f"{name} cannot forecast {periods[0].start_time.date()}: {error}"
        raise NotRunError(msg) from error


@dataclass(frozen=True, eq=False)
class PastForecasts:
    """Out-of-sample forecasts of settled periods at lead 1, with the counts.

    All arrays have the shape (periods, crime types, cells), latest period last.
    """

    expected: Floats
    dispersion: Floats
    observed: Floats

    def weights(self, half_life: float) -> Floats:
        """Return the weight of each period: 1 for the latest, halved every `half_life` periods before it."""
        if not half_life > 0:
            msg = f"half_life={half_life} must be above 0; set .inf for equal weights."
            raise InputError(msg)
        ages = np.arange(len(self.expected))[::-1]
        return np.asarray(0.5 ** (ages / half_life))


class PastPerformance:
    """A fitted forecaster with its out-of-sample forecasts of the latest periods.

    `advance` adds the periods that began since the last call, each forecast from what was known at its start. The
    result therefore does not depend on which updates were made. Periods that have not settled wait until they have.
    """

    def __init__(self, forecaster: Forecaster, count: int, forecasts: list[RiskForecast]) -> None:
        self.forecaster = forecaster  # fitted
        self.count = count  # settled periods to remember
        self._forecasts: dict[pd.Period, tuple[Floats, Floats]] = {}  # expected counts and dispersions
        for forecast in forecasts:
            self._remember(forecast)

    @classmethod
    def from_history(cls, forecaster: Forecaster, history: History, count: int, refit_every: int) -> Self:
        """Fit a forecaster twice: on an earlier past, for the out-of-sample forecasts, and on the whole history."""
        if min(count, refit_every) < 1:
            msg = f"past_periods={count} and refit_every={refit_every} must be at least 1."
            raise InputError(msg)
        name = type(forecaster).__name__
        latest = latest_settled(history, count)
        first, last = latest[0], history.calendar.next_periods(history.cutoff, 1)[0] - 1
        begun = pd.period_range(first, last)
        forecasts = [made[name] for made in walk_forward({name: forecaster}, history, begun, refit_every)]
        return cls(fit_member(name, clone(forecaster), history), len(latest), forecasts)

    def advance(self, history: History) -> None:
        """Forecast the periods that began since the last call, each from what was known at its start."""
        upcoming = history.calendar.next_periods(history.cutoff, 1)[0]
        for period in pd.period_range(max(self._forecasts) + 1, upcoming - 1):
            self.forecaster.update(history.known_at(period.start_time))
            name = type(self.forecaster).__name__
            self._remember(predict_member(name, self.forecaster, pd.PeriodIndex([period])))
        self.forecaster.update(history)
        oldest = history.panel.periods[-1] - self.count
        self._forecasts = {period: forecast for period, forecast in self._forecasts.items() if period > oldest}

    def settled(self, history: History) -> PastForecasts:
        """Return the forecasts of the latest settled periods, with their counts."""
        latest = [self._forecasts[period] for period in history.panel.periods[-self.count :]]
        observed = history.panel.by_period[-self.count :].astype(np.float64)
        expected, dispersion = (np.stack(part) for part in zip(*latest, strict=True))
        return PastForecasts(expected, dispersion, observed)

    def _remember(self, forecast: RiskForecast) -> None:
        spread = forecast.dispersion.broadcast_like(forecast.expected).transpose(*DIMS).values[..., 0]
        self._forecasts[forecast.periods[0]] = (
            forecast.expected.values[..., 0],
            np.asarray(spread, dtype=np.float64),
        )
