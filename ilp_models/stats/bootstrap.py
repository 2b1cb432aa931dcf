"""Confidence intervals from a block bootstrap of periods, and the Diebold-Mariano test of paired scores."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]

_FEWEST_BLOCKS: Final = 3  # from two blocks a 95 % interval covers 80 %


@dataclass(frozen=True, eq=False)
class Estimate:
    """Values and the ends of their confidence intervals, in arrays of one shape; NaN with too little evidence."""

    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Bootstrap:
    """A circular block bootstrap of periods (Politis and Romano 1992).

    Whole periods are drawn with all cells and crime types, which keeps dependence between places. Blocks of
    consecutive periods keep dependence in time. The same seed gives the same draws, so all forecasters are compared on
    the same resampled periods.

    Parameters
    ----------
    block : int, default 4
        Consecutive periods that are drawn together.
    draws : int, default 2000
        Resampled sets of periods.
    confidence : float, default 0.95
        Confidence of intervals and verdicts.
    seed : int, default 0
        Seed of the draws.

    Raises
    ------
    InputError
        If a setting is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> events, periods = np.arange(20.0), np.ones(20)
    >>> mean = Bootstrap(draws=500).ratio(events, periods)
    >>> bool(mean.low < mean.value < mean.high)
    True
    """

    block: int = 4
    draws: int = 2000
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.block < 1 or self.draws < 1 or not 0 < self.confidence < 1:
            msg = (
                f"bootstrap needs block >= 1, draws >= 1 and 0 < confidence < 1, not block={self.block}, "
                f"draws={self.draws}, confidence={self.confidence}. Set bootstrap.block, .draws or .confidence."
            )
            raise InputError(msg)

    def for_lead(self, lead: int) -> "Bootstrap":
        """Return a bootstrap whose blocks are at least ``lead`` periods long.

        Errors of forecasts ``lead`` periods ahead are correlated over ``lead - 1`` periods. Shorter blocks make
        intervals too narrow.
        """
        return replace(self, block=max(self.block, lead))

    def lags(self, lead: int) -> int:
        """Return the number of autocovariances in :func:`paired_p_value` for forecasts ``lead`` periods ahead.

        Scores are correlated up to ``lead - 1`` periods apart. Bartlett weights (Newey and West 1987) shrink the last
        lags, so twice as many are used. More lags would need more periods than most backtests have.
        """
        return max(self.block - 1, 2 * (lead - 1))

    def weights(self, periods: int) -> Floats:
        """Return how often each period is drawn, shape (draws, periods); read-only, since all tables share it."""
        return _weights(self, periods)

    def _drawn(self, periods: int) -> Floats:
        generator = np.random.default_rng(self.seed)
        starts = generator.integers(periods, size=(self.draws, -(-periods // self.block)))
        drawn = (starts[:, :, None] + np.arange(self.block)) % periods
        drawn = drawn.reshape(self.draws, -1)[:, :periods]
        flat = (drawn + periods * np.arange(self.draws)[:, None]).ravel()
        counts = np.bincount(flat, minlength=self.draws * periods)
        return counts.reshape(self.draws, periods).astype(float)

    def enough(self, periods: int) -> bool:
        """Return whether there are at least three blocks of periods, the minimum for an interval."""
        return periods >= _FEWEST_BLOCKS * self.block

    def interval(self, drawn: Floats, periods: int) -> tuple[Floats, Floats]:
        """Return the ends of the expanded percentile interval of resampled values (Hesterberg 2015).

        Plain percentiles of few periods are too narrow. Blocks vary less around their own mean than around the true
        mean, by ``1 - block / periods``. The spread itself is estimated, with about ``1.5 * periods / block`` degrees
        of freedom (Kuensch 1989). The expanded percentiles correct for both.
        """
        freedom = min(periods - 1.0, 1.5 * periods / self.block)
        normal = special.stdtrit(freedom, (1 - self.confidence) / 2) / np.sqrt(1 - self.block / periods)
        tail = float(special.ndtr(normal))
        values = np.ascontiguousarray(np.moveaxis(np.asarray(drawn, dtype=float), 0, -1))
        low, high = np.quantile(values, (tail, 1 - tail), axis=-1)
        return low, high

    def ratio(self, numerator: Floats, denominator: Floats) -> Estimate:
        """Return ratios of sums over periods (axis 0) with their intervals.

        A mean is the ratio of summed values to summed ones; a pooled hit rate is the ratio of hits to events.
        """
        top, bottom = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
        value = _divide(top.sum(axis=0), bottom.sum(axis=0))
        if not self.enough(len(top)):
            return Estimate(value, np.full(value.shape, np.nan), np.full(value.shape, np.nan))
        weights = self.weights(len(top))
        drawn = _divide(np.tensordot(weights, top, axes=1), np.tensordot(weights, bottom, axes=1))
        low, high = self.interval(drawn, len(top))
        return Estimate(value, low, high)


@lru_cache(maxsize=8)
def _weights(bootstrap: Bootstrap, periods: int) -> Floats:
    weights = bootstrap._drawn(periods)
    weights.flags.writeable = False
    return weights


def paired_p_value(difference: npt.ArrayLike, lags: int) -> float:
    """Return the p-value of equal mean scores of two forecasters, from their score differences by period.

    The test of Diebold and Mariano (1995) with a Bartlett-weighted long-run variance (Newey and West 1987) and
    the small-sample correction of Harvey, Leybourne and Newbold (1997), against Student's t.
    """
    values = np.asarray(difference, dtype=float)
    size = len(values)
    if size < _FEWEST_BLOCKS * (lags + 1):
        return float("nan")
    mean = float(values.mean())
    if np.ptp(values) <= 1e-12 * np.abs(values).max(initial=0.0):
        return 1.0 if mean == 0 else 0.0
    centred = values - mean
    variance = float(centred @ centred)
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float(centred[lag:] @ centred[:-lag])
    horizon = lags + 1
    correction = (size + 1 - 2 * horizon + horizon * (horizon - 1) / size) / size
    statistic = abs(mean) * size / np.sqrt(variance) * np.sqrt(correction)
    return float(2 * special.stdtr(size - 1, -statistic))


def _divide(top: Floats, bottom: Floats) -> Floats:
    result = np.full(bottom.shape, np.nan)
    np.divide(top, bottom, out=result, where=bottom != 0)
    return result
