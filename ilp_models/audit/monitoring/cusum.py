"""Cumulative sums that tell a lasting change from chance, and how often chance alone sets them off."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from scipy import optimize

from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]

_OVERSHOOT: Final = 1.166  # Siegmund (1985): 2 x 0.583, the mean excess of a normal walk over a boundary
_NODES: Final = 48
_HIGHEST: Final = 1000.0
_SLOWEST: Final = 0.9  # from some dozens of periods nobody can tell 0.9 from 1


@dataclass(frozen=True, eq=False)
class Reference:
    """What series were like in the periods that an audit rested on.

    Parameters
    ----------
    mean : ndarray of float64
        Shape (series,); NaN without a number.
    spread : ndarray of float64
        Standard deviation of one period, made larger where consecutive periods go together: a cumulative sum of an
        autoregressive series spreads like one of independent periods with sqrt((1 + a) / (1 - a)) times the
        standard deviation, for autocorrelation a > 0 (Johnson and Bagshaw 1974).
    autocorrelation : ndarray of float64
        Of consecutive periods, corrected for its bias in short series (Kendall 1954).
    periods : ndarray of int64
        Periods with a number.
    """

    mean: Floats
    spread: Floats
    autocorrelation: Floats
    periods: npt.NDArray[np.int64]

    @classmethod
    def from_values(cls, values: Floats, least_spread: Floats | float = 0.0) -> Self:
        """Return the reference of some periods."""
        known = np.isfinite(values)
        periods = known.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(known, values, 0.0).sum(axis=0) / periods
            centred = np.where(known, values - mean, 0.0)
            squares = (centred**2).sum(axis=0)
            flat = squares <= 1e-18 * mean**2 * periods  # rounding is no movement
            plain = np.where(flat, 0.0, np.sqrt(squares / (periods - 1)))
            raw = np.where(flat, 0.0, (centred[1:] * centred[:-1]).sum(axis=0) / np.where(flat, 1.0, squares))
            corrected = np.clip(raw + np.where(flat, 0.0, (1 + 3 * raw) / periods), -_SLOWEST, _SLOWEST)
            together = np.maximum(corrected, 0.0)
            spread = plain * np.sqrt((1 + together) / (1 - together))
        return cls(mean, np.maximum(spread, least_spread), corrected, periods)

    def standardised(self, values: Floats) -> Floats:
        """Return how far values lie from the mean of the reference, in spreads."""
        usable = self.spread > 0
        result: Floats = (values - self.mean) / np.where(usable, self.spread, np.nan)
        return result


@dataclass(frozen=True, eq=False)
class Cusum:
    """Two-sided cumulative sums of standardised series (Page 1954), started again after each breach.

    Parameters
    ----------
    up, down : ndarray of float64
        Sums towards higher and lower values as they stood at the end of each period, shape (periods, series).
    breach : ndarray of bool
        Where one of them passed the limit.
    """

    up: Floats
    down: Floats
    breach: npt.NDArray[np.bool_]

    @classmethod
    def from_values(cls, standardised: Floats, allowance: float, limit: Floats | float) -> Self:
        """Return the sums S = max(0, S + z - allowance) and the same of -z."""
        up, down = np.zeros_like(standardised), np.zeros_like(standardised)
        breach = np.zeros(standardised.shape, dtype=bool)
        high = low = np.zeros(standardised.shape[1])
        for at, one in enumerate(standardised):
            known = np.isfinite(one)
            step = np.where(known, one, 0.0)
            high = np.where(known, np.maximum(0.0, high + step - allowance), high)
            low = np.where(known, np.maximum(0.0, low - step - allowance), low)
            up[at], down[at] = high, low
            breach[at] = known & ((high > limit) | (low > limit))
            high, low = np.where(breach[at], 0.0, high), np.where(breach[at], 0.0, low)
        return cls(up, down, breach)


def run_length(limit: npt.ArrayLike, drift: npt.ArrayLike) -> Floats:
    """Return the average number of periods until a one-sided sum passes a limit (Siegmund 1985)."""
    step, height = np.broadcast_arrays(np.asarray(drift, dtype=float), np.asarray(limit, dtype=float) + _OVERSHOOT)
    still = np.abs(step) < 1e-6
    safe = np.where(still, 1.0, step)
    with np.errstate(over="ignore"):
        walked = (np.exp(-2 * safe * height) + 2 * safe * height - 1) / (2 * safe**2)
    return np.where(still, height**2, walked)


def false_alarm(limit: float, allowance: float, reference: int, ahead: float) -> float:
    """Return the probability that chance alone sets a two-sided sum off within some periods.

    Mean and spread come from finitely many periods. Where the estimated mean is off, sums creep towards one side, which
    makes alarms far more frequent than tables for known means say; the probability is that over all such errors, as
    they come with normal, independent periods.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    error, part = nodes / np.sqrt(reference), 2 / (9 * (reference - 1))
    # estimated over true spread: chi-squared over its freedom, from normal nodes (Wilson and Hilferty 1931)
    spread = np.maximum(1 - part + np.sqrt(part) * nodes, 0.01)[:, None] ** 1.5
    rates = [1 / run_length(limit * spread, sign * error - allowance * spread) for sign in (1, -1)]
    alarm = -np.expm1(-ahead * (rates[0] + rates[1]))
    return float(weights @ alarm @ weights)


def limit_for(probability: float, allowance: float, reference: int, ahead: float) -> float:
    """Return the limit at which chance alone sets a two-sided sum off with a stated probability."""

    def excess(limit: float) -> float:
        return float(np.log(max(false_alarm(limit, allowance, reference, ahead), 1e-300) / probability))

    if excess(0.0) <= 0:
        return 0.0
    if excess(_HIGHEST) > 0:
        msg = (
            f"No limit keeps false alarms at {probability:.2g} with a reference of {reference} periods and "
            f"monitor.allowance={allowance}; audit more periods or allow more false alarms."
        )
        raise InputError(msg)
    return float(optimize.brentq(excess, 0.0, _HIGHEST, xtol=1e-6))


def share_of_each(family: float, series: int) -> float:
    """Return the probability for each of several series that makes up that of the whole family (Sidak 1967)."""
    return float(-np.expm1(np.log1p(-family) / series))
