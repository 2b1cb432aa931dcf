"""What several forecasters would have said of the latest past: the material that ensembles learn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from ilp_models.domain.errors import InputError, NotRunError
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
    """Return the members' forecasts of the latest settled periods, each from what was known at its start.

    Parameters
    ----------
    members : mapping of str to Forecaster
        Unfitted forecasters by name; copies of them are fitted.
    history : History
        The known past.
    count : int
        How many of its latest periods, >= 1.
    refit_every : int
        Periods between two fits; in between members are updated.

    Returns
    -------
    PastForecasts
        Of lead 1.

    Raises
    ------
    InputError
        If there is no member, or a number is below 1.
    NotRunError
        If the past is too short for a member; the member is named.
    """
    if not members or min(count, refit_every) < 1:
        msg = f"An ensemble needs members, and past_periods={count} and refit_every={refit_every} of at least 1."
        raise InputError(msg)
    known = history.panel.periods
    if len(known) <= count:
        msg = (
            f"{len(known)} whole {history.calendar.unit}(s) are known at {history.cutoff}, not more than "
            f"past_periods={count}. Give more data or set fewer."
        )
        raise NotRunError(msg)
    copies = {name: clone(member) for name, member in members.items()}
    expected = np.empty((len(copies), count, *history.panel.by_period.shape[1:]))
    for index in range(count):
        period = known[len(known) - count + index]
        past = _known_at_the_start_of(history, period)
        for place, (name, member) in enumerate(copies.items()):
            learned = fit_member(name, member, past) if index % refit_every == 0 else member.update(past)
            expected[place, index] = learned.predict(known[[len(known) - count + index]]).expected.values[..., 0]
    return PastForecasts(expected, history.panel.by_period[-count:])


def _known_at_the_start_of(history: History, period: Any) -> History:
    try:
        return history.known_at(period.start_time)
    except InputError as error:
        msg = f"Nothing had settled by {period.start_time.date()}, where the past forecasts begin. Give more data."
        raise NotRunError(msg) from error


def fit_member(name: str, member: Forecaster, history: History) -> Forecaster:
    """Return a member of an ensemble, fitted; where it cannot run its name goes with the reason.

    Parameters
    ----------
    name : str
        Name of the member.
    member : Forecaster
        Unfitted; it is fitted itself.
    history : History
        The known past.

    Returns
    -------
    Forecaster
        ``member``.

    Raises
    ------
    NotRunError
        If it cannot run on these data.
    """
    try:
        return member.fit(history)
    except NotRunError as error:
        msg = f"{name} cannot be fitted: {error}"
        raise NotRunError(msg) from error
