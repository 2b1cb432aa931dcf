"""Randomisation inference: what the assignments that could have been drawn say about the one that was drawn."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]

_WIDEST: Final = 6.0  # logarithm of the largest ratio that is searched
_HALVINGS: Final = 30
_EQUAL: Final = 1e-9
_ROWS: Final = 256  # draws that are multiplied at once


class RatioEstimate(NamedTuple):
    """The ratio of treated counts to what they would have been, with its interval and the p-value of a ratio of 1."""

    ratio: float
    low: float
    high: float
    p_value: float


def ratio_estimate(
    counts: Floats, usual: Floats, treated: Bools, draws: Bools, confidence: float = 0.95
) -> RatioEstimate:
    """Return the effect of a treatment as a ratio, with an interval from the inverted randomisation test.

    Under the hypothesis of a ratio, treated counts are divided by it. The test then compares the excess of the treated
    over their usual share of each period with that under other assignments (Rosenbaum 2002, chapter 2). It is exact
    for a ratio of 1 and any distribution of the counts. The estimate is the ratio that leaves no excess.

    ``counts``, ``usual`` and ``treated`` have the shape (units, periods); both are 0 where a unit is not analysed.
    ``draws`` has the shape (draws, units, periods), or (draws, units, 1) where units do not change. The ends are 0 or
    infinity where no ratio is refused, and NaN, like the ratio, where there is nothing to compare.
    """
    if not counts.any():
        return RatioEstimate(np.nan, np.nan, np.nan, 1.0)
    changing = draws.shape[2] > 1
    drawn = draws.reshape(len(draws), -1)
    given = (treated if changing else treated[:, :1]).ravel()
    tail = (1 - confidence) / 2

    def excess_of(part: Floats) -> Floats:
        excess = period_excess(part, usual)
        return np.asarray((excess if changing else excess.sum(axis=1)).ravel())

    # the excess is linear in the counts, so that one product with the draws serves all ratios
    parts = np.stack([excess_of(np.where(treated, counts, 0.0)), excess_of(np.where(treated, 0.0, counts))], axis=1)
    products = np.vstack([rows.astype(np.float64) @ parts for rows in np.split(drawn, range(_ROWS, len(drawn), _ROWS))])

    def at(log_ratio: float, values: Floats) -> Floats:
        return np.asarray(values @ [np.exp(-log_ratio), 1.0])

    def tails(log_ratio: float) -> tuple[float, float]:
        excess = at(log_ratio, parts)
        return tail_probabilities(at(log_ratio, products), float(excess[given].sum()), float(np.abs(excess).sum()))

    low = _crossing(lambda log_ratio: tails(log_ratio)[1] > tail, upwards=False)
    high = _crossing(lambda log_ratio: tails(log_ratio)[0] > tail, upwards=True)
    ratio = _crossing(lambda log_ratio: float(at(log_ratio, parts)[given].sum()) >= 0, upwards=True)
    return RatioEstimate(ratio, low, high, min(1.0, 2 * min(tails(0.0))))


def period_excess(counts: Floats, usual: Floats) -> Floats:
    """Return counts (..., units, periods) less each unit's usual share of the total of the period."""
    norm = usual.sum(axis=-2, keepdims=True)
    totals = counts.sum(axis=-2, keepdims=True)
    level = np.divide(totals, norm, out=np.zeros_like(totals, dtype=float), where=norm > 0)
    return np.asarray(counts - usual * level)


def tail_probabilities(sums: Floats, seen: float, size: float) -> tuple[float, float]:
    """Return how often the sum of an assignment is at most, and at least, that which was seen.

    The assignment that was used counts as one of the draws, so that neither probability is 0. ``size`` is that of the
    numbers behind the sums: differences far below it are rounding.
    """
    margin = _EQUAL * max(1.0, size)
    total = len(sums) + 1
    return (1 + int((sums <= seen + margin).sum())) / total, (1 + int((sums >= seen - margin).sum())) / total


def _crossing(accepted: Callable[[float], bool], *, upwards: bool) -> float:
    """Return the last accepted ratio in one direction; the test moves one way, so that halving finds it."""
    outside = _WIDEST if upwards else -_WIDEST
    if accepted(outside):
        return float("inf") if upwards else 0.0
    inside = -outside
    if not accepted(inside):
        return float("nan")
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if accepted(middle) else (inside, middle)
    return float(np.exp(inside))
