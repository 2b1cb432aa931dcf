"""Aoristic weights: share an event of unknown time between the hours of the week in which it may have happened."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.special import gammaln
from scipy.stats import beta, chi2

Floats = npt.NDArray[np.floating[Any]]

HOURS: Final = 168
_HOUR: Final = 60
WEEK: Final = HOURS * _HOUR  # minutes
_WEIGHTS: Final = np.exp(np.linspace(0, 14, 57))[:, None, None]  # from one event to a million
_MONDAY: Final = np.datetime64("1970-01-05T00:00", "m").astype(np.int64)


def week_weights(start: npt.NDArray[np.datetime64], until: npt.NDArray[np.datetime64]) -> csr_matrix:
    """Return the weight of each event in each hour of the week, shape (events, 168); rows sum to 1.

    Each minute of [start, until) has the same weight (Ratcliffe 2002). Hour 0 is Monday 00:00. Without an end (NaT),
    and for an end at most one minute after the start or before it, the hour of the start has all the weight. A span of
    a week or more gives each hour 1/168.
    """
    first = start.astype("datetime64[m]").astype(np.int64) - _MONDAY
    known = ~np.isnat(until)
    last = np.where(known, until, start).astype("datetime64[m]").astype(np.int64) - _MONDAY
    minutes = np.clip(last - first, 1, WEEK)  # a whole week from any start holds each hour once
    end = first + minutes
    bins = (end - 1) // _HOUR - first // _HOUR + 1
    event = np.repeat(np.arange(len(first)), bins)
    offset = np.arange(len(event)) - np.repeat(np.cumsum(bins) - bins, bins)
    hour = first[event] // _HOUR + offset
    overlap = np.minimum(end[event], (hour + 1) * _HOUR) - np.maximum(first[event], hour * _HOUR)
    weights = csr_matrix((overlap / minutes[event], (event, hour % HOURS)), shape=(len(first), HOURS))
    weights.sum_duplicates()
    return weights


def weighted_sum_interval(total: Floats, squares: Floats, largest: float, confidence: float) -> tuple[Floats, Floats]:
    """Return the interval of the mean of weighted sums of events (Fay and Feuer 1997).

    It is Garwood's exact interval where all weights are 1.

    Parameters
    ----------
    total, squares : ndarray
        Sums of the weights, and of their squares.
    largest : float
        The largest weight that one more event could have.
    confidence : float
        Such as 0.95.
    """
    tail = (1 - confidence) / 2
    some = total > 0
    mean, spread = np.where(some, total, 1.0), np.where(some, squares, 1.0)
    low = np.where(some, spread / (2 * mean) * chi2.ppf(tail, 2 * mean**2 / spread), 0.0)
    mean, spread = total + largest, squares + largest**2
    return low, spread / (2 * mean) * chi2.ppf(1 - tail, 2 * mean**2 / spread)


def draw_times(
    start: npt.NDArray[np.datetime64], until: npt.NDArray[np.datetime64], place: npt.NDArray[np.float64]
) -> npt.NDArray[np.datetime64]:
    """Return one minute of each span [start, until), with the same chance each; the start without an end (NaT).

    The draw depends on the span and the place (shape (events, 2)) alone. It is therefore the same in every run, and
    does not change when other events are added.
    """
    first = start.astype("datetime64[m]").astype(np.int64)
    minutes = np.where(np.isnat(until), 0, until.astype("datetime64[m]").astype(np.int64) - first)
    keys = [first, minutes, *np.round(place.T * 1000).astype(np.int64)]  # millimetres
    mixed = np.zeros(len(first), dtype=np.uint64)
    for key in keys:
        mixed = _mix(mixed ^ key.astype(np.uint64))
    share = (mixed >> np.uint64(11)) / float(1 << 53)  # uniform in [0, 1)
    step = np.floor(share * np.maximum(minutes, 1)).astype(np.int64)
    return np.where(minutes > 0, start + step.astype("timedelta64[m]"), start)


def _mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return well mixed bits of each value: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def shrunken_shares(sums: Floats, lengths: Floats) -> tuple[Floats, Floats]:
    """Return the share of each part of the day in each area, shrunk towards the shares of all areas, and its variance.

    ``sums`` (areas, parts) are aoristic weights, ``lengths`` the shares of the parts in the day. Areas with few events
    get the shares of all, those with many their own. How much is learned: counts are Dirichlet-multinomial, and the
    weight w of the common shares, in events, is integrated out. Its prior is uniform in 1 / sqrt(1 + w), which is the
    spread between areas. The variance counts the events of the area, the common shares and w.
    """
    events, size = sums.sum(), sums.sum(axis=1, keepdims=True)
    common = (sums.sum(axis=0) + lengths) / (events + 1.0)
    prior = _WEIGHTS * common
    parts = (gammaln(sums + prior) - gammaln(prior)).sum(axis=(1, 2))
    likelihood = parts + (gammaln(_WEIGHTS) - gammaln(size + _WEIGHTS)).sum(axis=(1, 2))
    likelihood += (np.log(_WEIGHTS) - 1.5 * np.log1p(_WEIGHTS))[:, 0, 0]  # the prior, in steps of log w
    chance = np.exp(likelihood - likelihood.max())
    chance /= chance.sum()
    mean = (sums + prior) / (size + _WEIGHTS)
    pooled = ((size * (size + _WEIGHTS)).sum(axis=1, keepdims=True) / (1 + _WEIGHTS) + 1) / (events + 1) ** 2
    variance = mean * (1 - mean) / (size + _WEIGHTS + 1)
    variance += (_WEIGHTS / (size + _WEIGHTS)) ** 2 * common * (1 - common) * pooled
    share = np.tensordot(chance, mean, 1)
    return share, np.tensordot(chance, variance + (mean - share) ** 2, 1)


def share_interval(share: Floats, variance: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Return the limits of shares: quantiles of beta distributions with their means and variances."""
    events = np.maximum(share * (1 - share) / variance - 1, 1.0)
    tail = (1 - confidence) / 2
    fitted = beta(share * events, (1 - share) * events)
    return fitted.ppf(tail), fitted.ppf(1 - tail)
