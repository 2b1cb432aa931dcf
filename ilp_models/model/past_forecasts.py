"""What several forecasters would have said of the latest past: the material that ensembles learn from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.history import History

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PastForecasts:
    """Forecasts of past periods made without having seen them, beside what was then counted.

    Parameters
    ----------
    expected : ndarray of float64
        Expected counts, shape (members, periods, crime types, cells).
    observed : ndarray of float32
        Counts, shape (periods, crime types, cells).
    """

    expected: Floats
    observed: npt.NDArray[np.float32]


def past_forecasts(members: Mapping[str, Forecaster], history: History, count: int, refit_every: int) -> PastForecasts:
    """Return the members' forecasts of the latest settled periods, each from what was known at its start."""
    if not members or min(count, refit_every) < 1:
        msg = f"An ensemble needs members, and past_periods={count} and refit_every={refit_every} of at least 1."
        raise InputError(msg)
    latest = latest_settled(history, count)
    expected = np.empty((len(members), count, *history.panel.by_period.shape[1:]))
    for index, said in enumerate(walk_forward(members, history, latest, refit_every)):
        expected[:, index] = [forecast.expected.values[..., 0] for forecast in said.values()]
    return PastForecasts(expected, history.panel.by_period[-count:])


def latest_settled(history: History, count: int) -> pd.PeriodIndex:
    """Return the latest settled periods."""
    known = history.panel.periods
    if len(known) <= count:
        msg = (
            f"{len(known)} whole {history.calendar.period_unit}(s) are known at {history.cutoff}, not more than "
            f"past_periods={count}. Give more data or set fewer."
        )
        raise NotRunError(msg)
    return known[-count:]


def walk_forward(
    members: Mapping[str, Forecaster], history: History, periods: pd.PeriodIndex, refit_every: int
) -> Iterator[dict[str, RiskForecast]]:
    """Yield the forecasts of past periods, one after the other, each from what was known at its start."""
    copies = {name: clone(member) for name, member in members.items()}
    for index in range(len(periods)):
        past = _known_at_the_start_of(history, periods[index])
        for name, member in copies.items():
            if index % refit_every == 0:
                fit_member(name, member, past)
            else:
                member.update(past)
        yield {name: predict_member(name, member, periods[[index]]) for name, member in copies.items()}


def _known_at_the_start_of(history: History, period: Any) -> History:
    try:
        return history.known_at(period.start_time)
    except InputError as error:
        msg = f"Nothing had settled by {period.start_time.date()}, where the past forecasts begin. Give more data."
        raise NotRunError(msg) from error


def fit_member(name: str, member: Forecaster, history: History) -> Forecaster:
    """Return a member of an ensemble, fitted; where it cannot run its name goes with the reason."""
    try:
        return member.fit(history)
    except NotRunError as error:
        msg = f"{name} cannot be fitted: {error}"
        raise NotRunError(msg) from error


def predict_member(name: str, member: Forecaster, periods: pd.PeriodIndex) -> RiskForecast:
    """Return a member's forecast of past periods; where it is none its name goes with the reason."""
    try:
        return member.predict(periods)
    except (InputError, NotRunError) as error:  # met while another method learns: only that one stops
        msg = f"{name} cannot forecast {periods[0].start_time.date()}: {error}"
        raise NotRunError(msg) from error
